# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules: where the database is kept, who may use it, its caches and logs."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from ..errors import Finding
from ..properties.file import Properties
from ..properties.keys import EMBEDDED, PROTOCOLS, REMOVED_PROTOCOLS, TRANSACTOR, parse_integer
from ..releases import versions
from .facts import ACCESS, AWS_DOCS, EMPTY, STORAGE, Facts
from .registry import rule

ADDRESSES = {
    "ddb-local": "aws-dynamodb-override-endpoint",
    "cass": "cassandra-host",
    "cass2": "cassandra-host",
    "cass3": "cassandra-host",
    "riak": "riak-host",
    "couchbase": "couchbase-host",
    "inf": "inf-host",
}
"""The property that says where the storage is, by protocol."""
INTERNAL_PROTOCOLS = ("inf", "mdev", "olddev")
UNITS_A_WRITER = 200
VALCACHE = "https://docs.datomic.com/operation/valcache.html"

_LOCAL_NAME = re.compile(r"(.+\.)?(localhost|localhost\.localdomain|localhost[46]|ip6-localhost|ip6-loopback)\.?")
_SHORT_LOOPBACK = re.compile(r"127(\.[0-9]+){0,2}|0|0x7f[0-9a-f]{6}", re.ASCII)
_SCHEME = re.compile(r"(?i)jdbc:(?:(?:aws-wrapper|otel|p6spy|log4jdbc|secretsmanager|log4j):)*")
_IN_PROCESS = re.compile(r"(?i)sqlite:|duckdb:|derby:(?!//)|h2:(?!tcp:|ssl:)|hsqldb:(?!hsqls?:|https?:)")
"""Databases that are files or memory of the process itself."""
_NAMED_HOST = re.compile(r"(?i)[(;?&,]\s*(?:host|serverName|server)\s*=\s*([^;,)&\s]+)")
_AUTHORITY = re.compile(r"//([^/?;]*)")
_ORACLE_ADDRESS = re.compile(r"(?i)oracle:(?:thin|oci8?):[^@]*@(?!\s*\()(?:tcps?:)?(?://)?([^/?]+)")
_NO_AUTHORITY = re.compile(r"(?i)(?:postgresql|pgsql|mysql|mariadb|edb):(?:[a-z]+:)?[^/(]")
_ELSEWHERE = re.compile(r"(?i)socketFactory=|cloudSqlInstance=|unixSocketPath=")
"""Parameters with which a driver takes another way than the URL's address."""


def is_local(host: str) -> bool:
    """Whether this address or name means the machine that looks it up, on every machine another one."""
    name = host.strip().strip("[]").partition("%")[0].lower()
    if _LOCAL_NAME.fullmatch(name) or _SHORT_LOOPBACK.fullmatch(name):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def on_instance(transactor: Properties) -> str:
    """The property that says that the database is kept on the transactor's own machine; empty when it is not."""
    protocol = transactor.get("protocol")
    if protocol in EMBEDDED:
        return "protocol"
    if protocol == "sql" and transactor.has_value("sql-url"):
        params = transactor.get("sql-driver-params")
        return "sql-url" if _jdbc_is_local(transactor.get("sql-url").strip(), params) else ""
    key = ADDRESSES.get(protocol, "")
    hosts = [_host_of(address) for address in re.split(r"[,\s]+", transactor.get(key)) if address] if key else []
    return key if hosts and all(is_local(host) for host in hosts) else ""


def _host_of(address: str) -> str:
    """The host of host, host:port, [host]:port or a URL."""
    rest = address.partition("://")[2] or address
    rest = rest.partition("/")[0].rpartition("@")[2]
    if rest.startswith("["):
        return rest.partition("]")[0].strip("[")
    return rest.partition(":")[0] if rest.count(":") == 1 else rest


def _jdbc_is_local(url: str, params: str) -> bool:
    scheme = _SCHEME.match(url)
    if not scheme:
        return False
    rest = url[scheme.end() :]
    if _IN_PROCESS.match(rest):
        return True
    if _ELSEWHERE.search(f"{rest};{params}"):
        return False
    named = _NAMED_HOST.findall(rest)
    if named:
        return all(is_local(host) for host in named)
    oracle = _ORACLE_ADDRESS.match(rest)
    if oracle:
        return is_local(_host_of(oracle[1].split(":")[0] if not oracle[1].startswith("[") else oracle[1]))
    if _NO_AUTHORITY.match(rest):
        # A database without an address: the drivers take localhost.
        return True
    authority = _AUTHORITY.search(rest)
    if not authority:
        return False
    hosts = [_host_of(part) for part in authority[1].rpartition("@")[2].split(",")]
    return all(not host or is_local(host.partition("\\")[0]) for host in hosts)


@rule(
    "error",
    "the auto scaling group replaces instances, at every update and whenever one fails, with their volumes",
    STORAGE,
)
def storage_on_instance(facts: Facts) -> Iterator[Finding]:
    """A database on an instance of an auto scaling group is lost with the instance."""
    key = on_instance(facts.transactor)
    if facts.cf is EMPTY or not key:
        return
    size = parse_integer(facts.cf.get("aws-autoscaling-group-size")) or 1
    where = f"the protocol {facts.protocol}" if key == "protocol" else f"{key} means the instance itself, which"
    several = f", and {size} instances have {size} databases" if size > 1 else ""
    yield facts.transactor.finding(
        key,
        f"{where} keeps the database: it is lost with the instance{several}",
        "the protocol ddb, or a storage on another machine; accept this rule with a reason where the data may be lost, "
        "or where the address is a proxy to another machine",
    )


@rule("error", source=STORAGE, also=("ensure_transactor",))
def protocol_removed(facts: Facts) -> Iterator[Finding]:
    """Storages that Datomic Pro never had, or has no more."""
    if facts.protocol == "free":
        yield facts.transactor.finding(
            "protocol",
            "the protocol free is the storage of Datomic Free, which has no releases any more",
            "dev on a machine of your own, or ddb on AWS; the data moves with backup-db and restore-db",
            reason="Datomic Pro refuses to start with it: Unsupported storage protocol",
        )
    elif facts.protocol in REMOVED_PROTOCOLS:
        # No source says which release was the last one.
        had_it = facts.version and not versions.at_least(facts.version, "1.0.6165")
        yield facts.transactor.finding(
            "protocol",
            f"the storage {facts.protocol} is no longer documented, and nothing here provisions or checks it",
            "ddb, sql or cass3; the data moves with backup-db and restore-db of a release that has both",
            reason="current releases refuse to start with it: Unsupported storage protocol",
            severity="warning" if had_it else "error",
        )


@rule("warning", "it is undocumented, and any release may remove it", STORAGE)
def protocol_internal(facts: Facts) -> Iterator[Finding]:
    """Some protocols are Datomic's own."""
    if facts.protocol in INTERNAL_PROTOCOLS:
        message = f"the protocol {facts.protocol} is internal to Datomic"
        yield facts.transactor.finding("protocol", message, "ddb, or another storage of the documentation")


@rule("error", source=STORAGE)
def storage_access(facts: Facts) -> Iterator[Finding]:
    """The embedded storage lets other machines in only with two passwords."""
    key = "storage-access"
    if facts.transactor.get(key) != "remote":
        return
    if facts.protocol in PROTOCOLS and facts.protocol not in EMBEDDED:
        yield facts.transactor.finding(
            key,
            f"it has no effect with the protocol {facts.protocol}",
            "remove it",
            severity="note",
            reason="it opens the embedded storage of the protocol dev, and nothing else",
        )
    missing = [each for each in ("storage-admin-password", "storage-datomic-password") if not facts.has(each)]
    if facts.protocol in EMBEDDED and missing:
        yield facts.transactor.finding(
            key,
            f"remote, without {' and '.join(missing)}",
            f"give both a value, or remove {key}",
            reason="the transactor refuses to start: remote access to the embedded storage needs both passwords",
        )


@rule("warning", "anyone who runs a peer may then write and delete the table, the logs and the metrics", ACCESS)
def roles_shared(facts: Facts) -> Iterator[Finding]:
    """Peers read; only the transactor writes."""
    pairs = (("aws-transactor-role", "aws-peer-role"), ("aws-dynamodb-user", "aws-dynamodb-peer-user"))
    for transactor, peer in pairs:
        name = facts.transactor.get(peer)
        if name and name == facts.transactor.get(transactor):
            yield facts.transactor.finding(
                peer,
                f"{name} is {transactor} as well: the peers get the transactor's rights",
                f"another name, or {peer}= to have one generated",
            )


@rule("warning", "its secret is in the file, in the template and on the instance", STORAGE, also=("ensure_transactor",))
def deprecated_key(facts: Facts) -> Iterator[Finding]:
    """Keys that Datomic advises against."""
    for key in facts.transactor:
        setting = TRANSACTOR.get(key)
        if setting and setting.deprecated and key.endswith("-user"):
            yield facts.transactor.finding(key, "a user with access keys", setting.deprecated)


@rule("warning", "Datomic starts one only with both, and says nothing", VALCACHE)
def valcache_incomplete(facts: Facts) -> Iterator[Finding]:
    """Datomic starts a valcache only when both keys have a value."""
    # The modern template fills in the missing key where the instance type has a store, which it judges itself.
    if facts.flavor == "modern":
        return
    for given, missing in facts.halves("valcache-path", "valcache-max-gb"):
        yield facts.transactor.finding(
            given,
            f"without {missing} there is no valcache",
            f"give {missing} a value, or remove {given}; modern fills it in where the instance type has an instance "
            "store",
        )


@rule("warning", f"about one per {UNITS_A_WRITER} units; more are throttled", STORAGE + "#provisioning")
def write_capacity(facts: Facts) -> Iterator[Finding]:
    """write-concurrency about one per 200 provisioned write units."""
    key = "write-concurrency"
    writers, units = facts.number(key), facts.table_write_units
    if not facts.transactor.has_value(key) or writers is None or units is None:
        return
    most = max(2, units // UNITS_A_WRITER)
    if writers > most:
        yield facts.transactor.finding(
            key,
            f"{writers} concurrent writes on a table with {units} write units",
            f"{most}, or {writers * UNITS_A_WRITER} write units, or on demand",
        )


@rule("error", "the transactor does not start with a log bucket that it cannot write", AWS_DOCS)
def log_bucket(facts: Facts) -> Iterator[Finding]:
    """A log bucket that cannot be written stops the transactor's start."""
    key = "aws-s3-log-bucket-id"
    if facts.log_bucket_writable is False and facts.transactor.has_value(key):
        yield facts.transactor.finding(
            key,
            f"the bucket {facts.transactor.get(key)} is not there, or cannot be written",
            "a bucket that the transactor's role may write, or remove the line",
        )
