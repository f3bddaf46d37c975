# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests that run user data need of the machine is told in one sentence."""

from __future__ import annotations

import os
import pathlib

import pytest

from tests.user_data_sandbox import Instance, boot, rootless


def test_a_machine_that_lacks_programs_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(rootless, "SBIN", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 5000)
    for name in set(rootless.PROGRAMS) - {"openssl"}:
        (tmp_path / name).touch(0o755)
    with pytest.raises(RuntimeError, match=r"user data need openssl, newuidmap, newgidmap.*: see CONTRIBUTING.md\.$"):
        boot(Instance(user_data=""))


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("other:100000:65536\n{user}:165536:65536\n", (165536, 65536)),
        ("{user}:100000:10\n", None),
        ("", None),
    ],
)
def test_the_range_of_ids_is_the_user_s_own(lines: str, found: tuple[int, int] | None, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "subuid"
    file.write_text(lines.format(user=os.getuid()))
    assert rootless.ids(str(file)) == found
    assert rootless.ids(str(tmp_path / "missing")) is None
