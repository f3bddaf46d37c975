# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role's entry points for backups: what they refuse, what they show, and what they never show."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
import yaml

from tests import standin
from tests.emulator import Emulator
from tests.integration.test_backup_playbooks import Machine

URI = "datomic:sql://main?jdbc:postgresql://db:5432/datomic?user=u&password=hunter2hunter2"


class Site(Machine):
    """A machine with a release, whose databases and other variables a test says."""

    def __init__(self, root: pathlib.Path, aws: Emulator) -> None:
        super().__init__(root, aws)
        standin.build(root / "opt")

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
