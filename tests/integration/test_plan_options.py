# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables of the role about the plan, as a user sees them."""

from __future__ import annotations

import pathlib
import re

from tests.emulator import Emulator
from tests.estate import ROOT, Estate


def test_a_check_of_many_systems_that_fails_on_changes_shows_all_plans(tmp_path: pathlib.Path, aws: Emulator) -> None:
    estate = Estate(tmp_path / "estate", aws.url, ROOT / "examples" / "estate")
    for name in ("orders-transactor.properties", "orders-cf.properties"):
        text = (estate.directory / "aws" / name).read_text()
        (estate.directory / "aws" / name.replace("orders", "invoices")).write_text(text.replace("orders", "invoices"))
    hosts = estate.directory / "inventory" / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("wormbase", "invoices"))
    check = estate.play("datomic_onprem.aws.create", "--check", "-e", "datomic_fail_on_changes=true")
    assert check.returncode == 2, check.output
    assert check.output.count("\nPlan: ") == 2
    message = "The plan has changes, and datomic_fail_on_changes is true."
    assert check.output.count(f'FAILED! => {{"changed": false, "msg": "{message}"}}') == 2
    assert re.findall(r"(?m)^(\w+) +\1 .*(pending)$", check.output) == [("orders", "pending"), ("invoices", "pending")]
    assert '"changes"' not in check.output
    assert check.writes() == []
