# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of the preflight: memory, heap and the JVM's options."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..errors import Finding
from ..instance_memory import GENERATED, default_heap
from ..properties.keys import MIB, parse_memory
from ..releases import versions
from .facts import BACKUP, CAPACITY, EMPTY, TRANSACTOR_DOCS, Facts, found, heap_option, mebibytes

MAXIMUM, THRESHOLD, CACHE = "memory-index-max", "memory-index-threshold", "object-cache-max"
COLLECTOR_FLAGS = ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=")
COLLECTOR_SINCE, REQUIRED_SINCE = "0.9.4815", "0.8.4110"
"""The first releases whose launcher chooses G1, and whose memory settings have no default."""
RECOMMENDED = {THRESHOLD: 32 * MIB, MAXIMUM: 512 * MIB}


def memory_required(facts: Facts) -> Iterator[Finding]:
    """The three memory settings have no default."""
    if facts.transactor is EMPTY:
        return
    # Before it there were defaults, and not all three keys.
    if facts.version and not versions.at_least(facts.version, REQUIRED_SINCE):
        return
    for key, example in ((THRESHOLD, "32m"), (MAXIMUM, "512m"), (CACHE, "1g")):
        if not facts.has(key):
            yield found(
                facts.transactor,
                key,
                "memory-required",
                "error",
                f"Missing property: {key}",
                reason="the transactor does not start without it",
                source=TRANSACTOR_DOCS,
                suggestion=f"such as {key}={example}",
            )


def memory_three_quarters(facts: Facts) -> Iterator[Finding]:
    """object-cache-max and memory-index-max together take at most 75 % of the heap."""
    maximum, cache, heap = facts.memory(MAXIMUM), facts.memory(CACHE), facts.heap
    if maximum is None or cache is None or heap is None or (maximum + cache) * 4 <= heap * 3:
        return
    together, needed = mebibytes(maximum + cache), -(-(maximum + cache) * 4 // (3 * MIB))
    yield found(
        facts.transactor,
        CACHE,
        "memory-three-quarters",
        "error",
        f"{CACHE} and {MAXIMUM} together are {together}, more than 75 % of a heap of {mebibytes(heap)}",
        reason="the transactor refuses to start",
        source=CAPACITY,
        suggestion=f"together at most {mebibytes(heap * 3 // 4)}, or java-xmx={needed}m",
    )


def memory_index_order(facts: Facts) -> Iterator[Finding]:
    """memory-index-max is not below memory-index-threshold."""
    maximum, threshold = facts.memory(MAXIMUM), facts.memory(THRESHOLD)
    if maximum is not None and threshold is not None and maximum < threshold:
        yield found(
            facts.transactor,
            MAXIMUM,
            "memory-index-order",
            "error",
            f"{mebibytes(maximum)} is less than {THRESHOLD} ({mebibytes(threshold)})",
            reason="indexing would have to end before it may begin",
            source=CAPACITY,
            suggestion=f"at least {mebibytes(threshold)}",
        )


def memory_index_recommended(facts: Facts) -> Iterator[Finding]:
    """32m and 512m are recommended for the memory index."""
    for key, recommended in RECOMMENDED.items():
        size = facts.memory(key)
        if size is not None and size != recommended:
            yield found(
                facts.transactor,
                key,
                "memory-index-recommended",
                "note",
                f"{mebibytes(size)} instead of the {mebibytes(recommended)} that is recommended",
                reason="measured by Datomic for production",
                source=CAPACITY,
                suggestion=f"{key}={mebibytes(recommended)} unless you measured otherwise",
            )


def heap_fits_instance(facts: Facts) -> Iterator[Finding]:
    """The heap leaves the instance room for the rest of the JVM and the system."""
    heap, memory = facts.heap, facts.memory_mib
    if heap is None or memory is None or heap * 10 <= memory * MIB * 8:
        return
    too_much = heap >= memory * MIB
    option = heap_option(facts.cf.get("java-opts"))
    yield found(
        facts.cf,
        "java-opts" if option else "java-xmx",
        "heap-fits-instance",
        "error" if too_much else "warning",
        f"a heap of {mebibytes(heap)} on {facts.cf.get('aws-instance-type') or 'an instance'} with {memory}m of memory",
        reason="the usual reason of a transactor that never starts" if too_much else "the JVM needs more than its heap",
        source=CAPACITY,
        suggestion=f"java-xmx={memory * 7 // 10}m (70 %)"
        + (", without a heap in java-opts" if option else "")
        + ", or a larger instance type",
    )


def backup_heap(facts: Facts) -> Iterator[Finding]:
    """A backup has at least the transactor's heap."""
    given, heap = parse_memory(facts.backup_heap), facts.heap
    if given is not None and heap is not None and given < heap:
        yield found(
            facts.cf,
            "java-xmx",
            "backup-heap",
            "warning",
            f"backups have a heap of {facts.backup_heap}, the transactor has {mebibytes(heap)}",
            reason="Datomic asks for at least the transactor's heap, to back up and to restore",
            source=BACKUP,
            suggestion=f"datomic_backup_heap: {mebibytes(heap)} or more",
        )


def java_opts_collector(facts: Facts) -> Iterator[Finding]:
    """java-opts replaces the launcher's own options, the garbage collector's included."""
    missing = [flag for flag in COLLECTOR_FLAGS if flag not in facts.cf.get("java-opts")]
    if facts.version and not versions.at_least(facts.version, COLLECTOR_SINCE):
        return
    if facts.cf.has_value("java-opts") and missing:
        yield found(
            facts.cf,
            "java-opts",
            "java-opts-collector",
            "warning",
            "without " + " and ".join(flag.rstrip("=") for flag in missing),
            reason="java-opts replaces all options of bin/transactor, its garbage collector's too",
            source=TRANSACTOR_DOCS,
            suggestion="add -XX:+UseG1GC -XX:MaxGCPauseMillis=50",
        )


def java_opts_heap(facts: Facts) -> Iterator[Finding]:
    """The heap belongs into java-xmx alone: what else asks for one wins over it unseen."""
    options = facts.cf.get("java-opts")
    given, initial = heap_option(options), _INITIAL_HEAP.findall(options)
    if given and facts.cf.has_value("java-xmx"):
        yield found(
            facts.cf,
            "java-opts",
            "java-opts-heap",
            "warning",
            f"a heap of {given} wins over java-xmx={facts.cf.get('java-xmx')}",
            reason="java-opts comes behind java-xmx on the command line, and the last -Xmx counts",
            source=TRANSACTOR_DOCS,
            suggestion="the heap in java-xmx alone, and no -Xmx in java-opts",
        )
    least, heap = parse_memory(initial[-1]) if initial else None, facts.heap
    if least is not None and heap is not None and least > heap:
        yield found(
            facts.cf,
            "java-opts",
            "java-opts-heap",
            "error",
            f"an initial heap (-Xms) of {initial[-1]} is more than the heap of {mebibytes(heap)}",
            reason="Java does not start with it",
            source=JAVA_DOCS,
            suggestion=f"at most {mebibytes(heap)}, or no -Xms",
        )
    if facts.cf is not EMPTY and facts.transactor.has_value("java-opts"):
        yield found(
            facts.transactor,
            "java-opts",
            "java-opts-heap",
            "warning",
            "options of Java in the transactor's file reach no Java",
            reason="the template starts the transactor with java-xmx and java-opts of the CloudFormation file",
            source=AWS_SAMPLE,
            suggestion="java-opts in the CloudFormation file, the heap in java-xmx",
        )


def heap_of_another_type(facts: Facts) -> Iterator[Finding]:
    """A heap that was generated stays when the instance type changes."""
    given, memory = facts.cf.get("java-xmx"), facts.memory_mib
    if not given or memory is None or given not in GENERATED or given == default_heap(memory):
        return
    yield found(
        facts.cf,
        "java-xmx",
        "heap-of-another-type",
        "note",
        f"{given} was generated for another instance type",
        reason="a heap that is written stays when the type changes",
        source=CAPACITY,
        suggestion=f"java-xmx= (blank) gives {default_heap(memory)}, "
        f"70 % of what {facts.cf.get('aws-instance-type')} has",
    )


def java_opts_quotes(facts: Facts) -> Iterator[Finding]:
    """Options with blanks between them are written in single quotes."""
    options = facts.cf.get("java-opts")
    if any(char.isspace() for char in options) and not (options.startswith("'") and options.endswith("'")):
        yield found(
            facts.cf,
            "java-opts",
            "java-opts-quotes",
            "note",
            "several options without single quotes around them",
            reason="bin/datomic's template hands the value to a shell, which splits it at blanks",
            source=AWS_SAMPLE,
            suggestion="java-opts='…'",
        )


JAVA_DOCS = "https://docs.oracle.com/en/java/javase/17/docs/specs/man/java.html"
_INITIAL_HEAP = re.compile(r"(?:^|[\s'\"])-(?:Xms|XX:InitialHeapSize=)([0-9]+[kKmMgG]?)(?=$|[\s'\"])")
AWS_SAMPLE = "config/samples/cf-template.properties in the distribution"
RULES = (
    memory_required,
    memory_three_quarters,
    memory_index_order,
    memory_index_recommended,
    heap_fits_instance,
    backup_heap,
    heap_of_another_type,
    java_opts_collector,
    java_opts_heap,
    java_opts_quotes,
)
