# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""User data as text: whatever a value holds, the here-document gives it back and the shell never sees it."""

from __future__ import annotations

import dataclasses
import io
import shlex
import subprocess

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import Options
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.user_data import render, user_data
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jproperties import Properties

from tests.template_combinations import MACHINE

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
NO_STORE = dataclasses.replace(MACHINE, instance_store=False)
PARAMETERS = dict.fromkeys(("Xmx", "JavaOpts", "DatomicDeployBucket", "DatomicVersion", "DatomicSha256"), "x")


def here_document(script: str) -> str:
    return script.split("<<'END-OF-PROPERTIES'\n", 1)[1].split("\nEND-OF-PROPERTIES\n", 1)[0] + "\n"


@settings(max_examples=100, deadline=None)
@given(value=TEXT)
@example("a\nEND-OF-PROPERTIES\nrm -rf /\n")
@example("@@ref:Xmx@@ '@@base64:Xmx@@' @@value:log_dir@@")
@example("$(id) `id` ${Xmx} \\ '\"")
def test_java_reads_back_what_the_file_said(value: str) -> None:
    script = render(user_data({"protocol": "ddb", "metrics-callback": value}, Options(), NO_STORE), PARAMETERS)
    properties = Properties()
    properties.load(io.BytesIO(here_document(script).encode("ascii")), "latin-1")
    assert properties["metrics-callback"].data == value
    assert script.count("\nEND-OF-PROPERTIES\n") == 1


@settings(max_examples=10, deadline=None)
@given(value=TEXT)
@example("'; touch /tmp/interpreted; '")
@example("$(touch /tmp/interpreted)\nx")
def test_a_parameter_reaches_the_shell_unchanged(value: str) -> None:
    """Trailing line ends are lost, as with every command substitution: none of the parameters has them."""
    script = render(user_data({}, Options(), NO_STORE), PARAMETERS | {"JavaOpts": value})
    head = [line for line in script.split("\n") if line.startswith(("decoded()", "java_opts=$(decoded"))]
    ran = subprocess.run(
        ["/bin/sh", "-c", "\n".join([*head, 'printf %s "$java_opts"'])], capture_output=True, check=True
    )
    assert ran.stdout == value.rstrip("\n").encode()


@pytest.mark.parametrize(
    ("given", "path", "in_fstab"),
    [
        ("", "/var/lib/datomic-valcache", "/var/lib/datomic-valcache"),
        ("/mnt/val cache", "/mnt/val cache", r"/mnt/val\040cache"),
        ("cache\tof\\mine#1", "/opt/datomic/cache\tof\\mine#1", r"/opt/datomic/cache\011of\134mine\0431"),
    ],
)
def test_the_valcache_is_mounted_where_the_transactor_looks(given: str, path: str, in_fstab: str) -> None:
    """Relative paths start at the directory in which the transactor runs."""
    script = render(user_data({"valcache-path": given}, Options(), MACHINE), PARAMETERS)
    line = next(line for line in script.split("\n") if "LABEL=valcache" in line)
    ran = subprocess.run(
        ["/bin/sh", "-c", line.replace(">>/etc/fstab", "")], capture_output=True, check=True, text=True
    )
    assert ran.stdout == f"LABEL=valcache {in_fstab} xfs defaults,strictatime,lazytime,nofail 0 2\n"
    assert f"mount {shlex.quote(path)}" in script


def test_values_of_ours_are_quoted_in_every_script() -> None:
    properties = {"log-dir": "/a b/$(id)", "aws-s3-log-bucket-id": "logs", "aws-dynamodb-table": "o'r"}
    script = render(user_data(properties, Options(), NO_STORE), PARAMETERS)
    assert "mkdir -p '/a b/$(id)'" in script
    assert "--no-follow-symlinks '/a b/$(id)'" in script
    assert subprocess.run(["/bin/sh", "-n"], input=script.encode(), check=False).returncode == 0
