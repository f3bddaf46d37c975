# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A modern system with a vaulted secret, by the playbooks and against the emulator."""

from __future__ import annotations

import base64
import json
import pathlib
import subprocess
import sys

import pytest

from tests.emulator import Emulator
from tests.emulator.account import snapshot
from tests.estate import Estate

SECRET = "a-password-nobody-sees"


@pytest.fixture
def estate(tmp_path: pathlib.Path, aws: Emulator) -> Estate:
    aws.configure(scale=120)
    estate = Estate(tmp_path / "estate", aws.url)
    hosts = estate.directory / "inventory" / "hosts.yml"
    release, _line, rest = hosts.read_text().partition("datomic_version: 1.0.7277\n")
    mine = "datomic_version: 1.0.7705\n      datomic_template_flavor: auto\n"
    mine += '      datomic_secrets:\n        memcached-password: "{{ vaulted_password }}"\n'
    hosts.write_text(release + mine + rest)
    password = tmp_path / "vault-password"
    password.write_text("of the vault\n")
    estate.environment["ANSIBLE_VAULT_PASSWORD_FILE"] = str(password)
    vault = pathlib.Path(sys.executable).with_name("ansible-vault")
    vaulted = subprocess.run(
        [vault, "encrypt_string", "--name", "vaulted_password", SECRET],
        env=estate.environment,
        cwd=estate.directory,
        check=True,
        capture_output=True,
        text=True,
    )
    variables = estate.directory / "inventory" / "group_vars"
    variables.mkdir()
    (variables / "datomic.yml").write_text(vaulted.stdout)
    estate.git("add", ".")
    estate.git("commit", "--quiet", "--message", "Modern")
    return estate


def test_a_secret_from_the_creation_to_an_interrupted_change_of_it(estate: Estate, aws: Emulator) -> None:
    created = estate.play("create.yml", "--diff", "-vvvv")
    assert created.returncode == 0, created.output
    stored = aws.backstage("ssm").get_parameter(Name="/datomic/wormbase/memcached-password", WithDecryption=True)
    assert (stored["Parameter"]["Type"], stored["Parameter"]["Value"]) == ("SecureString", SECRET)
    again = estate.play("update.yml", "--diff", "-vvvv")
    assert again.returncode == 0, again.output
    assert again.changed == {"wormbase": 0}
    assert again.writes() == []
    files = estate.git("grep", "--no-index", "--name-only", "-e", "properties", "--", ".").split()
    texts = [created.output, again.output, *((estate.directory / name).read_text() for name in files)]
    assert not any(SECRET in text for text in texts)

    name = "memcached-password"
    changed = ("-e", json.dumps({"datomic_secrets": {name: "rotated"}}))
    before = snapshot(aws)
    check = estate.play("update.yml", "--check", "--diff", *changed)
    assert check.returncode == 0, check.output
    said = " ".join(check.output.split())
    assert f"~ secret /datomic/wormbase/{name} version 2" in said, check.output
    assert "± transactors 1 of 1 replaced" in said, check.output
    assert snapshot(aws) == before

    aws.fault("cloudformation:UpdateStack", times=99)
    assert estate.play("update.yml", *changed).returncode != 0
    aws.clear_faults()
    ssm = aws.backstage("ssm")
    assert ssm.get_parameter(Name=f"/datomic/wormbase/{name}", WithDecryption=True)["Parameter"]["Version"] == 2
    old = instances(aws)
    assert all(reads == f"secret {name} 1" for reads in old.values())
    again = estate.play("update.yml", *changed)
    assert again.returncode == 0, again.output
    new = instances(aws)
    assert not set(old) & set(new)
    assert all(reads == f"secret {name} 2" for reads in new.values())


def test_a_smaller_group(estate: Estate, aws: Emulator) -> None:
    file = "aws/wormbase-cf.properties"
    estate.edit(file, aws_autoscaling_group_size="2")
    created = estate.play("create.yml")
    assert created.returncode == 0, created.output
    before = snapshot(aws)
    old = set(instances(aws))
    estate.edit(file, aws_autoscaling_group_size="1")
    check = estate.play("update.yml", "--check", "--diff")
    assert check.returncode == 0, check.output
    assert snapshot(aws) == before
    said = " ".join(check.output.split())
    assert said.count("has 2 transactors, and its size is 1: 1 of them ends before the stack") == 1
    assert "- transactors 1 of 2 ended without a successor" in said
    assert "leave the group at minimum 1, desired 1, maximum 1" in said
    assert "1 transactor to terminate." in said
    run = estate.play("update.yml")
    assert run.returncode == 0, run.output
    said = " ".join(run.output.split())
    assert said.count("has 2 transactors, and its size is 1: 1 of them ends before the stack") == 1
    calls = [call.partition(":")[2] for call in run.writes()]
    assert calls.count("TerminateInstanceInAutoScalingGroup") == 1, "what was not outdated is not replaced"
    assert calls.index("TerminateInstanceInAutoScalingGroup") < calls.index("UpdateStack")
    left = set(instances(aws))
    assert len(left) == 1
    assert left < old


def instances(aws: Emulator) -> dict[str, str]:
    """Of the group's instances, by id, the line of the user data that reads the secret."""
    ec2 = aws.backstage("ec2")
    (group,) = aws.backstage("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    found = {}
    for instance in group["Instances"]:
        template = instance["LaunchTemplate"]
        (version,) = ec2.describe_launch_template_versions(
            LaunchTemplateId=template["LaunchTemplateId"], Versions=[template["Version"]]
        )["LaunchTemplateVersions"]
        script = base64.b64decode(version["LaunchTemplateData"]["UserData"]).decode()
        line = next(line for line in script.split("\n") if line.startswith("secret memcached"))
        found[instance["InstanceId"]] = line.removesuffix(' >>"$file"')
    return found


def test_the_files_are_checked_without_the_password_of_the_vault(estate: Estate) -> None:
    (estate.directory / "validate.yml").write_text("- import_playbook: datomic_onprem.aws.validate\n")
    with (estate.directory / "aws/wormbase-transactor.properties").open("a") as file:
        file.write("memcached-password=\nsql-password=\n")
    del estate.environment["ANSIBLE_VAULT_PASSWORD_FILE"]
    run = estate.play("validate.yml")
    assert run.returncode == 0, run.output
    assert "sql-password" in run.output
    assert "memcached-password" not in run.output
