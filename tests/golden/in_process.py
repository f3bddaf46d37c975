# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""bin/datomic as a call in this process, in the place of a process of its own, which takes half a second to start."""

from __future__ import annotations

import contextlib
import os
import signal
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import subprocesses

from tests.fake_cli import provisioning
from tests.golden.harness import RELEASE


class KilledError(BaseException):
    """What stands for SIGKILL: nothing of the tool catches it."""

    @classmethod
    def throw(cls) -> NoReturn:
        raise cls


_run = subprocesses.run


def in_process(arguments: Sequence[str], **options: Any) -> subprocesses.Finished:
    """What subprocesses.run would do, for bin/datomic. Its arguments, environment and directory are as given."""
    if arguments[0] != "bin/datomic":
        return _run(arguments, **options)
    code = _code(arguments, **options)  # pylint: disable=missing-kwoa
    return subprocesses.Finished(code, b"", b"")


def _code(
    arguments: Sequence[str],
    *,
    directory: str,
    environment: Mapping[str, str],
    output: tuple[int, int],
    timeout: float,
    holding: tuple[int, ...] = (),
) -> int:
    _program, command, *rest = arguments
    assert timeout > 0
    worked_in = os.stat(os.path.dirname(rest[-1]))
    assert [os.path.samestat(os.fstat(lock), worked_in) for lock in holding] == [True], "the tool holds the lock too"
    with (
        pytest.MonkeyPatch.context() as process,
        open(output[0], "w", closefd=False) as out,
        open(output[1], "w", closefd=False) as err,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        process.chdir(directory)
        process.setattr(provisioning, "die", KilledError.throw)
        for name in [name for name in os.environ if name not in environment]:
            process.delenv(name)
        for name, value in environment.items():
            process.setenv(name, value)
        try:
            return provisioning.run(command, rest, RELEASE)
        except KilledError:
            return -signal.SIGKILL
        except Exception:
            traceback.print_exc()
            return 1
