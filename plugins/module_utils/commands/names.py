# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generated names in the state that all machines share, so that nobody creates what they name a second time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..aws import state_table
from ..aws.client import Aws
from ..steps.transactor.desired import NAME_KEYS
from ..util import lease
from ..util.lease import Lease


def remembering(aws: Aws, held: Lease) -> Callable[[Mapping[str, str]], None]:
    """Records the names among the values that it gets, by key of the transactor's file; never an access key.

    It raises DatomicError when the run has lost its lock.
    """
    known = dict(held.item.names.get("transactor", {}))

    def remember(values: Mapping[str, str]) -> None:
        new = {key: values[key] for key in NAME_KEYS if values.get(key)}
        if new.items() <= known.items():
            return
        known.update(new)
        names = {**held.item.names, "transactor": known}
        if not state_table.remember(aws.client("dynamodb"), held.item.system, held.lock, names):
            lease.renew(lease.current(), 0)
            raise lease.lost(held)

    return remember
