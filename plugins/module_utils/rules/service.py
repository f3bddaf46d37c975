# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of the preflight: keys that need each other, the network, metrics, the table and the logs."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Finding, RuleName
from ..properties.keys import CF, EMBEDDED, TRANSACTOR, parse_integer
from ..steps import security_group
from .facts import AWS_DOCS, EMPTY, HIGH_AVAILABILITY, MONITORING, STORAGE, TRANSACTOR_DOCS, Facts, found
from .storage import is_local, on_instance

NEEDED = {
    "ddb": ("aws-dynamodb-region",),
    "sql": ("sql-url", "sql-driver-class"),
    "cass": ("cassandra-host", "cassandra-table"),
    "cass2": ("cassandra-host", "cassandra-table"),
    "cass3": ("cassandra-host", "cassandra-table"),
}
GENERATED_WHEN_BLANK = {
    "aws-transactor-role",
    "aws-peer-role",
    "aws-s3-log-bucket-id",
    "java-xmx",
    "java-opts",
    "datomic-version",
    "license-key",
    *(key for key, setting in TRANSACTOR.items() if setting.deprecated),
}
JUDGED_ELSEWHERE = {
    "protocol",
    "host",
    "port",
    "memory-index-threshold",
    "memory-index-max",
    "object-cache-max",
    "aws-dynamodb-table",
    *security_group.REQUIRED,
    security_group.GROUP_SIZE,
    *(key for keys in NEEDED.values() for key in keys),
}
EMBEDDED_KEYS = (
    "storage-access",
    *(key for key in TRANSACTOR if key.endswith(("-admin-password", "-datomic-password"))),
)
"""Keys that the embedded storage reads alone."""
LAUNCH_CONFIGURATIONS = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/launch-configurations.html"
PORTS = ("port", "ping-port", "rest-port", "h2-port")
UNITS_A_WRITER = 200
CALLBACK = "metrics-callback"


def legacy_new_stack(facts: Facts) -> Iterator[Finding]:
    """AWS refuses the launch configuration of the legacy template in newer accounts."""
    if facts.new_stack_flavor == "legacy":
        yield Finding(
            RuleName("legacy-new-stack"),
            "the stack is going to be created from the legacy template, which has a launch configuration",
            "warning",
            reason="AWS refuses launch configurations in accounts created since 2024-10-01",
            source=LAUNCH_CONFIGURATIONS,
            suggestion="datomic_template_flavor: modern, or auto",
        )


def required_by_protocol(facts: Facts) -> Iterator[Finding]:
    """Each storage has keys of its own that the transactor needs."""
    for key in NEEDED.get(facts.protocol, ()):
        if not facts.has(key) and facts.reads(key):
            yield found(
                facts.transactor,
                key,
                "required-by-protocol",
                "error",
                f"Missing property: {key}",
                reason=f"the protocol {facts.protocol} needs it",
                source=STORAGE,
                suggestion=f"write {key}=… with a value",
            )


def blank_value(facts: Facts) -> Iterator[Finding]:
    """A key without a value that nothing fills in."""
    for file, known in ((facts.transactor, TRANSACTOR), (facts.cf, CF)):
        for key in file:
            setting = known.get(key)
            filled = file.has_value(key) or (file is facts.transactor and facts.has(key))
            if filled or not setting or key in GENERATED_WHEN_BLANK or key in JUDGED_ELSEWHERE:
                continue
            embedded = key in EMBEDDED_KEYS
            blank = setting.blank if not embedded or facts.protocol in EMBEDDED else ""
            yield found(
                file,
                key,
                "blank-value",
                "error" if blank and setting.stops else "warning",
                "no value" + (f": the default {setting.default} applies" if setting.default and not blank else ""),
                reason=blank or "a blank value counts as none, and nothing is generated for this key",
                source=TRANSACTOR_DOCS if file is facts.transactor else AWS_DOCS,
                suggestion=f"give {key} a value, or remove the line",
            )


def trailing_blank(facts: Facts) -> Iterator[Finding]:
    """White space behind a value belongs to the value."""
    for file in (facts.transactor, facts.cf):
        for key in file:
            if file.get(key)[-1:].isspace():
                yield found(
                    file,
                    key,
                    "trailing-blank",
                    "warning",
                    "white space at the end of the value",
                    reason="it is a part of the value for every reader",
                    source=TRANSACTOR_DOCS,
                    suggestion="remove it",
                )


def port_clash(facts: Facts) -> Iterator[Finding]:
    """Two services cannot listen on one port; without h2-port, dev storage takes the one after port."""
    taken: dict[int, str] = {}
    for key in PORTS:
        number = parse_integer(facts.transactor.get(key))
        if number is None:
            continue
        if number in taken:
            yield found(
                facts.transactor,
                key,
                "port-clash",
                "error",
                f"{number} is the port of {taken[number]} already",
                reason="the second to start cannot listen",
                source=TRANSACTOR_DOCS,
                suggestion="another port",
            )
        taken.setdefault(number, key)
        if key == "port" and facts.protocol == "dev" and not facts.has("h2-port"):
            taken.setdefault(number + 1, "the dev storage (port + 1)")


def ping_incomplete(facts: Facts) -> Iterator[Finding]:
    """Datomic answers health checks only when both keys have a value."""
    keys = ("ping-host", "ping-port")
    for given, lacking in (keys, keys[::-1]):
        if facts.has(given) and not facts.has(lacking):
            yield found(
                facts.transactor,
                given,
                "ping-incomplete",
                "warning",
                f"without {lacking} no health check is answered",
                reason="Datomic starts the endpoint only with both, and says nothing",
                source=TRANSACTOR_DOCS + "#health-check",
                suggestion=f"give {lacking} a value, or remove {given}",
            )


def host_unreachable(facts: Facts) -> Iterator[Finding]:
    """Peers connect to host; the CloudFormation template replaces it, nothing else does."""
    host, other = facts.transactor.get("host"), facts.transactor.get("alt-host")
    # Who keeps the database there as well has no peers elsewhere.
    if facts.cf is not EMPTY or facts.protocol == "ddb-local" or on_instance(facts.transactor):
        return
    # Peers try the other one when the first cannot be reached.
    if is_local(host) and (not other or is_local(other)):
        yield found(
            facts.transactor,
            "host",
            "host-unreachable",
            "warning",
            f"peers on other machines cannot reach {host}",
            reason="host is written into storage for the peers; the usual reason of peers that cannot connect",
            source=TRANSACTOR_DOCS,
            suggestion="the address at which peers reach this machine, in host or in alt-host",
        )


def heartbeat_failover(facts: Facts) -> Iterator[Finding]:
    """A longer heartbeat makes a longer outage when a standby takes over."""
    interval = facts.number("heartbeat-interval-msec")
    if interval is not None and interval > 5000:
        yield found(
            facts.transactor,
            "heartbeat-interval-msec",
            "heartbeat-failover",
            "note",
            f"a peer recovers within {3 * interval / 1000 + 1:g} s when a standby takes over, by default within 16 s",
            reason="a standby misses two heartbeats, which it looks at at its own phase: up to three intervals",
            source=HIGH_AVAILABILITY,
            suggestion="5000 unless long pauses of the garbage collector make standbys take over",
        )


def heartbeat_takeover(facts: Facts) -> Iterator[Finding]:
    """A new transactor with a heartbeat shorter than half of the running one's takes over from a living one."""
    key = "heartbeat-interval-msec"
    interval = facts.number(key)
    if interval is None and not facts.has(key):
        interval = int(TRANSACTOR[key].default)
    running = facts.running_heartbeat_msec
    if interval is not None and 2 * interval < running:
        half = -(-running // 2)
        yield found(
            facts.transactor,
            key,
            "heartbeat-takeover",
            "warning",
            f"{interval} is less than half of {running}, which runs now: the first new transactor takes over at once",
            reason="a standby counts two of its own intervals without a heartbeat, and the active one beats less often",
            source=HIGH_AVAILABILITY,
            suggestion=f"lower it in several updates, each at most by half: now {half}",
        )


def cloudwatch_incomplete(facts: Facts) -> Iterator[Finding]:
    """Metrics need a region and a dimension."""
    region, dimension = "aws-cloudwatch-region", "aws-cloudwatch-dimension-value"
    for given, lacking in ((region, dimension), (dimension, region)):
        if facts.has(given) and not facts.has(lacking) and facts.reads(lacking) and not facts.has(CALLBACK):
            yield found(
                facts.transactor,
                given,
                "cloudwatch-incomplete",
                "warning",
                f"without {lacking} there are no metrics",
                reason="metrics are also what a replacement waits for before it stops the old transactors",
                source=MONITORING,
                suggestion=f"give {lacking} a value",
            )


def cloudwatch_missing(facts: Facts) -> Iterator[Finding]:
    """Without metrics a replacement cannot see that a new transactor stands by."""
    keys = ("aws-cloudwatch-region", "aws-cloudwatch-dimension-value")
    file = facts.transactor
    # A line that could not be read may hold what seems to lack.
    if EMPTY in (file, facts.cf) or file.findings or any(facts.has(key) for key in (*keys, CALLBACK)):
        return
    yield found(
        file,
        keys[0],
        "cloudwatch-missing",
        "note",
        f"neither {keys[0]} nor {keys[1]} has a value: no metrics",
        reason="without heartbeats a replacement waits datomic_replace_settle seconds, and proves less",
        source=MONITORING,
        suggestion="give both a value",
    )


def metrics_callback(facts: Facts) -> Iterator[Finding]:
    """A callback gets the metrics instead of CloudWatch."""
    if not facts.has(CALLBACK) or not facts.reads(CALLBACK):
        return
    region, dimension = "aws-cloudwatch-region", "aws-cloudwatch-dimension-value"
    both = facts.has(region) and facts.has(dimension)
    yield found(
        facts.transactor,
        CALLBACK,
        "metrics-callback",
        "warning",
        f"no metrics reach CloudWatch, whatever {region} and {dimension} say"
        if both
        else "no metrics reach CloudWatch",
        reason="it replaces the reporter to CloudWatch: alarms there stay silent, and a replacement sees no "
        "heartbeats, but waits datomic_replace_settle seconds",
        source=MONITORING,
        suggestion="remove it to have metrics in CloudWatch; with it, its jar has to be on the transactor's class path "
        "(modern: extra_jars), or the transactor does not start",
    )


def single_transactor(facts: Facts) -> Iterator[Finding]:
    """One instance has no standby."""
    if parse_integer(facts.cf.get("aws-autoscaling-group-size")) == 1:
        yield found(
            facts.cf,
            "aws-autoscaling-group-size",
            "single-transactor",
            "note",
            "one instance: no standby takes over when it fails",
            reason="until another instance has started, nothing can be written",
            source=HIGH_AVAILABILITY,
            suggestion="2 for high availability",
        )


def regions_differ(facts: Facts) -> Iterator[Finding]:
    """Transactor and table belong into one region."""
    region, table_region = facts.cf.get("aws-region"), facts.transactor.get("aws-dynamodb-region")
    if facts.protocol == "ddb" and region and table_region and region != table_region:
        yield found(
            facts.cf,
            "aws-region",
            "regions-differ",
            "error",
            f"the transactor runs in {region}, its table is in {table_region}",
            reason="a typing error would make another table there; meant so, every write crosses regions",
            source=STORAGE,
            suggestion="one region for both, or accept this rule with a reason",
        )


def no_ingress(facts: Facts) -> Iterator[Finding]:
    """Without an ingress rule no peer can connect."""
    keys = ("aws-ingress-groups", "aws-ingress-cidrs")
    if facts.cf is not EMPTY and not any(facts.cf.has_value(key) for key in keys):
        yield found(
            facts.cf,
            keys[0],
            "no-ingress",
            "warning",
            "neither aws-ingress-groups nor aws-ingress-cidrs has a value",
            reason="no peer can connect, unless the security group has rules that were made elsewhere",
            source=AWS_DOCS,
            suggestion="name the peers' security groups",
        )


def write_capacity(facts: Facts) -> Iterator[Finding]:
    """write-concurrency about one per 200 provisioned write units."""
    writers, units = facts.number("write-concurrency"), facts.table_write_units
    if not facts.transactor.has_value("write-concurrency") or writers is None or units is None:
        return
    if writers > max(2, units // UNITS_A_WRITER):
        yield found(
            facts.transactor,
            "write-concurrency",
            "write-capacity",
            "warning",
            f"{writers} concurrent writes on a table with {units} write units",
            reason=f"about one per {UNITS_A_WRITER} units; more are throttled",
            source=CAPACITY_OF_TABLE,
            suggestion=f"{max(2, units // UNITS_A_WRITER)}, or {writers * UNITS_A_WRITER} write units, or on demand",
        )


def log_bucket(facts: Facts) -> Iterator[Finding]:
    """A log bucket that cannot be written stops the transactor's start."""
    if facts.log_bucket_writable is False and facts.transactor.has_value("aws-s3-log-bucket-id"):
        yield found(
            facts.transactor,
            "aws-s3-log-bucket-id",
            "log-bucket",
            "error",
            f"the bucket {facts.transactor.get('aws-s3-log-bucket-id')} is not there, or cannot be written",
            reason="the transactor does not start with a log bucket that it cannot write",
            source=AWS_DOCS,
            suggestion="a bucket that the transactor's role may write, or remove the line",
        )


def deprecated_key(facts: Facts) -> Iterator[Finding]:
    """Keys that Datomic advises against."""
    for key in facts.transactor:
        setting = TRANSACTOR.get(key)
        if setting and setting.deprecated and key.endswith("-user"):
            yield found(
                facts.transactor,
                key,
                "deprecated-key",
                "warning",
                "a user with access keys",
                reason="its secret stands in the file, in the template and on the instance",
                source=STORAGE,
                suggestion=setting.deprecated,
            )


CAPACITY_OF_TABLE = STORAGE + "#provisioning"
RULES = (
    required_by_protocol,
    blank_value,
    trailing_blank,
    port_clash,
    ping_incomplete,
    host_unreachable,
    heartbeat_failover,
    heartbeat_takeover,
    cloudwatch_incomplete,
    cloudwatch_missing,
    metrics_callback,
    single_transactor,
    regions_differ,
    no_ingress,
    write_capacity,
    log_bucket,
    deprecated_key,
    legacy_new_stack,
)
