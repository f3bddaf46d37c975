# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sample of make chaos, and builds broken on purpose, which it has to find."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import botocore.config
import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import client as aws_client
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import keys
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties, diff
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps import base

from tests.chaos import __main__ as chaos
from tests.chaos import malformed_files, playbooks, runs, secret_leaks, single, state
from tests.chaos import trials as trials_of_chaos
from tests.chaos.system import System
from tests.chaos.trials import Tally, Trials
from tests.emulator import Emulator


def passed(tally: Tally, least: int) -> None:
    assert tally.tried >= least, tally
    assert not tally.bad, tally.details


def test_a_sample_of_killed_runs(aws: Emulator) -> None:
    passed(Trials(aws, step=160).killed(["create", "users"]), 1)


def test_a_sample_of_starved_runs(aws: Emulator) -> None:
    passed(Trials(aws, step=70).starved(["create"]), 2)


def test_a_killed_create(aws: Emulator) -> None:
    passed(playbooks.killed(Trials(aws, step=180), "create"), 1)


def test_an_update_killed_at_a_change_of_a_file(aws: Emulator) -> None:
    trials = Trials(aws)
    system = playbooks.fresh(trials, "update")
    assert runs.play(system, "update", k=12).code == playbooks.KILLED
    assert runs.play(system, "update").code == 0
    assert system.git("status", "--porcelain") == ""


def test_only_kills_that_left_the_same_behind_share_a_second_run(
    aws: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally, second = Tally("killed"), []
    monkeypatch.setattr(playbooks, "again", lambda _tally, _system, _playbook, what, _wanted: second.append(what))
    trials, repeated = Trials(aws), playbooks.Repeated(tally, "create", {})
    system = trials.fresh("create")
    repeated(system, "untouched")
    repeated(system, "another kill")
    half = system.directory / "half"
    for text in ("a", "a whole"):
        half.write_text(text)
        repeated(system, text)
    assert second == ["untouched", "a", "a whole"]
    assert (tally.tried, tally.alike) == (1, 1)


def test_a_run_that_ends_otherwise_than_killed_is_counted() -> None:
    tally = Tally("killed")
    assert not playbooks.met(tally, "over before", runs.Ended(0, ""))
    assert not playbooks.met(tally, "failed", runs.Ended(2, ""))
    assert playbooks.met(tally, "killed", runs.Ended(-9, ""))
    assert (tally.tried, tally.unmet, tally.crashed) == (1, 1, 1)


def test_the_commits_of_an_interrupted_run_and_its_repetition() -> None:
    first, edited, written = "The first day  aws/a aws/b", "a: x 1 -> 2  aws/a", "a: template  aws/b"
    wanted = [first, edited, written]
    assert not trials_of_chaos.doubled(wanted, wanted)
    assert not trials_of_chaos.doubled([first, edited, "a: edit aws/b  aws/b"], wanted)
    assert not trials_of_chaos.doubled([*wanted, "a: edit aws/a  aws/a"], wanted)
    for more in ("a: nothing", "a: another  aws/c", edited):
        assert trials_of_chaos.doubled([*wanted, more], wanted), more
    assert trials_of_chaos.doubled([first, edited], wanted)


def test_an_exception_in_a_child_is_counted(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    trials, tally = Trials(aws), Tally("killed")

    def broken(dummy: System) -> None:
        raise ValueError

    monkeypatch.setattr(System, "run", broken)
    trials.killed_once(tally, "create", {}, "broken", 1, "kill")
    assert tally.crashed == 1


def test_rows_that_try_too_little_fail() -> None:
    enough = {name: Tally(name, tried=least) for name, least in chaos.LEAST.items()}
    assert chaos.complaints(enough) == []
    assert chaos.complaints({**enough, "killed": Tally("killed")})
    assert chaos.complaints({**enough, "killed": Tally("killed", tried=700, unmet=100)})
    assert chaos.complaints({**enough, "secrets": Tally("secrets", tried=500, leaked=1)})


def test_the_table_is_put_into_the_page(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "PAGE", tmp_path / "page.md")
    chaos.PAGE.write_text(f"before\n{chaos.BEGIN}old\n{chaos.END}after\n")
    for text in ("new", chaos.table(chaos.rows([Tally("killed", tried=3)]))):
        chaos.write(text)
        assert chaos.PAGE.read_text() == f"before\n{chaos.BEGIN}\n```\n{text}\n```\n\n{chaos.END}after\n"


def test_no_secret_in_a_failing_run_at_full_verbosity(aws: Emulator) -> None:
    passed(secret_leaks.in_playbooks(Trials(aws, step=28)), 1)


def test_every_key_that_may_hold_a_secret_has_the_sentinel() -> None:
    assert {key for key in keys.TRANSACTOR if keys.is_secret(key)} < set(secret_leaks.SECRETS)


def test_absurd_options_are_refused_in_words(aws: Emulator) -> None:
    passed(malformed_files.options(Trials(aws, step=40)), 150)


def test_wrong_place_twice_and_preflight(aws: Emulator) -> None:
    passed(single.wrong_place(Trials(aws)), 6)
    passed(single.twice(Trials(aws)), 2)
    passed(single.preflight(Trials(aws)), 5)


def test_a_sample_of_rubbish(aws: Emulator) -> None:
    passed(malformed_files.files(Trials(aws, step=20)), 400)


def test_a_sample_of_absurd_variables(aws: Emulator) -> None:
    passed(malformed_files.variables(Trials(aws, step=20)), 1)


def without_retries(aws: aws_client.Aws, service: str, region: str | None = None, endpoint: str | None = None) -> Any:
    given = {name: value for name, value in (("region", region), ("endpoint", endpoint)) if value}
    once = botocore.config.Config(retries={"total_max_attempts": 1})
    return aws._module.client(service, config=once, **given)


def test_a_removed_retry_is_found(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials_of_chaos, "STARVATION", ("503",))
    monkeypatch.setattr(aws_client.Aws, "client", without_retries)
    assert Trials(aws, step=12).starved(["create"]).bad > 0


def test_a_file_that_is_written_last_is_found(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = Trials(aws)
    wanted, _calls = trials.undisturbed("create")
    created = 1 + [call.operation for call in aws.calls()].index("CreateRole")
    save, conclude = base.File.save, base.conclude

    def later(file: base.File, changes: Mapping[str, str]) -> None:
        file.now = file.now.edit(changes)

    def at_last(file: base.File, *args: Any, **how: Any) -> dict[str, Any]:
        result = conclude(file, *args, **how)
        save(file, {})
        return result

    monkeypatch.setattr(base.File, "save", later)
    monkeypatch.setattr(base, "conclude", at_last)
    tally = Tally("mutation")
    assert trials.killed_once(tally, "create", wanted, "file written last", created, "kill_after")
    assert (tally.orphaned, tally.crashed) == (1, 0), tally.details


def test_a_secret_in_a_diff_is_found(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_diff(before: Properties | None, after: Properties) -> dict[str, str]:
        return diff(before, after, lambda _key, value: value)

    passed(secret_leaks.in_modules(Trials(aws, step=1000)), 1)
    monkeypatch.setattr(keys, "masked_diff", open_diff)
    assert secret_leaks.in_modules(Trials(aws, step=1000)).leaked == 1


POLICY = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}'


def managed_policy(aws: Emulator, dummy: System) -> None:
    aws.backstage("iam").create_policy(PolicyName="left", PolicyDocument=POLICY)


def parameter(aws: Emulator, dummy: System) -> None:
    aws.backstage("ssm").put_parameter(Name="/datomic/left", Value="x", Type="String")


def group_of(aws: Emulator) -> str:
    (group,) = aws.backstage("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return str(group["AutoScalingGroupName"])


def maximum(aws: Emulator, dummy: System) -> None:
    aws.backstage("autoscaling").update_auto_scaling_group(AutoScalingGroupName=group_of(aws), MaxSize=5)


def suspended(aws: Emulator, dummy: System) -> None:
    aws.backstage("autoscaling").suspend_processes(AutoScalingGroupName=group_of(aws), ScalingProcesses=["Launch"])


def stale(aws: Emulator, dummy: System) -> None:
    client = aws.backstage("autoscaling")
    (old,) = client.describe_launch_configurations()["LaunchConfigurations"]
    named = {"LaunchConfigurationName": "another", "ImageId": old["ImageId"], "InstanceType": "c4.large"}
    client.create_launch_configuration(**named)
    client.update_auto_scaling_group(AutoScalingGroupName=group_of(aws), LaunchConfigurationName="another")


def other_parameters(aws: Emulator, system: System) -> None:
    aws.backstage("cloudformation").update_stack(
        StackName="wormbase", TemplateBody=system.template.read_text().replace("memory-index-max=512m", "")
    )


def change_set(aws: Emulator, system: System) -> None:
    body = system.template.read_text().replace("2625m", "2000m")
    aws.backstage("cloudformation").create_change_set(StackName="wormbase", TemplateBody=body, ChangeSetName="left")


def tags_of_the_bucket(aws: Emulator, dummy: System) -> None:
    (bucket,) = aws.snapshot()["buckets"]
    aws.backstage("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "left", "Value": "x"}]})


def billing(aws: Emulator, dummy: System) -> None:
    aws.backstage("dynamodb").update_table(TableName="wormbase", DeletionProtectionEnabled=True)


def two_commits(dummy: Emulator, system: System) -> None:
    for _number in range(2):
        system.git("commit", "--quiet", "--allow-empty", "--message", "Register")


def git_lock(dummy: Emulator, system: System) -> None:
    (system.directory / ".git/refs/heads/main.lock").touch()


def file_beside(dummy: Emulator, system: System) -> None:
    (system.base / "left").touch()


def temporary_file(dummy: Emulator, system: System) -> None:
    (system.temporary / "tmpabcdefgh").touch()


def lost_name(dummy: Emulator, system: System) -> None:
    system.transactor.write_text(system.transactor.read_text().replace("aws-peer-role=datomic", "aws-peer-role=#"))


def orphaned_key(aws: Emulator, dummy: System) -> None:
    iam = aws.backstage("iam")
    iam.create_user(UserName="left")
    iam.create_access_key(UserName="left")


IN_AWS = (
    *(managed_policy, parameter, maximum, suspended, stale, other_parameters, change_set, tags_of_the_bucket, billing),
    orphaned_key,
)
IN_FILES = (two_commits, git_lock, file_beside, temporary_file, lost_name)


@pytest.mark.parametrize("difference", [*IN_AWS, *IN_FILES], ids=lambda difference: difference.__name__)
def test_each_difference_is_noticed(aws: Emulator, difference: Callable[[Emulator, System], None]) -> None:
    trials = Trials(aws)
    system = trials.fresh("create")
    system.run()
    wanted, left, same, tally = system.state(), state.left_behind(system), Tally("same"), Tally("different")
    same.compare("nothing", system.state(), wanted)
    assert not same.bad, same.details
    assert state.left_behind(system) == left
    difference(aws, system)
    assert state.left_behind(system) != left
    tally.compare(difference.__name__, system.state(), wanted)
    assert (tally.orphaned, tally.lost) == ((1, 0) if difference in IN_AWS else (0, 1)), tally.details


def test_a_lock_that_a_killed_run_leaves_counts_once_the_next_run_has_something_to_do(aws: Emulator) -> None:
    trials, tally = Trials(aws), Tally("killed")
    wanted = playbooks.undisturbed(trials, tally, "create")
    system = playbooks.fresh(trials, "create")
    ended = runs.killed_at_call(system, "create", mode="kill", match="UpdateItem", body="REMOVE", k=1)
    assert ended.code == playbooks.KILLED
    locked = system.state()
    playbooks.again(tally, system, "create", "killed before it unlocked", wanted)
    assert (tally.tried, tally.bad) == (1, 0), tally.details
    tally.compare("locked for ever", locked, wanted)
    assert tally.orphaned == 1
