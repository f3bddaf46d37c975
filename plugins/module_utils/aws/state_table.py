# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of the shared state: consistent reads, and writes on condition that nobody else wrote meanwhile.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.ConditionalUpdate
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from ..errors import AwsError
from ..state.item import TABLE, File, Holder, Item, Run, holder_of, run_of
from .calls import aws_call, aws_wait
from .errors import DENIED

KEY = "system"
REFUSED = "ConditionalCheckFailedException"
MISSING = "ResourceNotFoundException"
WAIT_SECONDS = 120


def read(client: Any, system: str) -> Item:
    """The state of a system, without anything when there is no item or no table."""
    operation, key = client.get_item, {KEY: {"S": system}}
    answer = _call("read", system, operation, expected=(MISSING,), Key=key, ConsistentRead=True)
    return _item(system, (answer or {}).get("Item", {}))


def take(client: Any, seen: Item, holder: Holder, attempt: Run, beat: str, now: float) -> Item | None:
    """Take the system's lock for a run; the item as it is then. None when it is not as it was seen any more.

    now: of this machine, in seconds since 1970. Creates the table when there is none.
    """
    sets = {
        "revision": seen.revision + 1,
        "lock": holder.lock,
        "beat": beat,
        "renewed": now,
        "holder": dataclasses.asdict(holder),
        "attempt": dataclasses.asdict(attempt),
    }
    # The second: this request, whose answer was lost.
    condition = (
        "(attribute_not_exists(revision) OR revision = :seen) AND (attribute_not_exists(#beat) OR #beat = :beat_seen)"
    )
    return _update(
        client,
        seen.system,
        sets,
        f"({condition}) OR #lock = :lock",
        seen=seen.revision,
        beat_seen=seen.beat,
        create=True,
    )


def renew(client: Any, system: str, lock: str, beat: str, now: float) -> bool:
    """Whether the run still has the lock, which then lasts for another lease."""
    return _update(client, system, {"beat": beat, "renewed": now}, "#lock = :held", held=lock) is not None


def remember(client: Any, system: str, lock: str, names: Mapping[File, Mapping[str, str]]) -> bool:
    """Keep generated names, all of them. False when the run has lost the lock."""
    return _update(client, system, {"names": names}, "#lock = :held", held=lock) is not None


def release(
    client: Any, held: Item, lock: str, attempt: Run | None, applied: Run | None, security_group: str = ""
) -> bool:
    """Give the lock back, and keep these runs. False when the run has lost the lock."""
    runs = {"attempt": attempt and dataclasses.asdict(attempt), "applied": applied and dataclasses.asdict(applied)}
    sets = {"revision": held.revision + 1, "security_group": security_group, **runs}
    removed = ("lock", "beat", "renewed", "holder")
    # The second: this request, whose answer was lost. Whoever took the lock meanwhile has made another revision.
    condition = "#lock = :held OR (attribute_not_exists(#lock) AND #revision = :revision)"
    return _update(client, held.system, sets, condition, removed, held=lock) is not None


def _update(
    client: Any,
    system: str,
    sets: Mapping[str, Any],
    condition: str,
    removes: tuple[str, ...] = (),
    *,
    create: bool = False,
    **values: Any,
) -> Item | None:
    """The item after the update; None when the condition is not met."""
    names = {f"#{name}": name for name in (*sets, *removes, "lock", "beat")}
    used = {name: one for name, one in names.items() if name in condition or one in (*sets, *removes)}
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sets)
    if removes:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in removes)
    request: dict[str, Any] = {
        "Key": {KEY: {"S": system}},
        "UpdateExpression": expression,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": used,
        "ExpressionAttributeValues": {f":{name}": _value(value) for name, value in {**sets, **values}.items()},
        "ReturnValues": "ALL_NEW",
    }
    try:
        answer = _call("change", system, client.update_item, expected=(MISSING,) if create else (), **request)
        if answer is None:
            _create(client)
            answer = _call("change", system, client.update_item, **request)
    except AwsError as error:
        if error.code == REFUSED:
            return None
        raise
    return _item(system, answer["Attributes"])


def _create(client: Any) -> None:
    """Two first runs may both create it."""
    aws_call(
        "create the table of the shared state",
        TABLE,
        client.create_table,
        expected=("ResourceInUseException",),
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
    )
    doing = "wait for the table of the shared state"
    aws_wait(doing, TABLE, client, "table_exists", seconds=WAIT_SECONDS, TableName=TABLE)


def _call(verb: str, system: str, operation: Any, *, expected: tuple[str, ...] = (), **request: Any) -> Any:
    try:
        return aws_call(f"{verb} the shared state of", system, operation, expected=expected, TableName=TABLE, **request)
    except AwsError as error:
        if error.code not in DENIED:
            raise
        hint = "docs/iam-policies/state.json has the permissions. datomic_state: local does without them."
        raise AwsError(f"{error} {hint}", error.code) from error


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": value}
    return {"N": str(value)} if isinstance(value, (int, float)) else {"S": json.dumps(value, sort_keys=True)}


def _item(system: str, stored: Mapping[str, Any]) -> Item:
    def parsed(name: str) -> Any:
        return json.loads(stored[name]["S"]) if name in stored else None

    return Item(
        system,
        int(stored.get("revision", {}).get("N", 0)),
        holder_of(parsed("holder")),
        stored.get("beat", {}).get("S", ""),
        float(stored.get("renewed", {}).get("N", 0)),
        parsed("names") or {},
        run_of(parsed("attempt")),
        run_of(parsed("applied")),
        stored.get("security_group", {}).get("S", ""),
    )
