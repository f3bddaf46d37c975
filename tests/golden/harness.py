# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays a recorded case with our modules, and puts the placeholders of the recordings into what comes out."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from tests.emulator import Emulator
from tests.emulator.account import prepare, snapshot
from tests.modules import CREDENTIALS, run_module

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
RELEASE = "1.0.7277"
LOCAL_ENDPOINT = "dynamodb.us-east-1.amazonaws.com"

Case = Mapping[str, Any]

CASES: dict[str, Case] = {path.stem: json.loads(path.read_text()) for path in sorted((HERE / "cases").glob("*.json"))}


def differences() -> dict[str, int]:
    """Case to rule, from docs/development/differences.md: headings "## Rule N: …", cases "- `case`: …"."""
    rule = 0
    listed: dict[str, int] = {}
    for line in (ROOT / "docs" / "development" / "differences.md").read_text().splitlines():
        if heading := re.match(r"## Rule (\d)", line):
            rule = int(heading[1])
        elif item := re.match(r"- `([a-z0-9-]+)`", line):
            assert item[1] not in listed, f"{item[1]} is listed twice"
            listed[item[1]] = rule
    return listed


@dataclasses.dataclass(frozen=True)
class Played:
    """One run of ours: the module's result, the files that it changed or made, and the calls to AWS that it made."""

    result: Mapping[str, Any]
    files: Mapping[str, str]
    calls: tuple[str, ...]


def play(case: Case, aws: Emulator, directory: pathlib.Path) -> tuple[list[Played], dict[str, Any]]:
    """Every run of the case, and the account at the end."""
    prepare(aws, case["given"])
    for name, text in case["files"].items():
        (directory / name).write_bytes(localised(text, aws).encode())
    played = [_play(run, aws, directory) for run in case["runs"]]
    texts = [text for one in played for text in one.files.values()]
    placeholders = placeholders_in(case, texts)
    shown = [
        dataclasses.replace(one, files={name: show(text, placeholders, aws) for name, text in one.files.items()})
        for one in played
    ]
    return shown, json.loads(show(json.dumps(snapshot(aws)), placeholders, aws))


def _play(run: Mapping[str, Any], aws: Emulator, directory: pathlib.Path) -> Played:
    before = _contents(directory)
    calls = len(aws.calls())
    module, params = request(run, directory)
    result = run_module(module, {**CREDENTIALS, "endpoint_url": aws.url, **params})
    files = {name: raw.decode() for name, raw in _contents(directory).items() if before.get(name) != raw}
    return Played(result, files, tuple(f"{call.service}:{call.operation}" for call in aws.calls()[calls:]))


def request(run: Mapping[str, Any], directory: pathlib.Path) -> tuple[str, dict[str, str]]:
    """Our module and its options for a command of the tool."""
    paths = [str(directory / name) for name in run["args"]]
    if run["command"] == "ensure-transactor":
        return "ensure_transactor", {"src": paths[0], "dest": paths[1]}
    if run["command"] == "ensure-cf":
        return "ensure_cf", {"src": paths[0], "dest": paths[1], "datomic_version": RELEASE}
    return "create_cf_template", {"transactor_src": paths[0], "cf_src": paths[1], "dest": paths[2]}


def _contents(directory: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def localised(text: str, aws: Emulator) -> str:
    """The emulator's host:port where the recording had the tool's."""
    return text.replace(LOCAL_ENDPOINT, aws.url.partition("://")[2])


def placeholders_in(case: Case, texts: list[str]) -> dict[str, str]:
    """Generated values to their placeholders, in the order in which the files have them."""
    given = "".join(case["files"].values())
    found: dict[str, str] = {}
    for kind, ending in (("access-key-id", "-access-key-id"), ("secret-key", "-secret-key")):
        values = [value for text in texts for value in re.findall(rf"{ending}=([^\s\\\"]+)", text)]
        for value in dict.fromkeys(value for value in values if value not in given):
            found[value] = f"<{kind}-{sum(name.startswith(f'<{kind}') for name in found.values()) + 1}>"
    return found


def show(text: str, placeholders: Mapping[str, str], aws: Emulator) -> str:
    text = text.replace(aws.url.partition("://")[2], LOCAL_ENDPOINT)
    for value, placeholder in placeholders.items():
        text = text.replace(value, placeholder)
    return re.sub(r"(datomic-logs-)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", r"\1<uuid>", text)


def told(message: str) -> str:
    """A message of the tool without what the Java SDK puts around AWS's words."""
    message = re.sub(r" \(Service: .*\)$", "", message)
    return re.sub(r"^Amazon[A-Za-z0-9]*?(NoSuchEntity|Exception)", "", message)


def without_version(value: Any) -> Any:
    """Policies may get a Version; it is left out of the comparison, of trust policies too."""
    if isinstance(value, dict):
        is_policy = "Statement" in value
        return {key: without_version(item) for key, item in value.items() if not (is_policy and key == "Version")}
    return [without_version(item) for item in value] if isinstance(value, list) else value


def same_lines(text: str) -> str:
    """A file's text as the tool writes it: line feeds, and one at the end."""
    text = text.replace("\r\n", "\n")
    return text if text.endswith("\n") or not text else text + "\n"
