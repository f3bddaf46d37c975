# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The form of the examples for CI. tests/integration/test_ci_examples.py runs their steps."""

from __future__ import annotations

import re

import pytest

from tests.ci_examples import GITHUB, GITLAB, Step, github, gitlab


def test_github_gives_each_job_the_rights_it_needs_and_no_other() -> None:
    assert set(GITHUB) == {"name", "on", "permissions", "concurrency", "defaults", "env", "jobs"}
    assert GITHUB["permissions"] == {}
    plan, apply = GITHUB["jobs"]["plan"], GITHUB["jobs"]["apply"]
    assert plan["permissions"] == {"contents": "read", "id-token": "write", "pull-requests": "write"}
    assert apply["permissions"] == {"contents": "write", "id-token": "write"}
    assert (apply["needs"], apply["environment"], apply["if"]) == ("plan", "production", "github.event_name == 'push'")
    assert GITHUB["on"] == {"pull_request": None, "push": {"branches": ["main"]}}
    for job in (plan, apply):
        for step in job["steps"]:
            assert len({"uses", "run"} & set(step)) == 1
            assert set(step) <= {"uses", "with", "name", "run", "env", "if"}


def test_gitlab_applies_only_by_hand_and_only_the_default_branch() -> None:
    assert set(GITLAB) == {"stages", "workflow", "variables", ".ansible", "plan", "apply"}
    assert (GITLAB["plan"]["stage"], GITLAB["apply"]["stage"]) == tuple(GITLAB["stages"])
    assert GITLAB["apply"]["rules"] == [{"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", "when": "manual"}]
    assert (GITLAB["apply"]["needs"], GITLAB["apply"]["environment"]) == (["plan"], "production")
    assert GITLAB["plan"]["extends"] == GITLAB["apply"]["extends"] == ".ansible"


@pytest.mark.parametrize("step", [step for job in ("plan", "apply") for step in (*github(job), *gitlab(job))])
def test_no_step_mixes_data_into_its_script_or_needs_a_key(step: Step) -> None:
    assert "${{" not in step.script
    assert not re.search(r"(?i)secrets\.|access.?key", step.script + str(step.env))


def test_plan_and_apply_have_the_same_options_but_for_the_plan() -> None:
    """Otherwise their plans would differ."""
    for plan, apply in ((github("plan")[0], github("apply")[0]), (gitlab("plan")[0], gitlab("apply")[0])):
        assert {**plan.env, "AWS_ROLE_ARN": ""} == {**apply.env, "AWS_ROLE_ARN": ""}
        commands = [re.findall(r"ansible-playbook[^|]*", " ".join(step.script.split()))[0] for step in (plan, apply)]
        assert commands[0].replace("datomic_plan_file", "X").replace(" --check", "").replace(" \\", "").removesuffix(
            " 2>&1 "
        ) == commands[1].replace("datomic_approved_plan", "X").replace(" \\", "")
