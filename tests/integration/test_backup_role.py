# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role's entry points for backups: what they refuse, what they show, and what they never show."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
import time
from typing import Any

import pytest
import yaml
from ansible_collections.datomic_onprem.aws.plugins.action.lock_systems import HOME
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.run_lock import Locks, me

from tests import fake_cli
from tests.emulator import Emulator
from tests.estate import Run
from tests.integration.test_backup_playbooks import Machine

URI = "datomic:sql://main?jdbc:postgresql://db:5432/datomic?user=u&password=hunter2hunter2"
BEFORE = """
- hosts: datomic
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: datomic_onprem.aws.datomic
        tasks_from: before_update.yml
"""


class Site(Machine):
    """A machine with a release, whose databases and other variables a test says."""

    def __init__(self, root: pathlib.Path, aws: Emulator) -> None:
        super().__init__(root, aws)
        fake_cli.build(root / "opt")

    def say(self, *databases: dict[str, Any], **variables: Any) -> None:
        told = {
            "datomic_home": "/opt/datomic-pro-1.0.7277",
            "datomic_backup_heap": "64m",
            "datomic_databases": list(databases),
            **variables,
        }
        self.configure(yaml.safe_dump({name: value for name, value in told.items() if value is not None}))

    def transact(self, name: str, t: int) -> None:
        (self.storage / f"{name}.json").write_text(json.dumps({"id": name, "t": t}))


@pytest.fixture
def site(tmp_path: pathlib.Path, aws: Emulator) -> Site:
    return Site(tmp_path, aws)


def database(name: str = "main", **more: str) -> dict[str, Any]:
    return {"name": name, "backup_uri": f"file:/srv/backup/{name}", **more}


ALL = "".join(
    f"- import_playbook: datomic_onprem.aws.{name}\n" for name in ("backup", "list_backups", "verify_backup", "restore")
)


@pytest.mark.parametrize(("held", "verbose"), [(False, ()), (False, ("-vvv",)), (True, ("-vvv",))])
def test_a_password_in_a_uri_is_never_shown(site: Site, held: bool, verbose: tuple[str, ...]) -> None:
    site.say(database(uri=URI), datomic_transactors_stopped=True)
    if held:
        site.transact("main", 1001)
    (site.estate.directory / "all.yml").write_text(ALL)
    run = site.play("all.yml", "-e", "datomic_restore_confirm=main", *verbose)
    assert (run.returncode == 0) == held, run.output
    assert "backup-db" in run.output or not verbose
    assert "hunter2" not in run.output


def stopped(run: Run, *said: str) -> None:
    """The run failed for these reasons, before any change."""
    told = " ".join(run.output.split())
    assert run.returncode, run.output
    assert [text for text in said if text not in told] == [], run.output
    assert "Traceback" not in run.output
    assert run.changes() == []


NO_HOME = "datomic_home is not set"
NO_DATABASES = "datomic_databases is empty"


@pytest.mark.parametrize("wish", [{"datomic_backup": "before_update"}, {"datomic_backup_max_age": "24h"}])
def test_a_backup_that_nobody_can_take_is_told_before_anything_else(site: Site, wish: dict[str, str]) -> None:
    site.say(datomic_home=None, **wish)
    (site.estate.directory / "before.yml").write_text(BEFORE)
    stopped(site.play("before.yml"), NO_HOME, NO_DATABASES)


def test_playbooks_without_databases_or_with_ambiguous_ones(site: Site) -> None:
    site.say()
    for playbook in ("backup", "list_backups", "verify_backup"):
        stopped(site.play(f"datomic_onprem.aws.{playbook}", "--check"), NO_DATABASES)
    shared = {"backup_uri": "file:/srv/backup/both"}
    site.say(database(**shared), database("audit", backup_uri="file:/srv/backup/both/"), database())
    stopped(
        site.play("datomic_onprem.aws.backup"), "have the same backup_uri (file:", "have the same name (main, audit"
    )


def test_an_update_with_its_backup_or_the_proof_of_one(site: Site) -> None:
    site.aws.configure(scale=120)
    site.say(datomic_backup="before_update")
    created = site.play("create.yml")
    assert created.returncode == 0, "a new system has nothing to back up"
    assert "backup-heap" not in created.output
    stopped(site.play("update.yml", "--check"), NO_DATABASES)
    site.say(database(), datomic_backup="before_update")
    unchanged = site.play("update.yml")
    assert unchanged.returncode == 0, "a run that changes nothing takes no backup"

    def edit(megabytes: int) -> None:
        site.estate.edit("aws/wormbase-transactor.properties", memory_index_max=f"{megabytes}m")

    edit(256)
    for playbook in ("update.yml", "create.yml"):
        stopped(site.play(playbook), "The database does not exist in this storage")
    site.transact("main", 1001)
    assert site.play("update.yml").returncode == 0
    root = site.root / "srv" / "backup" / "main" / "roots" / "1001"
    assert root.exists()
    site.say(database(), datomic_backup_max_age="1h")
    edit(300)
    young = site.play("update.yml")
    assert young.returncode == 0
    assert "1001" in young.output, "the proof is shown"
    assert "datomic_backup_heap: 2625m or more" in young.output, "a heap that is smaller than the transactor's"
    os.utime(root, (0, 0))
    edit(256)
    stopped(site.play("update.yml"), "and at most 1h is allowed", "Take a backup first")


def test_the_backups_are_shown(site: Site) -> None:
    site.say(database(), database("audit"))
    site.transact("main", 1001)
    site.transact("audit", 7)
    assert site.play("datomic_onprem.aws.backup").returncode == 0
    site.transact("main", 2500)
    assert site.play("datomic_onprem.aws.backup").returncode == 0
    root = site.root / "srv" / "backup" / "main" / "roots" / "1001"
    os.utime(root, (time.time() - 3 * 86400, 86400))
    run = site.play("datomic_onprem.aws.list_backups")
    assert run.returncode == 0
    assert re.search(r'"t 2500, written \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, \d+s old"', run.output), run.output
    assert '"t 1001, written 1970-01-02T00:00:00Z' in run.output
    assert '"t 7, written ' in run.output
    assert "=> (item=main)" in run.output


def test_one_typed_name_restores_one_system(site: Site) -> None:
    inventory = site.estate.directory / "inventory" / "hosts.yml"
    told = yaml.safe_load(inventory.read_text())
    (first,) = told["datomic"]["hosts"].values()
    told["datomic"]["hosts"]["billing"] = dict(first)
    inventory.write_text(yaml.safe_dump(told))
    site.say(database(backup_uri="file:/srv/backup/{{ inventory_hostname }}"), datomic_transactors_stopped=True)
    site.transact("main", 1001)
    assert site.play("datomic_onprem.aws.backup", "--limit", "billing").returncode == 0
    confirmed = ("-e", "datomic_restore_confirm=main")
    stopped(site.play("datomic_onprem.aws.restore", *confirmed), "Name one of them with --limit: billing, wormbase")
    assert site.play("datomic_onprem.aws.restore", *confirmed, "--limit", "billing").returncode == 0


def test_a_restore_waits_for_an_update(site: Site) -> None:
    site.say(database(), datomic_transactors_stopped=True)
    site.transact("main", 1001)
    file = site.estate.directory / "aws" / "wormbase-transactor.properties"
    home = pathlib.Path(site.estate.environment["HOME"]) / ".ansible" / HOME
    Locks(home, me(os.getpid()), print).take([(str(file), "the file")], 0)
    arguments = ("-e", "datomic_restore_confirm=main", "-e", "datomic_lock_timeout=0")
    stopped(site.play("datomic_onprem.aws.restore", *arguments), f"Another run works on {file}: process {os.getpid()}")


@pytest.mark.parametrize("name", ["backup", "list_backups", "verify_backup", "restore", "distribution"])
def test_credentials_of_another_account(site: Site, name: str) -> None:
    source = {"datomic_version": "1.0.7277", "datomic_distribution_checksum": "0" * 64, "datomic_deploy_bucket": "d"}
    site.say(database(), datomic_account_id="999999999999", datomic_restore_confirm="main", **source)
    run = site.play(f"datomic_onprem.aws.{name}")
    stopped(run, "The credentials belong to account 123456789012, not to 999999999999: nothing was changed.")
    assert {call["service"] for call in run.calls} == {"sts"}, "nothing else was asked"


def test_a_check_on_a_fresh_machine(site: Site) -> None:
    archive = site.root / "srv" / "mirror" / "datomic-pro-1.0.7277.zip"
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    site.say(
        database(),
        datomic_home="/opt/fresh/current",
        datomic_distributions="/opt/fresh",
        datomic_distribution_source="/srv/mirror/datomic-pro-1.0.7277.zip",
        datomic_distribution_checksum=checksum,
    )
    site.transact("main", 1001)
    for name in ("backup", "create"):
        text = f"- import_playbook: datomic_onprem.aws.distribution\n- import_playbook: datomic_onprem.aws.{name}\n"
        (site.estate.directory / f"{name}_fresh.yml").write_text(text)
    planned = site.play("create_fresh.yml", "--check", "--diff")
    assert planned.returncode == 0, planned.output
    assert "datomic-version (not set) -> 1.0.7277" in " ".join(planned.output.split())
    for arguments in (("--check",), ()):
        run = site.play("backup_fresh.yml", *arguments)
        assert run.returncode == 0, run.output
