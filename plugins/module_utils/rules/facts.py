# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The input of the rules: the two files, and what else is known of the system."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Collection, Iterator

from ..errors import DatomicError
from ..instance_memory import TOOL_MEMORY, default_heap
from ..properties import file as properties_file
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
AWS_SAMPLE = "config/samples/cf-template.properties in the distribution"

_MAXIMUM_HEAP = re.compile(r"(?:^|[\s'\"])-(?:Xmx|XX:MaxHeapSize=)([0-9]+[kKmMgG]?)(?=$|[\s'\"])")
"""An option of Java that sets the largest heap."""

EMPTY = properties_file.EMPTY


def legible(file: Properties | None) -> Properties:
    """The file, or EMPTY: no key is missing in a file without text."""
    return file if file and file.legible else EMPTY


@dataclasses.dataclass(frozen=True)
class Facts:
    """The files (EMPTY when not given), and facts that are not in them, each optional.

    datomic_version: for a file whose datomic-version is blank. running_version: the release that runs now.
    stack_version: the one that the stack names, which counts where it is not known what runs.
    new_stack_flavor: the template that a new stack is going to be created from; empty when the stack exists.
    instance_memory_mib: of the instance type, from EC2. table_write_units: provisioned; None: unknown, or on demand.
    log_bucket_writable: None when unknown. secrets: keys of the transactor whose values are not in its file.
    region: of the table, where the file names none. backup_heap: of bin/datomic backup-db.
    engine, flavor: of the system. running_heartbeat_msec: of the transactors that run now, 0 when unknown.
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
    region: str = ""
    backup_heap: str = ""
    engine: str = ""
    flavor: str = ""
    running_heartbeat_msec: int = 0

    def has(self, key: str) -> bool:
        """Whether a transactor gets a value for this key when it starts, wherever that is kept."""
        if key == "aws-dynamodb-region" and self.region:
            return True
        return self.transactor.has_value(key) or key in self.secrets or key in self._misread

    def halves(self, one: str, other: str) -> Iterator[tuple[str, str]]:
        """Of two keys of the transactor that work together only: the one with a value, and the one without."""
        if self.has(one) != self.has(other):
            yield (one, other) if self.has(one) else (other, one)

    @functools.cached_property
    def _misread(self) -> Collection[str]:
        """Keys in lines that are refused as such: they are not missing as well."""
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
    def running_source(self) -> str:
        """Where running comes from, for messages: it follows the release's number."""
        return "which runs now" if self.running_version else "which the stack names"

    @property
    def protocol(self) -> str:
        return self.transactor.get("protocol")

    @functools.cached_property
    def memory_mib(self) -> int | None:
        """The instance's memory; bin/datomic's own table first, as default heaps are computed with it."""
        return TOOL_MEMORY.get(self.cf.get("aws-instance-type"), self.instance_memory_mib)

    @functools.cached_property
    def heap(self) -> int | None:
        """Bytes of -Xmx: of java-opts, else java-xmx, or when that is blank what ensure-cf is going to write.

        None when unknown. java-opts comes behind java-xmx on the command line, where the last -Xmx counts.
        """
        written = heap_option(self.cf.get("java-opts")) or self.cf.get("java-xmx")
        if not written and self.cf is not EMPTY and self.memory_mib is not None:
            written = default_heap(self.memory_mib)
        return parse_memory(written)

    def reads(self, key: str) -> bool:
        """Whether the release that is going to run reads this key of the transactor; true for an unknown release."""
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
        """Whether the release that is going to run is in this range, its end not included."""
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
    """The heap that options of Java set, as written; empty when they set none."""
    sizes = _MAXIMUM_HEAP.findall(options)
    return sizes[-1] if sizes else ""


def mebibytes(size: int) -> str:
    """Bytes in the notation of the files, rounded down to whole MiB."""
    return f"{size // MIB}m"
