# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rule 2 beyond the recorded cases: whatever the stand-in for the tool finds wrong, ours says too, and changes nothing.

Files are made by spoiling lines of sound ones, some at a time; the same ones at every run.
"""

from __future__ import annotations

import io
import os
import pathlib
import random
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, suppress

import botocore.exceptions
import pytest

from tests.builders import STORAGE
from tests.emulator import Emulator
from tests.emulator.account import snapshot
from tests.fake_cli import provisioning
from tests.golden.harness import RELEASE, told
from tests.modules import CREDENTIALS, run_module

TRIALS = int(os.environ.get("FINDINGS_TRIALS", "20"))

ENVIRONMENT = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
"""Of the stand-in."""


def _user(prefix: str) -> dict[str, str]:
    return {f"{prefix}-user": "bob", f"{prefix}-access-key-id": "AKIA0123456789ABCDEF", f"{prefix}-secret-key": "x"}


FILES: Mapping[str, list[dict[str, str]]] = {
    "ensure-transactor": [
        STORAGE | {"aws-transactor-role": "tx", "aws-peer-role": "peer"},
        STORAGE | _user("aws-dynamodb") | {"aws-peer-role": "peer"},
        STORAGE | _user("aws-dynamodb") | _user("aws-cloudwatch") | _user("aws-dynamodb-peer"),
        STORAGE | {"aws-transactor-role": "tx", "aws-peer-role": "peer"} | _user("aws-dynamodb-peer"),
        STORAGE | {"aws-dynamodb-table": "or ders", "aws-transactor-role": "tx", "aws-peer-role": "peer"},
    ],
    "ensure-cf": [
        {
            "aws-region": "us-east-1",
            "aws-instance-type": "m3.large",
            "aws-instance-monitoring": "true",
            "aws-autoscaling-group-size": "1",
            "aws-security-group": "datomic",
            "datomic-deploy-s3-bucket": "deploy",
            "java-xmx": "",
        }
    ],
}

SPOILT: Mapping[str, Callable[[str, str], str]] = {
    "missing": lambda key, value: "",
    "blank": lambda key, value: f"{key}=\n",
    "blanks around": lambda key, value: f"{key} = {value}\n",
    "a blank behind": lambda key, value: f"{key}= {value}\n",
    "indented": lambda key, value: f"  {key}={value}\n",
    "a colon": lambda key, value: f"{key}: {value}\n",
    "no separator": lambda key, value: f"{key} {value}\n",
    "twice": lambda key, value: f"{key}={value}\n{key}=\n",
    "an escape in the key": lambda key, value: f"\\{key}={value}\n",
    "behind a doubled backslash": lambda key, value: f"note-{key}=x\\\\\n{key}={value}\n",
    "in a continued comment": lambda key, value: f"! note \\\n{key}={value}\n",
}


def _trials(command: str) -> list[str]:
    """Texts of files with one to four lines spoilt."""
    chance = random.Random(command)
    texts = []
    for _number in range(TRIALS):
        base = chance.choice(FILES[command])
        lines = {key: f"{key}={value}\n" for key, value in base.items()}
        for key in chance.sample(list(base)[1:], chance.randint(1, 4)):
            lines[key] = SPOILT[chance.choice(list(SPOILT))](key, base[key])
        texts.append("".join(lines.values()))
    return texts


def _messages(command: str, text: str, directory: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the tool finds wrong with the file; none when it crashes on it, or the stand-in does."""
    (directory / "in.properties").write_text(text)
    monkeypatch.chdir(directory)
    errors = io.StringIO()
    with redirect_stderr(errors), suppress(botocore.exceptions.ParamValidationError):
        provisioning.run(command, ["in.properties", "out.properties"], RELEASE)
    lines = errors.getvalue().splitlines()
    return [] if any(line.startswith("\tat ") for line in lines) else [told(line).rstrip(".") for line in lines]


@pytest.mark.parametrize("command", list(FILES))
def test_whatever_the_tool_finds_wrong_is_told_and_nothing_is_changed(
    command: str, aws: Emulator, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    found = 0
    for number, text in enumerate(_trials(command)):
        directory = tmp_path / str(number)
        directory.mkdir()
        aws.reset()
        messages = _messages(command, text, directory, monkeypatch)
        aws.reset()
        before = snapshot(aws)
        paths = {"src": str(directory / "in.properties"), "dest": str(directory / "ours.properties")}
        version = {"datomic_version": RELEASE} if command == "ensure-cf" else {}
        params = {**CREDENTIALS, "endpoint_url": aws.url, **paths, **version}
        result = run_module(command.replace("-", "_"), params)
        if messages:
            assert result["failed"], text
            assert [message for message in messages if message not in result["msg"]] == [], f"{text}\n{result['msg']}"
        if result["failed"]:
            assert (snapshot(aws), (directory / "ours.properties").exists()) == (before, False), text
        found += len(messages)
    assert found > TRIALS // 2
