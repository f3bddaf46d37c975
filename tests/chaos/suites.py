# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cases that have tests of their own: make chaos runs those tests, and counts them."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

from tests.chaos.trials import Tally
from tests.estate import ROOT

INTEGRATION = "tests/integration/"
WRONG_PLACE = (
    INTEGRATION + "test_playbooks.py::test_a_run_without_credentials_or_with_two_bad_files",
    INTEGRATION + "test_playbooks.py::test_a_system_from_its_plan_to_a_replaced_transactor",
)
TWICE = (
    INTEGRATION + "test_lock_systems.py",
    INTEGRATION + "test_register_files_push.py",
    INTEGRATION + "test_playbooks.py::test_several_systems_at_once_and_one_alone",
    INTEGRATION + "test_replace_transactors_cases.py",
    INTEGRATION + "test_register_files_killed.py::test_hosts_side_by_side_in_one_repository",
    INTEGRATION + "test_register_files_killed.py::test_index_held_by_another_git",
)
PREFLIGHT = ("tests/unit/test_rules.py", "tests/unit/test_property_keys.py")
REFUSED = (INTEGRATION + "test_refusals.py", INTEGRATION + "test_permissions.py")


def suite(name: str, *tests: str) -> Tally:
    """Each test is a try; one that fails has lost something."""
    tally = Tally(name)
    with tempfile.TemporaryDirectory(prefix="chaos-") as directory:
        report = pathlib.Path(directory) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *tests]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []
    for case in cases:
        tally.tried += case.find("skipped") is None
        if case.find("failure") is not None or case.find("error") is not None:
            tally.lost += 1
            tally.details.append(f"{case.get('classname')}::{case.get('name')}")
    if done.returncode and not tally.lost:
        tally.crash(done.stdout[-2000:] + done.stderr[-2000:])
    return tally
