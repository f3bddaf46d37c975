# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which systems a failure of an earlier batch leaves untouched."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.batches import Batches, batches

HOSTS = ("orders", "billing", "stock", "users")


def variables(begun: dict[str, str], left: tuple[str, ...]) -> dict[str, Any]:
    """begun: the play whose batch each system was in."""
    hostvars: dict[str, Any] = {host: {} for host in HOSTS}
    hostvars |= {host: {"datomic_locks": {"play": play}} for host, play in begun.items()}
    return {"ansible_play_hosts_all": list(HOSTS), "ansible_play_hosts": list(left), "hostvars": hostvars}


@pytest.mark.parametrize(
    ("begun", "left", "found"),
    [
        ({}, HOSTS, Batches((), (), HOSTS)),
        ({"orders": "p", "billing": "p"}, ("billing", "stock", "users"), Batches(HOSTS[:1], HOSTS[1:2], HOSTS[2:])),
        # Whatever order the play has.
        ({"users": "p", "stock": "p"}, ("orders", "billing", "stock"), Batches(HOSTS[3:], HOSTS[2:3], HOSTS[:2])),
        # An earlier play of the same ansible-playbook counts for nothing, nor does a failure before the locks.
        (dict.fromkeys(HOSTS, "another"), HOSTS[1:], Batches((), (), HOSTS)),
    ],
)
def test_batches(begun: dict[str, str], left: tuple[str, ...], found: Batches) -> None:
    assert batches("p", variables(begun, left)) == found


def test_a_failure_names_who_failed_who_is_done_and_who_is_untouched() -> None:
    assert Batches(("orders",), ("billing",), ("stock", "users")).stopped("stock") == (
        "orders failed, and the first failure stops the batches after it. Done: billing. Untouched: stock, users. "
        "Correct the failure, then run again with --limit orders,stock,users"
    )
    assert (
        Batches(("orders",), (), ("stock",))
        .stopped("stock")
        .startswith("orders failed, and the first failure stops the batches after it. Untouched: stock. ")
    )


@pytest.mark.parametrize(
    ("found", "host"),
    [
        (Batches((), ("orders",), ("stock",)), "stock"),
        # The entry points of one batch, one after the other, such as stack and replace.
        (Batches(("orders",), ("billing",), ("stock",)), "billing"),
    ],
)
def test_without_a_failure_or_within_its_batch_nothing_stops(found: Batches, host: str) -> None:
    assert found.stopped(host) == ""
