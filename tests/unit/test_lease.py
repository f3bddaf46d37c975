# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease's file."""

from __future__ import annotations

import pathlib
import time

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.state.item import Holder, Item, Run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import lease
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util.lease import Lease

RUN = Run("one", "anna@laptop", "arn", "2026-11-28T12:00:00Z", "m1:/x", {"transactor": "a" * 40, "cf": "b" * 40})
HOLDER = Holder("one", "anna@laptop", "arn", "2026-11-28T12:00:00Z", "m1", 7, "1")
LEASE = Lease(
    Item("orders", 3, HOLDER, "beat", 100.0, {"transactor": {"aws-peer-role": "p"}}, RUN, RUN, "sg-1"),
    "one",
    RUN,
    {"aws-transactor-role": "t"},
    "sg-1",
)


@pytest.fixture(autouse=True)
def _home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path))


def test_what_is_written_is_read() -> None:
    assert lease.read(lease.write(LEASE, time.time() + 60)) == LEASE


def test_a_renewal_moves_the_end_and_keeps_the_rest() -> None:
    path = lease.write(LEASE, time.time() + 60)
    assert not lease.is_over(path)
    assert lease.renew(path, time.time() - 1)
    assert lease.is_over(path)
    assert lease.renew(path, time.time() + 60)
    assert not lease.is_over(path)
    assert lease.read(path) == LEASE


def test_a_renewal_does_not_bring_a_lease_back() -> None:
    path = lease.write(LEASE, time.time() + 60)
    lease.remove(path)
    assert not lease.renew(path, time.time() + 60)
    assert lease.is_over(path)
    assert lease.read(path) is None


def test_a_lost_lease_is_refused_and_names_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    path = lease.write(LEASE, time.time() + 60)
    lease.refuse_lost()
    assert lease.held() is None
    monkeypatch.setenv(lease.VARIABLE, path)
    assert lease.held() == LEASE
    lease.renew(path, 0)
    with pytest.raises(DatomicError, match=r"^This run has lost its lock of the system orders: .* Run again\.$"):
        lease.refuse_lost()
    lease.remove(path)
    with pytest.raises(DatomicError, match=r"^This run has lost its lock: "):
        lease.held()
