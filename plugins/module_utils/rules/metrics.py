# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules: heartbeats and metrics."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Finding
from ..properties.keys import TRANSACTOR
from .facts import EMPTY, HIGH_AVAILABILITY, MONITORING, Facts
from .registry import rule

HEARTBEAT, CALLBACK = "heartbeat-interval-msec", "metrics-callback"
REGION, DIMENSION = "aws-cloudwatch-region", "aws-cloudwatch-dimension-value"


@rule("note", "a standby misses two heartbeats of its own phase: up to three intervals", HIGH_AVAILABILITY)
def heartbeat_failover(facts: Facts) -> Iterator[Finding]:
    """A longer heartbeat makes a longer outage when a standby takes over."""
    interval = facts.number(HEARTBEAT)
    if interval is not None and interval > 5000:
        seconds = f"{3 * interval / 1000 + 1:g}"
        yield facts.transactor.finding(
            HEARTBEAT,
            f"a peer recovers within {seconds} s when a standby takes over, by default within 16 s",
            "5000 unless long pauses of the garbage collector make standbys take over",
        )


@rule(
    "warning",
    "a standby counts two of its own intervals without a heartbeat, and the active one beats less often",
    HIGH_AVAILABILITY,
)
def heartbeat_takeover(facts: Facts) -> Iterator[Finding]:
    """A new transactor with a heartbeat shorter than half of the running one's takes over from a living one."""
    interval, running = facts.number(HEARTBEAT), facts.running_heartbeat_msec
    if interval is None and not facts.has(HEARTBEAT):
        interval = int(TRANSACTOR[HEARTBEAT].default)
    if interval is not None and 2 * interval < running:
        yield facts.transactor.finding(
            HEARTBEAT,
            f"{interval} is less than half of {running}, which runs now: the first new transactor takes over at once",
            f"lower it in several updates, each at most by half: now {-(-running // 2)}",
        )


@rule("warning", "a replacement waits for metrics before it stops the old transactors", MONITORING)
def cloudwatch_incomplete(facts: Facts) -> Iterator[Finding]:
    """Metrics need a region and a dimension."""
    for given, missing in facts.halves(REGION, DIMENSION):
        if facts.reads(missing) and not facts.has(CALLBACK):
            message = f"without {missing} there are no metrics"
            yield facts.transactor.finding(given, message, f"give {missing} a value")


@rule("note", "without heartbeats a replacement waits datomic_replace_settle seconds, and proves less", MONITORING)
def cloudwatch_missing(facts: Facts) -> Iterator[Finding]:
    """Without metrics a replacement cannot see that a new transactor is a standby."""
    file = facts.transactor
    # A line that could not be read may hold the missing key.
    if EMPTY in (file, facts.cf) or file.findings or any(map(facts.has, (REGION, DIMENSION, CALLBACK))):
        return
    yield file.finding(REGION, f"neither {REGION} nor {DIMENSION} has a value: no metrics", "give both a value")


@rule(
    "warning",
    "it replaces the reporter to CloudWatch: alarms there stay silent, and a replacement sees no heartbeats, but waits "
    "datomic_replace_settle seconds",
    MONITORING,
)
def metrics_callback(facts: Facts) -> Iterator[Finding]:
    """A callback gets the metrics instead of CloudWatch."""
    if not facts.has(CALLBACK) or not facts.reads(CALLBACK):
        return
    both = facts.has(REGION) and facts.has(DIMENSION)
    yield facts.transactor.finding(
        CALLBACK,
        "no metrics reach CloudWatch" + (f", whatever {REGION} and {DIMENSION} say" if both else ""),
        "remove it to have metrics in CloudWatch; with it, its jar has to be on the transactor's class path "
        "(modern: extra_jars), or the transactor does not start",
    )
