# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules: memory, heap and the JVM's options."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..errors import Finding
from ..instance_memory import GENERATED, default_heap
from ..properties.keys import MIB, parse_memory
from ..releases import versions
from .facts import AWS_SAMPLE, BACKUP, CAPACITY, EMPTY, TRANSACTOR_DOCS, Facts, heap_option, mebibytes
from .registry import rule

MAXIMUM, THRESHOLD, CACHE = "memory-index-max", "memory-index-threshold", "object-cache-max"
RECOMMENDED = {THRESHOLD: 32 * MIB, MAXIMUM: 512 * MIB}
COLLECTOR_FLAGS = ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=")
COLLECTOR_SINCE = "0.9.4815"
"""The first release whose launcher chooses G1."""
JAVA_DOCS = "https://docs.oracle.com/en/java/javase/17/docs/specs/man/java.html"
_INITIAL_HEAP = re.compile(r"(?:^|[\s'\"])-(?:Xms|XX:InitialHeapSize=)([0-9]+[kKmMgG]?)(?=$|[\s'\"])")


@rule("error", "the transactor refuses to start", CAPACITY, also=("ensure_cf",))
def memory_three_quarters(facts: Facts) -> Iterator[Finding]:
    """object-cache-max and memory-index-max together take at most 75 % of the heap."""
    maximum, cache, heap = facts.memory(MAXIMUM), facts.memory(CACHE), facts.heap
    if maximum is None or cache is None or heap is None or (maximum + cache) * 4 <= heap * 3:
        return
    total, needed = mebibytes(maximum + cache), -(-(maximum + cache) * 4 // (3 * MIB))
    yield facts.transactor.finding(
        CACHE,
        f"{CACHE} and {MAXIMUM} together are {total}, more than 75 % of a heap of {mebibytes(heap)}",
        f"together at most {mebibytes(heap * 3 // 4)}, or java-xmx={needed}m",
    )


@rule("error", "indexing would have to end before it may begin", CAPACITY)
def memory_index_order(facts: Facts) -> Iterator[Finding]:
    """memory-index-max is not below memory-index-threshold."""
    maximum, threshold = facts.memory(MAXIMUM), facts.memory(THRESHOLD)
    if maximum is not None and threshold is not None and maximum < threshold:
        least = mebibytes(threshold)
        yield facts.transactor.finding(
            MAXIMUM, f"{mebibytes(maximum)} is less than {THRESHOLD} ({least})", f"at least {least}"
        )


@rule("note", "Datomic measured it for production", CAPACITY)
def memory_index_recommended(facts: Facts) -> Iterator[Finding]:
    """32m and 512m are recommended for the memory index."""
    for key, recommended in RECOMMENDED.items():
        size, best = facts.memory(key), mebibytes(recommended)
        if size is not None and size != recommended:
            yield facts.transactor.finding(
                key,
                f"{mebibytes(size)} instead of the recommended {best}",
                f"{key}={best} unless you measured otherwise",
            )


@rule("error", source=CAPACITY, also=("ensure_cf",))
def heap_fits_instance(facts: Facts) -> Iterator[Finding]:
    """The heap leaves the instance room for the rest of the JVM and the system."""
    heap, memory = facts.heap, facts.memory_mib
    if heap is None or memory is None or heap * 10 <= memory * MIB * 8:
        return
    too_much, option = heap >= memory * MIB, heap_option(facts.cf.get("java-opts"))
    yield facts.cf.finding(
        "java-opts" if option else "java-xmx",
        f"a heap of {mebibytes(heap)} on {facts.cf.get('aws-instance-type') or 'an instance'} with {memory}m of memory",
        f"java-xmx={memory * 7 // 10}m (70 %)"
        + (", without a heap in java-opts" if option else "")
        + ", or a larger instance type",
        severity="error" if too_much else "warning",
        reason="the usual reason of a transactor that never starts" if too_much else "the JVM needs more than its heap",
    )


@rule("warning", "Datomic asks for at least the transactor's heap, to back up and to restore", BACKUP)
def backup_heap(facts: Facts) -> Iterator[Finding]:
    """A backup has at least the transactor's heap."""
    given, heap = parse_memory(facts.backup_heap), facts.heap
    if given is not None and heap is not None and given < heap:
        yield facts.cf.finding(
            "java-xmx",
            f"backups have a heap of {facts.backup_heap}, the transactor has {mebibytes(heap)}",
            f"datomic_backup_heap: {mebibytes(heap)} or more",
        )


@rule("note", "a heap that is written stays when the type changes", CAPACITY)
def heap_of_another_type(facts: Facts) -> Iterator[Finding]:
    """A heap that was generated stays when the instance type changes."""
    given, memory = facts.cf.get("java-xmx"), facts.memory_mib
    if given and memory is not None and given in GENERATED and given != default_heap(memory):
        instance_type = facts.cf.get("aws-instance-type")
        yield facts.cf.finding(
            "java-xmx",
            f"{given} was generated for another instance type",
            f"java-xmx= (blank) gives {default_heap(memory)}, 70 % of the memory of {instance_type}",
        )


@rule("warning", "java-opts replaces all options of bin/transactor, its garbage collector's too", TRANSACTOR_DOCS)
def java_opts_collector(facts: Facts) -> Iterator[Finding]:
    """java-opts replaces the launcher's own options, the garbage collector's included."""
    missing = [flag.rstrip("=") for flag in COLLECTOR_FLAGS if flag not in facts.cf.get("java-opts")]
    if facts.version and not versions.at_least(facts.version, COLLECTOR_SINCE):
        return
    if facts.cf.has_value("java-opts") and missing:
        yield facts.cf.finding(
            "java-opts", "without " + " and ".join(missing), "add -XX:+UseG1GC -XX:MaxGCPauseMillis=50"
        )


@rule("error")
def java_opts_heap(facts: Facts) -> Iterator[Finding]:
    """The heap belongs into java-xmx alone: another option that sets it wins over java-xmx."""
    options = facts.cf.get("java-opts")
    given, initial = heap_option(options), _INITIAL_HEAP.findall(options)
    if given and facts.cf.has_value("java-xmx"):
        yield facts.cf.finding(
            "java-opts",
            f"a heap of {given} wins over java-xmx={facts.cf.get('java-xmx')}",
            "the heap in java-xmx alone, and no -Xmx in java-opts",
            severity="warning",
            reason="java-opts comes behind java-xmx on the command line, and the last -Xmx counts",
            source=TRANSACTOR_DOCS,
        )
    least, heap = parse_memory(initial[-1]) if initial else None, facts.heap
    if least is not None and heap is not None and least > heap:
        yield facts.cf.finding(
            "java-opts",
            f"an initial heap (-Xms) of {initial[-1]} is more than the heap of {mebibytes(heap)}",
            f"at most {mebibytes(heap)}, or no -Xms",
            reason="Java does not start with it",
            source=JAVA_DOCS,
        )
    if facts.cf is not EMPTY and facts.transactor.has_value("java-opts"):
        yield facts.transactor.finding(
            "java-opts",
            "Java does not get the options in the transactor's file",
            "java-opts in the CloudFormation file, the heap in java-xmx",
            severity="warning",
            reason="the template starts the transactor with java-xmx and java-opts of the CloudFormation file",
            source=AWS_SAMPLE,
        )


@rule("note", "bin/datomic's template hands the value to a shell, which splits it at blanks", AWS_SAMPLE)
def java_opts_quotes(facts: Facts) -> Iterator[Finding]:
    """Options with blanks between them are written in single quotes."""
    options = facts.cf.get("java-opts")
    if any(char.isspace() for char in options) and not (options.startswith("'") and options.endswith("'")):
        yield facts.cf.finding("java-opts", "several options without single quotes around them", "java-opts='…'")
