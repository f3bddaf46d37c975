# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the preflight's rules look at: the two files, and what else is known of the system."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Collection
from typing import Any

from ..errors import DatomicError, Finding, RuleName, Severity
from ..instance_memory import TOOL_MEMORY, default_heap
from ..properties.file import Properties
from ..properties.keys import MIB, TRANSACTOR, parse_integer, parse_memory
from ..releases import versions

CAPACITY = "https://docs.datomic.com/operation/capacity.html"
HIGH_AVAILABILITY = "https://docs.datomic.com/operation/ha.html"
TRANSACTOR_DOCS = "https://docs.datomic.com/operation/transactor.html"
AWS_DOCS = "https://docs.datomic.com/operation/aws.html"
BACKUP = "https://docs.datomic.com/operation/backup.html"
STORAGE = "https://docs.datomic.com/operation/storage.html"
PROPERTIES_DOCS = "https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/Properties.html"
ACCESS = "https://docs.datomic.com/operation/aws-access-control.html"
MONITORING = "https://docs.datomic.com/operation/monitoring.html"
CHANGES = "https://docs.datomic.com/changes/pro.html"

_MAXIMUM_HEAP = re.compile(r"(?:^|[\s'\"])-(?:Xmx|XX:MaxHeapSize=)([0-9]+[kKmMgG]?)(?=$|[\s'\"])")
"""An option of Java that says how large the heap may get."""

EMPTY = Properties.parse(b"", "")
"""Stands for a file that was not given: it has no key."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """The files (EMPTY when not given), and facts that are not in them, each optional.

    datomic_version: for a file whose datomic-version is blank. running_version: the release that runs now.
    stack_version: the one that the stack names, which counts where it is not known what runs.
    instance_memory_mib: what EC2 says of the instance type. table_write_units: the table's provisioned write capacity,
    None when unknown or on demand. log_bucket_writable: None when nobody tried.
    new_stack_flavor: the template that a stack is going to be created from; empty when it exists or nobody knows.
    secrets: keys whose values a transactor gets from elsewhere than its file. backup_heap: of bin/datomic backup-db.
    engine, flavor: of the system, empty when unknown. running_heartbeat_msec: of the transactors that run now, 0 when
    unknown.
    """

    transactor: Properties = EMPTY
    cf: Properties = EMPTY
    datomic_version: str = ""
    running_version: str = ""
    stack_version: str = ""
    new_stack_flavor: str = ""
    instance_memory_mib: int | None = None
    table_write_units: int | None = None
    log_bucket_writable: bool | None = None
    secrets: Collection[str] = ()
    backup_heap: str = ""
    engine: str = ""
    flavor: str = ""
    running_heartbeat_msec: int = 0

    def has(self, key: str) -> bool:
        """Whether a transactor finds a value for this key when it starts, wherever that is kept."""
        return self.transactor.has_value(key) or key in self.secrets or key in self._misread

    @functools.cached_property
    def _misread(self) -> Collection[str]:
        """Keys in lines that are refused as such: what they say is no reason to call them missing."""
        return {finding.key for finding in self.transactor.findings}

    @property
    def given_version(self) -> str:
        """The release that is going to run, as written; empty when unknown."""
        return self.cf.get("datomic-version") or self.datomic_version

    @property
    def version(self) -> str:
        """The same when it is a release's number, else empty."""
        return self.given_version if is_release(self.given_version) else ""

    @property
    def running(self) -> str:
        """The release that the way to the next one starts from; empty when unknown.

        Where it is not known what runs, it is the stack's: what runs is as old or older, the way from there to the
        stack's was judged when the stack got it, and an instance that the group launches by itself has it.
        """
        known = self.running_version or self.stack_version
        return known if is_release(known) else ""

    @property
    def running_told(self) -> str:
        """Where running comes from, for messages: it follows the release's number."""
        return "runs now" if self.running_version else "the stack names"

    @property
    def protocol(self) -> str:
        return self.transactor.get("protocol")

    @functools.cached_property
    def memory_mib(self) -> int | None:
        """The instance's memory; bin/datomic's own table first, as default heaps are computed with it."""
        return TOOL_MEMORY.get(self.cf.get("aws-instance-type"), self.instance_memory_mib)

    @functools.cached_property
    def heap(self) -> int | None:
        """Bytes of -Xmx: what java-opts says, else java-xmx, or when that is blank what ensure-cf is going to write.

        None when unknown. java-opts comes behind java-xmx on the command line, where the last -Xmx counts.
        """
        written = heap_option(self.cf.get("java-opts")) or self.cf.get("java-xmx")
        if not written and self.cf is not EMPTY and self.memory_mib is not None:
            written = default_heap(self.memory_mib)
        return parse_memory(written)

    def reads(self, key: str) -> bool:
        """Whether the release that is going to run knows this key of the transactor; so when it is not known."""
        since = TRANSACTOR[key].since
        return not since or not self.version or versions.at_least(self.version, since)

    def memory(self, key: str) -> int | None:
        """Bytes of a transactor's memory setting; None when missing or malformed."""
        return parse_memory(self.transactor.get(key))

    def number(self, key: str) -> int | None:
        """A transactor's whole number, its default when the key has no value; None when malformed."""
        return parse_integer(self.transactor.get(key) or TRANSACTOR[key].default)

    def crosses(self, release: str) -> bool:
        """Whether the update goes from before this release to it or beyond."""
        if not (self.version and self.running):
            return False
        return not versions.at_least(self.running, release) and versions.at_least(self.version, release)

    def between(self, since: str, before: str) -> bool:
        """Whether the release that is going to run lies in this range, its end not included."""
        if not self.version:
            return False
        return versions.at_least(self.version, since) and not versions.at_least(self.version, before)


def is_release(version: str) -> bool:
    try:
        versions.number(version)
    except DatomicError:
        return False
    return True


def heap_option(options: str) -> str:
    """The heap that options of Java ask for, as they write it; empty when they say nothing of it."""
    sizes = _MAXIMUM_HEAP.findall(options)
    return sizes[-1] if sizes else ""


def found(file: Properties, key: str, rule: str, severity: Severity, message: str, **more: Any) -> Finding:
    """A finding about a key of a file. more: why, source, instead."""
    return Finding(RuleName(rule), message, severity, file=file.path, line=file.line(key), key=key, **more)


def mebibytes(size: int) -> str:
    """Bytes as the files write them; whole MiB are enough for a reader."""
    return f"{size // MIB}m"
