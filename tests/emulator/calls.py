# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The call log: which calls were made, of what kind, to what, by whom, and which permissions they need."""

from __future__ import annotations

import dataclasses
import re
import threading
from typing import Any, Literal

from tests.emulator.permissions import permissions
from tests.emulator.wire import Request

Kind = Literal["read", "plan", "write"]

_READS = re.compile(
    r"(Describe|Get|List|Head|BatchGet|Query$|Scan$|Select|Search|Validate|Estimate|Simulate|Lookup|Preview|Detect)"
)
_PLANS = frozenset(("CreateChangeSet", "DeleteChangeSet"))


@dataclasses.dataclass
class Call:
    """One request that arrived.

    n: 1 for the first since the reset. time: of the emulated clock. kind: "plan" is a change set made or deleted,
    which changes nothing but itself. fault: the mode of the fault that it met, or empty. status: HTTP status answered,
    0 when there was no answer.
    """

    n: int
    time: float
    service: str
    operation: str
    kind: Kind
    region: str
    access_key: str
    request: Request = dataclasses.field(repr=False)
    fault: str = ""
    status: int = 0

    @property
    def name(self) -> str:
        """What the faults match: service:Operation:kind."""
        return f"{self.service}:{self.operation}:{self.kind}"

    @property
    def params(self) -> dict[str, Any]:
        """The parameters as boto3 takes them."""
        return self.request.params

    @property
    def resource(self) -> str:
        """The name of what the call is about, empty when it is about none."""
        return _resource(self.params)

    @property
    def permissions(self) -> tuple[str, ...]:
        """The IAM actions that the caller needs for it."""
        return permissions(self.service, self.operation, self.params, self.status)

    def as_dict(self) -> dict[str, Any]:
        """The entry of GET /emulator/log."""
        shown = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "request"}
        return shown | {"params": self.params, "resource": self.resource, "permissions": list(self.permissions)}


_NAMES = (
    "InstanceProfileName", "RoleName", "UserName", "TableName", "Bucket", "StackName", "AutoScalingGroupName",
    "AutoScalingGroupNames", "LaunchConfigurationName", "GroupName", "GroupId", "GroupIds", "GroupNames",
    "InstanceId", "InstanceIds", "InstanceTypes", "ResourceArn", "MetricName", "Name", "Names",
)  # fmt: skip
"""Parameters that name what a call is about, the most telling ones first."""


def _resource(params: dict[str, Any]) -> str:
    for name in _NAMES:
        if value := params.get(name):
            return ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return ""


class CallLog:
    """The calls since the last reset. Reading parameters is left to the reader: logging costs next to nothing."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def add(self, request: Request, time: float) -> Call:
        with self._lock:
            call = Call(
                n=len(self._calls) + 1,
                time=time,
                service=request.service,
                operation=request.operation,
                kind=_kind(request),
                region=request.region,
                access_key=request.access_key,
                request=request,
            )
            self._calls.append(call)
        return call

    def clear(self) -> None:
        with self._lock:
            self._calls = []

    def __call__(self) -> list[Call]:
        return list(self._calls)


def _kind(request: Request) -> Kind:
    if request.operation in _PLANS:
        return "plan"
    if _READS.match(request.operation) or request.form.get("DryRun") == "true" or request.service == "sts":
        return "read"
    return "write"
