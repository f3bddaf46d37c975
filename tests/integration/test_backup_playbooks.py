# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of docs/distributions.md, docs/backups.md and docs/engines.md, run as a user would."""

from __future__ import annotations

import hashlib
import json
import pathlib
import re
from typing import Any

import pytest

from tests import fake_cli
from tests.emulator import Emulator
from tests.estate import ROOT, Estate, Run


def example(document: str, number: int = 0) -> str:
    """A document's block of variables."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / document).read_text(), re.MULTILINE | re.DOTALL)
    return str(blocks[number])


class Machine:
    """A user's machine: an estate, a mirror in /srv and releases in /opt, both below one directory."""

    def __init__(self, root: pathlib.Path, aws: Emulator) -> None:
        self.root = root
        self.aws = aws
        self.estate = Estate(root / "estate", aws.url)
        self.storage = root / "storage"
        for directory in ("opt/datomic", "srv/mirror", "srv/backup", "storage"):
            (root / directory).mkdir(parents=True)
        archive = fake_cli.archive(root / "srv" / "mirror", "1.0.7277")
        archive.with_name(archive.name + ".sha256").write_text(
            hashlib.sha256(archive.read_bytes()).hexdigest() + "  x\n"
        )
        self.java = fake_cli.java(root / "jdk")

    def configure(self, variables: str) -> None:
        directory = self.estate.directory / "inventory" / "group_vars"
        directory.mkdir(exist_ok=True)
        text = variables.replace("/opt/", f"{self.root}/opt/").replace("/srv/", f"{self.root}/srv/")
        (directory / "datomic.yml").write_text(text)

    def play(self, playbook: str, *arguments: str) -> Run:
        extra: dict[str, Any] = {"STANDIN_STORAGE": str(self.storage), "JAVA_HOME": str(self.java)}
        return self.estate.play(playbook, *arguments, **extra)


@pytest.fixture
def machine(tmp_path: pathlib.Path, aws: Emulator) -> Machine:
    machine = Machine(tmp_path, aws)
    machine.configure(example("distributions.md", 1))
    done = machine.play("datomic_onprem.aws.distribution")
    assert done.returncode == 0, done.output
    return machine


def test_the_first_example_and_a_release_beside_the_current_one(tmp_path: pathlib.Path, aws: Emulator) -> None:
    machine = Machine(tmp_path, aws)
    hosts = machine.estate.directory / "inventory" / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("      datomic_version: 1.0.7277\n", ""))
    fake_cli.archive(machine.root / "srv" / "mirror", "1.0.7705")
    machine.configure(example("distributions.md"))

    def have(version: str, **more: Any) -> str:
        # The archive that the known checksum is of is no test's to download.
        archive = machine.root / "srv" / "mirror" / f"datomic-pro-{version}.zip"
        checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
        told = {"datomic_distribution_source": str(archive), "datomic_distribution_checksum": checksum, **more}
        done = machine.play("datomic_onprem.aws.distribution", "-e", json.dumps(told))
        assert done.returncode == 0, done.output
        assert (machine.root / "opt" / "datomic" / f"datomic-pro-{version}" / "bin" / "datomic").exists()
        return (machine.root / "opt" / "datomic" / "current" / "VERSION").read_text().strip()

    assert have("1.0.7705") == "1.0.7705"
    assert have("1.0.7277", datomic_version="1.0.7277", datomic_distributions_current=False) == "1.0.7705"


def test_releases_and_backups(machine: Machine) -> None:
    assert (machine.root / "opt" / "datomic" / "current" / "VERSION").read_text() == "1.0.7277\n"
    for name in ("main", "audit"):
        (machine.storage / f"{name}.json").write_text(json.dumps({"id": name, "t": 1001}))
    machine.aws.backstage("s3").create_bucket(Bucket="orders-backup")
    machine.configure(example("backups.md").replace("4g", "64m"))
    for playbook in ("backup", "list_backups", "verify_backup"):
        done = machine.play(f"datomic_onprem.aws.{playbook}")
        assert done.returncode == 0, done.output
    assert (machine.root / "srv" / "backup" / "audit" / "roots" / "1001").exists()
    (machine.storage / "main.json").write_text(json.dumps({"id": "main", "t": 9000}))
    untyped = machine.play("datomic_onprem.aws.restore")
    assert "missing required arguments: datomic_restore_confirm" in untyped.output
    refused = machine.play("datomic_onprem.aws.restore", "-e", "datomic_restore_confirm=mian")
    assert "datomic_restore_confirm must be the name of the database" in refused.output
    blind = machine.play("datomic_onprem.aws.restore", "-e", "datomic_restore_confirm=main")
    assert blind.returncode, "there is no stack, so nothing shows whether transactors run"
    done = machine.play(
        "datomic_onprem.aws.restore", "-e", "datomic_restore_confirm=main", "-e", "datomic_transactors_stopped=true"
    )
    assert done.returncode == 0, done.output
    assert json.loads((machine.storage / "main.json").read_text())["t"] == 1001


def test_the_engine_cli_in_the_whole_procedure(machine: Machine) -> None:
    machine.configure(example("engines.md"))
    done = machine.play("create.yml")
    assert done.returncode == 0, done.output
    machine.configure(example("engines.md") + example("backups.md").replace("datomic_home", "_datomic_unused"))
    machine.estate.edit("aws/wormbase-transactor.properties", memory_index_max="256m")
    stopped = machine.play("update.yml")
    assert stopped.returncode, "the backup before the update fails: there is no such database"
    assert "There is no such bucket" in stopped.output or "does not exist" in stopped.output
    assert stopped.changes() == []
