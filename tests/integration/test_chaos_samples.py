# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sample of make chaos, and builds broken on purpose, which it has to find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.config
import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import _aws, ensuring, settings

from tests.chaos import playbooks, single
from tests.chaos import trials as trials_of_chaos
from tests.chaos.system import OURS, ModuleError, System
from tests.chaos.trials import Tally, Trials
from tests.emulator import Emulator
from tests.modules import CREDENTIALS


def test_a_sample_of_killed_runs(aws: Emulator) -> None:
    tally = Trials(aws, step=40).killed(["create"])
    assert tally.tried >= 3
    assert not tally.bad, tally.details


def test_a_killed_playbook(aws: Emulator) -> None:
    tally = playbooks.killed(Trials(aws, step=17), "create")
    assert tally.tried >= 2
    assert not tally.bad, tally.details


def test_no_secret_in_a_failing_run_at_full_verbosity(aws: Emulator) -> None:
    tally = playbooks.secrets(Trials(aws, step=9))
    assert tally.tried == 1
    assert not tally.bad, tally.details


def test_absurd_options_are_refused_in_words(aws: Emulator) -> None:
    tally = single.options(Trials(aws, step=40))
    assert tally.tried > 150
    assert not tally.bad, tally.details


def test_wrong_place_and_preflight(aws: Emulator) -> None:
    for trial in (single.wrong_place, single.preflight):
        tally = trial(Trials(aws))
        assert tally.tried
        assert not tally.bad, tally.details


def test_a_sample_of_rubbish(aws: Emulator) -> None:
    tally = single.rubbish(Trials(aws, step=10))
    assert tally.tried == 1000
    assert not tally.bad, tally.details


def test_a_lost_name_and_a_left_file_are_counted(aws: Emulator) -> None:
    trials = Trials(aws)
    system: System = trials.fresh("create")
    system.run()
    wanted = system.state()
    tally = Tally("mutation")
    system.transactor.write_text(system.transactor.read_text().replace("aws-peer-role=datomic", "aws-peer-role=#"))
    tally.compare("a lost name", system.state(), wanted)
    aws.backstage("iam").create_role(RoleName="orphan", AssumeRolePolicyDocument="{}")
    tally.compare("an orphan", system.state(), wanted)
    assert (tally.lost, tally.orphaned) == (1, 1)


def without_retries(aws: _aws.Aws, service: str, region: str | None = None, endpoint: str | None = None) -> Any:
    given = {name: value for name, value in (("region", region), ("endpoint", endpoint)) if value}
    once = botocore.config.Config(retries={"total_max_attempts": 1})
    return aws._module.client(service, config=once, **given)


def test_a_removed_retry_is_found(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials_of_chaos, "STARVATION", ("5xx",))
    assert not Trials(aws, step=1000).starved(["create"]).bad
    monkeypatch.setattr(System, "run", ensure_only)
    monkeypatch.setattr(_aws.Aws, "client", without_retries)
    aws.reset()
    trials = Trials(aws)
    system = trials.fresh("create")
    trials.starve("5xx", 1)
    with pytest.raises(ModuleError, match="ServiceUnavailable"):
        system.run()


def test_a_file_that_is_written_last_is_found(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = Trials(aws)
    wanted, _calls = trials.undisturbed("create")
    created = 1 + [call.operation for call in aws.calls()].index("CreateRole")
    save, conclude = ensuring.File.save, ensuring.conclude

    def later(file: ensuring.File, changes: Mapping[str, str]) -> None:
        file.now = file.now.edit(changes)

    def at_last(file: ensuring.File, *args: Any, **how: Any) -> dict[str, Any]:
        result = conclude(file, *args, **how)
        save(file, {})
        return result

    monkeypatch.setattr(ensuring.File, "save", later)
    monkeypatch.setattr(ensuring, "conclude", at_last)
    tally = Tally("mutation")
    assert trials.killed_once(tally, "create", wanted, "file written last", created, "kill_after")
    assert (tally.orphaned, tally.crashed) == (1, 0), tally.details


def test_a_secret_in_a_diff_is_found(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "mask", lambda _key, value: value)
    assert single.secrets(Trials(aws, step=1000)).leaked == 1


def ensure_only(system: System) -> None:
    options = {**CREDENTIALS, "endpoint_url": system.aws.url, "src": str(system.transactor)}
    system.module(OURS + "ensure_transactor", options)
