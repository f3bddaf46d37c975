# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A botocore or cfn-lint that renames what we use is noticed by make test as well."""

from __future__ import annotations

import re

from tests.verify import models, schemas, sources


def test_botocore_and_cfn_lint_know_what_we_use() -> None:
    checks = models.checks(sources.texts(), schemas.templates())
    assert len(checks) > 250
    assert [what for what, holds in checks.items() if not holds] == []


def test_a_renamed_one_is_noticed() -> None:
    assert models.run().mistakes == {f"{what} misnamed": True for what in models.MISTAKES}


def test_only_aws_calls_aws() -> None:
    assert {use.where.partition("/")[0] for use in sources.uses(sources.texts())} == {"aws"}


def test_no_operation_is_overlooked() -> None:
    """What in the source is named like an operation of a service that we use, in several words, is among the uses."""
    texts = sources.texts()
    uses = sources.uses(texts)
    operations = {
        name for service in {use.service for use in uses} - {""} for name in models.BOTOCORE.operations(service)
    }
    found = {(use.where.partition(":")[0], use.name) for use in uses}
    for path, text in texts.items():
        named = set(re.findall(r"\.([a-z0-9]+_[a-z_0-9]+)\b|\"([a-z0-9]+_[a-z_0-9]+)\"", text))
        for name in {one or other for one, other in named} & operations:
            assert (path, name) in found
