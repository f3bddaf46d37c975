# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recorded cases of bin/datomic, played with our modules. docs/development/differences.md lists the differences."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.golden import templates
from tests.golden.harness import CASES, Case, Played, differences, play, same_lines, told, without_version

SAME, REFUSED, CRASHED, UNSOUND, REPAIRED = 1, 2, 3, 4, 5
"""The rules of docs/development/differences.md: layout kept; findings; a crash on unsound input; unsound input that the
tool took; sound input that it did not."""

VERDICTS = {
    SAME: {"ok"},
    REFUSED: {"error"},
    CRASHED: {"crash"},
    UNSOUND: {"ok"},
    REPAIRED: {"ok", "error", "crash"},
}

LIKE = {
    "transactor-profile-taken": "transactor-minimal",
    "transactor-table-many": "transactor-table-many",
    "transactor-protocol-dev": "transactor-protocol-dev",
    "cf-cidr-added": "cf-cidr-removed",
    "cf-ingress-spaces": "cf-ingress-two",
    "cf-xmx-m5-large": "cf-complete",
    "template-special": "template-special",
    "template-type-unmapped": "template-type-unmapped",
}
"""Rule 5: the case whose account and files ours ends with instead."""


MORE_CALLS = {"transactor-role-with-policies": 1}
"""The policy of another name is read, for what it grants (docs/development/differences.md)."""


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, aws: Emulator, tmp_path: pathlib.Path) -> None:
    case = CASES[name]
    listed = differences()
    verdict = case["runs"][-1]["verdict"]
    rule = listed.get(name, SAME)
    assert verdict in VERDICTS[rule], f"{name} is recorded as {verdict} and stands under rule {rule}"
    played, account = play(case, aws, tmp_path)
    if rule in (REFUSED, CRASHED, UNSOUND):
        refused(case, played, account)
        return
    expected = like(name) if rule == REPAIRED else case
    succeeded(name, expected, played, account)
    if rule == SAME:
        frugal(case, played, MORE_CALLS.get(name, 0))
        layout_kept(name, case, played, name in listed)


def test_every_departure_is_a_case() -> None:
    assert set(differences()) <= set(CASES)


def refused(case: Case, played: list[Played], account: dict[str, Any]) -> None:
    """One message with all that the tool found, and nothing has changed."""
    (one,) = played
    assert one.result["failed"]
    message = one.result["msg"]
    assert "Traceback" not in message
    if case["runs"][-1]["verdict"] == "error":
        assert not [text for text in case["runs"][-1]["messages"] if told(text) not in message], message
    assert account == case["before"]
    assert one.files == {}


def like(name: str) -> Case:
    """The case of LIKE; for ensure-cf with the file of this one and the values that have to be filled in."""
    case, other = CASES[name], CASES[LIKE[name]]
    (run,) = other["runs"]
    if run["command"] != "ensure-cf":
        return other
    text = case["files"][run["args"][0]].replace("java-xmx=\n", "java-xmx=5734m\n") + "java-opts=\n"
    return {**other, "runs": [{**run, "files": {run["args"][1]: text}}]}


def succeeded(name: str, expected: Case, played: list[Played], account: dict[str, Any]) -> None:
    """The account, the files and the template of the recording."""
    after = expected["before"] if expected["after"] == "as before" else expected["after"]
    for one, run in zip(played, expected["runs"], strict=True):
        assert not one.result["failed"], one.result["msg"]
        assert one.result["changed"] == bool(one.files or one.result.get("actions"))
        if run["command"] == "create-cf-template":
            templates.same(name, run["template"], one)
        else:
            written = {name: same_lines(text) for name, text in one.files.items()}
            assert written == recorded(expected, run)
    assert without_version(account) == without_version(after)


def recorded(case: Case, run: dict[str, Any]) -> dict[str, str]:
    """The files that the run wrote; of a tool that crashed, what it would have written: its input."""
    if run["verdict"] == "crash":
        return {run["args"][1]: case["files"][run["args"][0]]}
    texts: dict[str, str] = run["files"]
    return texts


def frugal(case: Case, played: list[Played], more: int) -> None:
    """Never more calls than the tool, but for a told exception, and no write when nothing changes."""
    for one, run in zip(played, case["runs"], strict=True):
        assert len(one.calls) <= len(run["calls"]) + more, one.calls
        if not one.result.get("actions"):
            assert not [
                call for call in one.calls if not call.split(":")[1].startswith(("Get", "List", "Describe", "Head"))
            ]


def layout_kept(name: str, case: Case, played: list[Played], departs: bool) -> None:
    """Ours keeps line ends and a missing last newline; a case in which the tool does not is a listed departure."""
    kept = True
    for one, run in zip(played, case["runs"], strict=True):
        for file, text in one.files.items():
            source = case["files"].get(run["args"][0], "")
            if run["command"] != "create-cf-template":
                assert text.count("\r\n") >= source.count("\r\n")
                assert text.endswith("\n") == source.endswith("\n")
                kept = kept and text == run["files"][file]
    assert departs != kept, name
