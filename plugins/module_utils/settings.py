# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each property means: its type, bounds, default, whether it is secret, which file.

Source of names, defaults and bounds: https://docs.datomic.com/operation/transactor.html and the pages that it links,
and the sample files of the distribution (config/samples).
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import urllib.parse
from collections.abc import Mapping
from typing import Literal

from ansible_collections.datomic_onprem.aws.plugins.module_utils import passwords
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import MASK, Properties, diff_with

Kind = Literal["text", "integer", "boolean", "memory", "port"]
FileKind = Literal["transactor", "cf"]

TRANSACTOR_DOCS = "https://docs.datomic.com/operation/transactor.html"
CF_DOCS = "https://docs.datomic.com/operation/aws.html"

REGION_NAME = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", re.ASCII)
REGION_DOCS = "https://docs.aws.amazon.com/general/latest/gr/rande.html"

KIB, MIB, GIB = 1024, 1024**2, 1024**3
_UNITS = {"": 1, "k": KIB, "m": MIB, "g": GIB}
_MEMORY = re.compile(r"(0|[1-9][0-9]*)([kmg]?)", re.IGNORECASE | re.ASCII)
_INTEGER = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Setting:
    """One property.

    default: as text, empty when there is none. minimum, maximum: in the value's unit, bytes for memory.
    """

    name: str
    kind: Kind = "text"
    default: str = ""
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    deprecated: str = ""


def parse_memory(text: str) -> int | None:
    """Bytes of digits with at most one unit k, m or g in either case; None for all else.

    Datomic itself misreads everything else in silence ("1 g" is one byte, "010" is 8), so it is refused here.
    """
    found = _MEMORY.fullmatch(text)
    # Datomic reckons in 64 bits; int() of thousands of digits would raise.
    if not found or len(found[1]) > 19:
        return None
    size = int(found[1]) * _UNITS[found[2].lower()]
    return size if size < 2**63 else None


def parse_integer(text: str) -> int | None:
    """A decimal integer without leading zeros or signs of other kinds; None for all else."""
    return int(text) if _INTEGER.fullmatch(text) and len(text) <= 19 else None


def _text(*names: str) -> list[Setting]:
    return [Setting(name) for name in names]


def _secret(*names: str) -> list[Setting]:
    return [Setting(name, secret=True) for name in names]


PROTOCOLS = ("dev", "sql", "ddb", "ddb-local", "cass", "cass2", "cass3", "inf", "mdev", "olddev")


def _memcached(prefix: str) -> list[Setting]:
    return [
        Setting(prefix),
        Setting(f"{prefix}-username"),
        Setting(f"{prefix}-password", secret=True),
        Setting(f"{prefix}-auto-discovery", "boolean", "false"),
        Setting(f"{prefix}-config-timeout-msec", "integer", "100", minimum=0),
        Setting(f"{prefix}-expiration-days", "integer", "30", minimum=0, maximum=30),
    ]


def _user(prefix: str) -> list[Setting]:
    why = "users with access keys are deprecated: use aws-transactor-role and aws-peer-role"
    return [
        Setting(f"{prefix}-user", deprecated=why),
        Setting(f"{prefix}-access-key-id", secret=True, deprecated=why),
        Setting(f"{prefix}-secret-key", secret=True, deprecated=why),
    ]


def _by_name(*groups: list[Setting]) -> Mapping[str, Setting]:
    return {setting.name: setting for group in groups for setting in group}


TRANSACTOR: Mapping[str, Setting] = _by_name(
    # Network and process
    [
        Setting("protocol", choices=PROTOCOLS),
        Setting("host"),
        Setting("alt-host"),
        Setting("port", "port"),
        Setting("encrypt-channel", "boolean", "true"),
        Setting("data-dir", default="data"),
        Setting("log-dir", default="log"),
        Setting("pid-file"),
        Setting("h2-port", "port"),
        Setting("rest-port", "port"),
        Setting("rest-alias"),
        Setting("ping-host"),
        Setting("ping-port", "port"),
        Setting("ping-concurrency", "integer", minimum=1),
        Setting("java-opts"),
    ],
    # Memory
    [
        Setting("memory-index-threshold", "memory", minimum=8 * MIB),
        Setting("memory-index-max", "memory", minimum=32 * MIB),
        Setting("object-cache-max", "memory", minimum=32 * MIB),
    ],
    # Tuning
    [
        Setting("write-concurrency", "integer", "4", minimum=2),
        Setting("read-concurrency", "integer", minimum=2),
        Setting("index-parallelism", "integer", "1", minimum=1, maximum=8),
        Setting("dynamic-index-parallelism", "boolean", "false"),
        Setting("index-segs-per-second", "integer", minimum=1),
        Setting("delete-concurrency", "integer", "1", minimum=1, maximum=128),
        Setting("heartbeat-interval-msec", "integer", "5000", minimum=1000),
        Setting("default-partition"),
        Setting("metrics-callback"),
    ],
    # Caches
    _memcached("memcached"),
    _memcached("local-memcached"),
    [Setting("valcache-path"), Setting("valcache-max-gb", "integer", minimum=1)],
    # AWS
    _text("aws-dynamodb-table", "aws-dynamodb-region", "aws-dynamodb-override-endpoint"),
    _text("aws-transactor-role", "aws-peer-role", "aws-s3-log-bucket-id"),
    _text("aws-cloudwatch-region", "aws-cloudwatch-dimension-value"),
    _user("aws-dynamodb"),
    _user("aws-dynamodb-peer"),
    _user("aws-s3-log"),
    _user("aws-cloudwatch"),
    # Storage
    _text("sql-url", "sql-driver-class", "sql-user", "sql-driver-params", "sql-validation-query"),
    _secret("sql-password"),
    _text("cassandra-host", "cassandra-table", "cassandra-user", "cassandra-cluster-callback"),
    _text("cassandra-session-callback", "cassandra-config-file", "cassandra-local-datacenter"),
    [Setting("cassandra-port", "port"), Setting("cassandra-ssl", "boolean")],
    _secret("cassandra-password"),
    [Setting("storage-access", choices=("local", "remote"))],
    _secret("storage-admin-password", "storage-datomic-password"),
    _secret("old-storage-admin-password", "old-storage-datomic-password"),
    [Setting("license-key", secret=True)],
)

CF: Mapping[str, Setting] = _by_name(
    [
        Setting("aws-instance-type"),
        Setting("aws-region"),
        Setting("aws-instance-monitoring", "boolean"),
        Setting("aws-autoscaling-group-size", "integer", minimum=1),
        Setting("java-xmx", "memory"),
        Setting("java-opts"),
        Setting("aws-security-group"),
        Setting("aws-ingress-groups"),
        Setting("aws-ingress-cidrs"),
        Setting("datomic-version"),
        Setting("datomic-deploy-s3-bucket"),
    ],
)

SETTINGS: Mapping[FileKind, Mapping[str, Setting]] = {"transactor": TRANSACTOR, "cf": CF}

Secrecy = Literal["", "whole"] | passwords.Place
"""How much of a value is secret: nothing, all, the passwords among a URL's parameters or among options of a JVM."""
_HOLDS_CREDENTIALS: Mapping[str, Secrecy] = {
    "sql-url": "parameters",
    "sql-driver-params": "parameters",
    "java-opts": "options",
}
_BLANK = re.compile(r"\s")
# The token of EC2's metadata service, which a start-up script sends as a header, opens nothing outside of its instance.
_CREDENTIAL_NAME = re.compile(rf"(?!x-aws-ec2-metadata-)\S*?{passwords.CREDENTIAL}")


@functools.lru_cache(maxsize=4096)
def secrecy(key: str) -> Secrecy:
    """Of a known key as the table says, of an unknown one as its name sounds: a typo makes no password public."""
    name = key.lower()
    known = TRANSACTOR.get(name) or CF.get(name)
    if known is None and not _BLANK.search(name) and _CREDENTIAL_NAME.match(name):
        return "whole"
    meant = known or TRANSACTOR.get(_closest(name, "transactor"))
    if meant is None:
        return ""
    return "whole" if meant.secret else _HOLDS_CREDENTIALS.get(meant.name, "")


def is_secret(key: str) -> bool:
    """Whether the value is, or may hold, a secret."""
    return bool(secrecy(key))


def mask(key: str, value: str) -> str:
    """The value as it may be shown: a secret as ********, of a URL or options with a password in them only that."""
    kind = secrecy(key)
    if not value or not kind:
        return value
    return MASK if kind == "whole" else passwords.masked(value, kind, MASK)


def mask_options(value: str) -> str:
    """Options of a JVM as they may be shown: the passwords among them as ********."""
    return passwords.masked(value, "options", MASK)


def secrets(properties: Properties) -> tuple[str, ...]:
    """The file's secrets as others may write them: without the blanks, quotes and escapes of a URL around them.

    The longest first, so that masking one leaves no rest of another.
    """
    found: list[str] = []
    for key, value in properties.as_dict().items():
        kind = secrecy(key)
        if kind == "whole":
            found.append(value)
        elif kind:
            found += passwords.passwords(value, kind)
    plain = [secret.strip() for secret in found]
    plain += [secret[1:-1] for secret in plain if secret[:1] + secret[-1:] in ('""', "''", "{}")]
    forms = {form for secret in plain for form in (secret, urllib.parse.unquote(secret)) if form}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def has_secret(key: str, value: str) -> bool:
    """Whether this value holds a secret in clear text."""
    return mask(key, value) != value


def masked(properties: Properties) -> dict[str, str]:
    """Key to value, secrets as ********."""
    return {key: mask(key, value) for key, value in properties.as_dict().items()}


def masked_diff(before: Properties | None, after: Properties) -> dict[str, str]:
    """Ansible's diff of the file, secrets as ********."""
    return diff_with(before, after, mask)


def check(properties: Properties, kind: FileKind) -> list[Finding]:
    """Unknown keys as warnings, values of a wrong type or out of bounds as errors; blank values are not judged."""
    known = SETTINGS[kind]
    findings: list[Finding] = []
    for key, value in properties.as_dict().items():
        setting = known.get(key)
        finding = _unknown(key, kind) if setting is None else _wrong(setting, value, kind) if value else None
        if finding:
            findings.append(dataclasses.replace(finding, file=properties.path, line=properties.line(key), key=key))
    return findings


def _closest(name: str, kind: FileKind) -> str:
    """The known key that an unknown one is most likely to mean; empty when it is like none."""
    close = difflib.get_close_matches(name, SETTINGS[kind], n=1, cutoff=0.75) if len(name) < 100 else []
    return close[0] if close else ""


def _unknown(key: str, kind: FileKind) -> Finding:
    other: FileKind = "cf" if kind == "transactor" else "transactor"
    close = _closest(key.lower(), kind)
    if close:
        instead = f"did you mean {close}?"
    elif key in SETTINGS[other]:
        instead = f"it belongs into the {'CloudFormation' if other == 'cf' else 'transactor'} file"
    else:
        instead = "remove it, or accept this rule with a reason"
    return Finding(
        "unknown-key",
        "the key is not known",
        level="warning",
        why="Datomic ignores a name that it does not know, silently",
        source=TRANSACTOR_DOCS if kind == "transactor" else CF_DOCS,
        instead=instead,
    )


def _wrong(setting: Setting, value: str, kind: FileKind) -> Finding | None:
    problem = _problem(setting, value)
    if not problem:
        return None
    # Nobody sees it in the message.
    if value[-1].isspace() and not _problem(setting, value.rstrip()):
        problem = "remove the white space at its end"
    return Finding(
        "invalid-value",
        f"Invalid value for {setting.name}: {mask(setting.name, value)}",
        why="Datomic misreads it, or fails when it starts",
        source=TRANSACTOR_DOCS if kind == "transactor" else CF_DOCS,
        instead=problem,
    )


def _problem(setting: Setting, value: str) -> str:
    """What to write instead; empty when the value is sound."""
    if setting.kind == "boolean" and value not in ("true", "false"):
        return "write true or false"
    if setting.kind == "memory":
        return _memory_problem(setting, value)
    if setting.kind in ("integer", "port"):
        return _integer_problem(setting, value)
    if setting.choices and value not in setting.choices:
        return "write one of " + ", ".join(setting.choices)
    return ""


def _memory_problem(setting: Setting, value: str) -> str:
    size = parse_memory(value)
    if setting.name == "java-xmx" and not (size and value[-1:].lower() in ("g", "m")):
        return "write digits and one of m and g, such as 4g"
    if size is None:
        return "write digits and at most one of k, m and g, such as 512m"
    if setting.minimum is not None and size < setting.minimum:
        return f"write at least {setting.minimum // MIB}m"
    return ""


def _integer_problem(setting: Setting, value: str) -> str:
    minimum, maximum = (1, 65535) if setting.kind == "port" else (setting.minimum, setting.maximum)
    number = parse_integer(value)
    if minimum is not None and maximum is not None:
        allowed = f"write a whole number from {minimum} to {maximum}"
    elif minimum is not None:
        allowed = f"write a whole number of at least {minimum}"
    else:
        allowed = "write a whole number"
    if number is None or (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
        return allowed
    return ""
