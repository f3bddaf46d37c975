# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make ansible_collections.datomic_onprem.aws importable from a plain checkout, and the repository's root as well."""

from __future__ import annotations

import functools
import importlib.util
import pathlib
import sys
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING

import botocore.session
import pytest

if TYPE_CHECKING:
    from tests.emulator import Emulator

ROOT = pathlib.Path(__file__).resolve().parents[1]


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


if not _importable("ansible_collections.datomic_onprem.aws"):
    for name, path in (("datomic_onprem", []), ("datomic_onprem.aws", [str(ROOT)])):
        module = types.ModuleType("ansible_collections." + name)
        module.__path__ = path
        sys.modules[module.__name__] = module

if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# Each run of a module makes a session of its own, which would read AWS's models again, for some tenths of a second.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)


@pytest.fixture(scope="session")
def _emulator() -> Iterator[Emulator]:
    from tests.emulator import Emulator  # only here: moto takes a second to import

    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def aws(_emulator: Emulator) -> Emulator:
    """The emulated AWS, with fresh accounts."""
    _emulator.reset()
    return _emulator


@pytest.fixture
def older_account(aws: Emulator) -> None:
    """The account was created before 2024-10-01: it may create launch configurations."""
    aws.configure(launch_configurations=True)
