# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A botocore or cfn-lint that renames what we use is noticed by make test as well."""

from __future__ import annotations

from tests.verify import models


def test_botocore_and_cfn_lint_know_what_we_use() -> None:
    checks = models.checks()
    assert len(checks) > 20
    assert [what for what, check in checks.items() if not check()] == []


def test_a_renamed_one_is_noticed() -> None:
    assert models.run().mistakes == {"a waiter, a retry mode, a type and a property renamed": True}
