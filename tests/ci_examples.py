# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shell steps of examples/ci."""

from __future__ import annotations

import dataclasses
import pathlib
import string
from typing import Any

import yaml

DIRECTORY = pathlib.Path(__file__).parents[1] / "examples" / "ci"
GITHUB: dict[str, Any] = yaml.safe_load((DIRECTORY / "github-actions.yml").read_text("utf-8"))
GITLAB: dict[str, Any] = yaml.safe_load((DIRECTORY / "gitlab-ci.yml").read_text("utf-8"))
INSTALLATION = ("pip ", "ansible-galaxy ")
"""How the lines begin that a test leaves out: the tests' environment has what they install."""


@dataclasses.dataclass(frozen=True)
class Step:
    """script: for bash with -e and -o pipefail. env: its variables, with those of the job and the file."""

    script: str
    env: dict[str, str]


def github(job: str, **expressions: str) -> list[Step]:
    """The steps of a job. expressions: values by GitHub's expressions, with __ for a dot."""
    steps = []
    for step in GITHUB["jobs"][job]["steps"]:
        script = _without_installation(step.get("run", "").split("\n"))
        if script:
            env = {**GITHUB["env"], **step.get("env", {})}
            for name, value in expressions.items():
                env = {key: text.replace(f"${{{{ {name.replace('__', '.')} }}}}", value) for key, text in env.items()}
            steps.append(Step(script, env))
    return steps


def gitlab(job: str, **predefined: str) -> list[Step]:
    """The one script of a job. predefined: variables that GitLab and the project's settings define."""
    shared = GITLAB[GITLAB[job]["extends"]]
    env = {**GITLAB["variables"], **shared["variables"], **GITLAB[job]["variables"]}
    env = {name: string.Template(value).safe_substitute(predefined) for name, value in env.items()}
    lines = [*shared["before_script"], *GITLAB[job]["script"]]
    return [Step(_without_installation(lines), {**predefined, **env})]


def _without_installation(lines: list[str]) -> str:
    return "\n".join(line for line in lines if line and not line.startswith(INSTALLATION))
