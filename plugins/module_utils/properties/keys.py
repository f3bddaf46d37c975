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
import math
import re
import urllib.parse
from collections.abc import Collection, Mapping
from typing import Literal

from ..actions import GENERATED
from ..errors import Finding
from . import passwords
from .file import MASK, Properties, diff

Form = Literal["boolean", "symbol", "keyword", "endpoint", "region", "iam", "bucket"]
Kind = Literal["text", "integer", "port", "memory", "servers", Form]
FileKind = Literal["transactor", "cf"]
Secrecy = Literal["", "whole", passwords.Place]
"""How much of a value is secret: nothing, all, the passwords among a URL's parameters or among options of a JVM."""

TRANSACTOR_DOCS = "https://docs.datomic.com/operation/transactor.html"
CF_DOCS = "https://docs.datomic.com/operation/aws.html"

DOCS: Mapping[FileKind, str] = {"transactor": TRANSACTOR_DOCS, "cf": CF_DOCS}

REGION_NAME = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", re.ASCII)
IAM_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
KIB, MIB, GIB = 1024, 1024**2, 1024**3
_UNITS = {"": 1, "k": KIB, "m": MIB, "g": GIB}
_MEMORY = re.compile(r"(0|[1-9][0-9]*)([kmg]?)", re.IGNORECASE | re.ASCII)
_INTEGER = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
_WORD = r"""(?![\d:])[^\s/,;"'()\[\]{}@^`~\\#]+"""
FORMS: Mapping[Kind, tuple[re.Pattern[str], str]] = {
    "boolean": (re.compile("true|false"), "write true or false"),
    "symbol": (
        re.compile(rf"(?=[^/]*[./]){_WORD}(/{_WORD})?"),
        "write the name of a function, such as my.namespace/handler, or of a static method, my.pkg.Class.handler",
    ),
    "keyword": (
        re.compile(rf":{_WORD}(/{_WORD})?"),
        "write a keyword, with a colon before it, such as :db.part/user",
    ),
    "endpoint": (
        re.compile(r"(https?://)?[A-Za-z0-9._-]+(:[0-9]{1,5})?/?", re.ASCII),
        "write host:port, such as localhost:8000",
    ),
    "region": (REGION_NAME, "write a region, such as us-east-1"),
    "iam": (IAM_NAME, "write 1 to 64 letters, digits and + = , . @ _ -, not an ARN"),
    "bucket": (
        re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII),
        "write 3 to 63 of the letters a-z, digits, . and -, with a letter or digit at both ends",
    ),
}
"""The form of a value, and what to write."""
_AWS: Mapping[Kind, str] = {
    "region": "https://docs.aws.amazon.com/general/latest/gr/rande.html",
    "iam": "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
    "bucket": "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
}
"""Names that AWS refuses in another form, and its documentation."""
_SERVER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:,\[\]]+):([1-9][0-9]{0,4})", re.ASCII)
_COMMENT = re.compile(r"\s#.*", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Setting:
    """One property.

    default: as text, empty when there is none. minimum, maximum: in the value's unit, bytes for memory.
    since: the first release that reads it, as the change log says; empty when that is not known.
    only: the protocols that read it; empty for all. blank: what a key without a value does, where that is not the
    default. stops: whether the transactor does not start then.
    required: "always", or "to start" when provisioning does without it. required_by: the protocols that need a value.
    example: of a value that is required. filled_in: by what a missing value is filled in.
    """

    name: str
    kind: Kind = "text"
    default: str = ""
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    secret: Secrecy = ""
    deprecated: str = ""
    since: str = ""
    only: tuple[str, ...] = ()
    blank: str = ""
    stops: bool = False
    required: Literal["", "always", "to start"] = ""
    required_by: tuple[str, ...] = ()
    example: str = ""
    filled_in: str = ""


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


PROTOCOLS = ("dev", "sql", "ddb", "ddb-local", "cass", "cass2", "cass3", "inf", "mdev", "olddev")
CASSANDRA = ("cass", "cass2", "cass3")
REMOVED_PROTOCOLS = ("free", "riak", "couchbase")
"""Storages of earlier releases: https://docs.datomic.com/operation/storage.html no longer lists them."""
EMBEDDED = ("dev", "free", "mdev", "olddev")
"""The protocols whose storage is the transactor itself."""
PROTOCOLS_SINCE: Mapping[str, str] = {
    "ddb-local": "0.9.4353",
    "cass": "0.9.4384",
    "cass2": "0.9.5927",
    "cass3": "1.0.7180",
}
"""The first release of a storage, as the change log says."""

_ENSURE_TRANSACTOR = "run ensure_transactor, which fills it in"
_ENSURE_CF = "run ensure_cf, which fills it in"
_NO_NUMBER = "the transactor reads a number there, and fails when it starts"
NO_EMPTY_TEXT = "the embedded storage takes no empty text, and the transactor fails when it starts"


def _memcached(prefix: str) -> list[Setting]:
    return [
        Setting(prefix, "servers"),
        Setting(f"{prefix}-username", since="0.9.4766"),
        Setting(f"{prefix}-password", secret="whole", since="0.9.4766"),
        Setting(f"{prefix}-auto-discovery", "boolean", "false", since="1.0.6316"),
        Setting(f"{prefix}-config-timeout-msec", "integer", "100", minimum=1, since="1.0.6316"),
        Setting(f"{prefix}-expiration-days", "integer", "30", minimum=0, maximum=30, since="1.0.6397"),
    ]


def _user(prefix: str) -> list[Setting]:
    why = "users with access keys are deprecated: use aws-transactor-role and aws-peer-role"
    return [
        Setting(f"{prefix}-user", "iam", deprecated=why),
        Setting(f"{prefix}-access-key-id", secret="whole", deprecated=why),
        Setting(f"{prefix}-secret-key", secret="whole", deprecated=why),
    ]


def _by_name(*settings: Setting) -> Mapping[str, Setting]:
    return {setting.name: setting for setting in settings}


TRANSACTOR: Mapping[str, Setting] = _by_name(
    # Network and process
    Setting("protocol", choices=PROTOCOLS, required="always"),
    Setting("host", required="always"),
    Setting("alt-host"),
    Setting("port", "port", required="always", example="4334"),
    Setting("encrypt-channel", "boolean", "true", blank="what peers and transactor send is not encrypted then"),
    Setting("data-dir", default="data"),
    Setting("log-dir", default="log"),
    Setting("pid-file"),
    Setting("h2-port", "port", since="0.8.3895", blank=_NO_NUMBER, stops=True),
    Setting("h2-web-port", "port", only=("free",)),
    Setting("rest-port", "port"),
    Setting("rest-alias"),
    Setting("ping-host"),
    Setting("ping-port", "port"),
    Setting("ping-concurrency", "integer", minimum=1),
    Setting("java-opts", secret="options"),
    # Memory
    Setting("memory-index-threshold", "memory", minimum=8 * MIB, since="0.8.3784", required="to start", example="32m"),
    Setting("memory-index-max", "memory", minimum=32 * MIB, since="0.8.3611", required="to start", example="512m"),
    Setting("object-cache-max", "memory", minimum=32 * MIB, since="0.8.3814", required="to start", example="1g"),
    # Tuning
    Setting("write-concurrency", "integer", "4", minimum=2, since="0.8.3731"),
    Setting("read-concurrency", "integer", minimum=2),
    Setting("prefetch-concurrency", "integer", minimum=1, since="1.0.7180"),
    Setting("prefetch-probes", "boolean", since="1.0.7180"),
    Setting("index-parallelism", "integer", "1", minimum=1, maximum=8, since="0.9.5981"),
    Setting("dynamic-index-parallelism", "boolean", "false"),
    Setting("index-segs-per-second", "integer", minimum=1),
    Setting("delete-concurrency", "integer", "1", minimum=1, maximum=128),
    Setting("heartbeat-interval-msec", "integer", "5000", minimum=1000),
    Setting("default-partition", "keyword", ":db.part/user"),
    Setting("metrics-callback", "symbol", since="0.9.4314"),
    # Caches
    *_memcached("memcached"),
    *_memcached("local-memcached"),
    Setting("valcache-path", since="0.9.5783"),
    Setting("valcache-max-gb", "integer", minimum=1, since="0.9.5783"),
    # AWS
    Setting("aws-dynamodb-table", default="datomic", required_by=("ddb", "ddb-local")),
    Setting("aws-s3-log-bucket-id", "bucket", filled_in=_ENSURE_TRANSACTOR),
    Setting("aws-cloudwatch-dimension-value"),
    Setting("aws-dynamodb-region", "region", since="0.8.3591", required_by=("ddb",), example="us-east-1"),
    Setting("aws-cloudwatch-region", "region", since="0.8.3591"),
    Setting("aws-dynamodb-override-endpoint", "endpoint", since="0.9.4353", required_by=("ddb-local",)),
    Setting("aws-transactor-role", "iam", since="0.9.4314", filled_in=_ENSURE_TRANSACTOR),
    Setting("aws-peer-role", "iam", since="0.9.4314", filled_in=_ENSURE_TRANSACTOR),
    *_user("aws-dynamodb"),
    *_user("aws-dynamodb-peer"),
    *_user("aws-s3-log"),
    *_user("aws-cloudwatch"),
    # Storage
    Setting("sql-url", secret="parameters", required_by=("sql",)),
    Setting("sql-driver-class", required_by=("sql",)),
    Setting("sql-user"),
    Setting("sql-driver-params", secret="parameters"),
    Setting("sql-validation-query"),
    Setting("sql-password", secret="whole"),
    Setting("cassandra-host", since="0.9.4384", required_by=CASSANDRA),
    Setting("cassandra-table", since="0.9.4384", required_by=CASSANDRA),
    Setting("cassandra-user", since="0.9.4384"),
    Setting("cassandra-password", secret="whole", since="0.9.4384"),
    Setting("cassandra-config-file", since="1.0.7180"),
    Setting("cassandra-local-datacenter", since="1.0.7180"),
    Setting("cassandra-cluster-callback", "symbol", since="0.9.4956"),
    Setting("cassandra-session-callback", "symbol", since="1.0.7180"),
    Setting("cassandra-port", "port", since="0.9.4384", blank=_NO_NUMBER, stops=True),
    Setting("cassandra-ssl", "boolean", since="0.9.4497"),
    Setting(
        "storage-access",
        default="local",
        choices=("local", "remote"),
        since="0.9.5697",
        blank=NO_EMPTY_TEXT,
        stops=True,
    ),
    Setting("storage-admin-password", secret="whole", since="0.9.5697", blank=NO_EMPTY_TEXT, stops=True),
    Setting("storage-datomic-password", secret="whole", since="0.9.5697", blank=NO_EMPTY_TEXT, stops=True),
    Setting("old-storage-admin-password", secret="whole", since="0.9.5697", blank=NO_EMPTY_TEXT, stops=True),
    Setting("old-storage-datomic-password", secret="whole", since="0.9.5697", blank=NO_EMPTY_TEXT, stops=True),
    *(Setting(name, only=("riak",)) for name in ("riak-host", "riak-port", "riak-interface", "riak-bucket")),
    *(Setting(name, only=("couchbase",)) for name in ("couchbase-host", "couchbase-bucket")),
    Setting("couchbase-password", secret="whole", only=("couchbase",)),
    Setting("inf-host", only=("inf",)),
    Setting("inf-port", "port", only=("inf",), blank=_NO_NUMBER, stops=True),
    Setting("license-key", secret="whole", since="0.8.3397", filled_in="run a release that needs none"),
)

CF: Mapping[str, Setting] = _by_name(
    Setting("aws-instance-type", required="always"),
    Setting("aws-region", "region", required="always", example="us-east-1"),
    Setting("aws-instance-monitoring", "boolean", required="always"),
    Setting("aws-autoscaling-group-size", "integer", minimum=1, required="always", example="2"),
    Setting("java-xmx", "memory", filled_in=_ENSURE_CF),
    Setting("java-opts", secret="options", filled_in=_ENSURE_CF),
    Setting("aws-security-group", required="always"),
    Setting("aws-ingress-groups"),
    Setting("aws-ingress-cidrs"),
    Setting(
        "datomic-version", required="always", filled_in="give datomic_version, or datomic_home with a distribution"
    ),
    Setting("datomic-deploy-s3-bucket", required="always"),
)

SETTINGS: Mapping[FileKind, Mapping[str, Setting]] = {"transactor": TRANSACTOR, "cf": CF}

_BLANK = re.compile(r"\s")
# The token of EC2's metadata service, which a start-up script sends as a header, opens nothing outside of its instance.
_CREDENTIAL_NAME = re.compile(rf"(?!x-aws-ec2-metadata-)\S*?{passwords.CREDENTIAL}")


@functools.lru_cache(maxsize=4096)
def secrecy(key: str) -> Secrecy:
    """That of the known key, or of the known key that is most like it: a typing error makes no password public."""
    name = key.lower()
    known = TRANSACTOR.get(name) or CF.get(name)
    if known is None and not _BLANK.search(name) and _CREDENTIAL_NAME.match(name):
        return "whole"
    meant = known or TRANSACTOR.get(_closest(name, "transactor"))
    return meant.secret if meant else ""


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
    return diff(before, after, mask)


def check(properties: Properties, kind: FileKind, known: Collection[str] = ()) -> list[Finding]:
    """Missing keys, values of a wrong type or out of bounds as errors; unknown keys as warnings.

    known: keys that need no value in the file.
    """
    needed = [key for key, setting in SETTINGS[kind].items() if setting.required == "always" and key not in known]
    findings = [missing(properties, key) for key in needed if not properties.has_value(key)]
    for key, value in properties.as_dict().items():
        setting = setting_of(properties, key, kind)
        if setting is None:
            findings.append(_unknown(properties, key, kind))
        elif value and GENERATED not in value and (suggestion := _problem(setting, value)):
            findings.append(_wrong(properties, key, value, kind, suggestion))
    return findings


def missing(properties: Properties, key: str) -> Finding:
    """The error of a required key without a value."""
    setting = CF.get(key) or TRANSACTOR[key]
    suggestion = f"write {key}=… with a value"
    suggestion += f", such as {setting.example}" if setting.example else ""
    suggestion += f", or {setting.filled_in}" if setting.filled_in else ""
    # Both are bin/datomic's words, the second those about a number that it cannot read.
    message = f"Missing property: {key}" if key != "aws-autoscaling-group-size" else f"Invalid value for {key}: "
    cf = key in CF
    return properties.finding(
        key,
        message,
        suggestion,
        rule="required-key",
        reason="the stack's template cannot be made without it" if cf else "the transactor does not start without it",
        source=CF_DOCS if cf else TRANSACTOR_DOCS,
    )


def table_of(values: Mapping[str, str]) -> str:
    """The table of a transactor's file, or Datomic's default where the key is missing.

    Empty without DynamoDB, and where the key has no value, with which a transactor does not start.
    """
    key = "aws-dynamodb-table"
    return values.get(key, TRANSACTOR[key].default) if values.get("protocol") in ("ddb", "ddb-local") else ""


def setting_of(properties: Properties, key: str, kind: FileKind) -> Setting | None:
    """What the key means in this file; None when nothing reads it."""
    setting = SETTINGS[kind].get(key)
    return None if setting and setting.only and properties.get("protocol") not in setting.only else setting


def _closest(name: str, kind: FileKind) -> str:
    """The known key that is most like an unknown one; empty when none is."""
    close = difflib.get_close_matches(name, SETTINGS[kind], n=1, cutoff=0.75) if len(name) < 100 else []
    return close[0] if close else ""


def _meant(name: str, kind: FileKind) -> str:
    """The known key that is misspelt, empty when none is: a key with other words is no typing error."""
    close = _closest(name, kind)
    if not close or SETTINGS[kind][close].only:
        return ""
    if close.replace("-", "") == name.replace("-", ""):
        return close
    words, others = name.split("-"), close.split("-")
    if len(words) != len(others):
        return close if _ratio(name.replace("-", ""), close.replace("-", "")) > 0.92 else ""
    return close if all(_ratio(word, other) >= 0.6 for word, other in zip(words, others, strict=True)) else ""


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


# fmt: off
_SYSTEM_PROPERTIES = (
    "allow-log-overlap", "backup-pace-msec", "ddb-client-execution-timeout", "ddb-connection-timeout",
    "ddb-request-timeout", "ddb-socket-timeout", "file-backup-concurrency", "gc-storage-pace-msec", "index-metrics",
    "memcached-get-timeout-msec", "peer-connection-ttl-msec", "pod-gc-delay-msec", "print-connection-info",
    "query-pool", "read-ahead-pool", "s3-backup-concurrency", "s3-request-timeout", "tx-timeout-msec",
)
# fmt: on
"""Settings of Datomic that no properties file sets. https://docs.datomic.com/operation/system-properties.html"""
_NO_KEYS = (
    "remove it: aws-transactor-role and aws-peer-role need no key; the deprecated way has "
    "aws-dynamodb-access-key-id and aws-dynamodb-secret-key"
)
_SUGGESTIONS: Mapping[str, str] = {
    "aws-access-key": _NO_KEYS,
    "aws-access-key-id": _NO_KEYS,
    "aws-secret-access-key": _NO_KEYS,
    "aws-secret-key": _NO_KEYS,
    "datomic-ami-32": "remove it: only releases of 2012 read it, templates choose their image themselves",
    "datomic-ami-64": "remove it: only releases of 2012 read it, templates choose their image themselves",
    "h2-web-port": "remove it: only the transactor of Datomic Free and earlier releases had this port; "
    "the embedded storage listens on h2-port alone",
    "memcached-servers": "did you mean memcached?",
    "object-cache-bytes": "did you mean object-cache-max?",
    "validate-data-dir": "remove it: only some releases of Datomic Free read it",
}
"""Suggestions for keys that occur in real files, although no current release reads them."""
_OLD_NAME = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _suggestion(key: str, kind: FileKind) -> str:
    """The suggestion for an unknown key."""
    other: FileKind = "cf" if kind == "transactor" else "transactor"
    name = key.lower()
    if name in _SUGGESTIONS:
        return _SUGGESTIONS[name]
    if key.startswith("datomic."):
        name = _OLD_NAME.sub("-", key.removeprefix("datomic.")).lower()
    if name in _SYSTEM_PROPERTIES:
        option = re.sub("-(.)", lambda found: found[1].upper(), name).replace("Ttl", "TTL")
        return f"remove it: only Java's option -Ddatomic.{option} sets it, a peer's where it is about peers"
    if name in SETTINGS[kind] and not SETTINGS[kind][name].only:
        return f"did you mean {name}?"
    if name in SETTINGS[other]:
        return f"it belongs into the {'CloudFormation' if other == 'cf' else 'transactor'} file"
    words = name.split("-") if len(name) < 100 else []
    ending = next((part for i in range(1, len(words) - 1) if (part := "-".join(words[i:])) in SETTINGS[kind]), "")
    meant = ending or _meant(name, kind)
    return f"did you mean {meant}?" if meant else "remove it, or accept this rule with a reason"


def _unknown(properties: Properties, key: str, kind: FileKind) -> Finding:
    return properties.finding(
        key,
        "the key is not known",
        _suggestion(key, kind),
        rule="unknown-key",
        severity="warning",
        reason="Datomic ignores a name that it does not know, silently",
        source=DOCS[kind],
    )


def _wrong(properties: Properties, key: str, value: str, kind: FileKind, suggestion: str) -> Finding:
    setting = SETTINGS[kind][key]
    # White space and comments are easily overlooked in the message.
    if value[-1].isspace() and not _problem(setting, value.rstrip()):
        suggestion = "remove the white space at its end"
    elif not _problem(setting, _COMMENT.sub("", value).rstrip()):
        suggestion = "remove the comment behind it, or begin a line of its own with #: it is a part of the value"
    reason, source = "Datomic misreads it, or fails when it starts", DOCS[kind]
    if setting.kind in _AWS:
        reason, source = "AWS refuses such a name", _AWS[setting.kind]
    message = f"Invalid value for {key}: {mask(key, value)}"
    return properties.finding(key, message, suggestion, rule="invalid-value", reason=reason, source=source)


def _problem(setting: Setting, value: str) -> str:
    """What to write instead; empty when the value is sound."""
    if setting.kind == "memory":
        return _memory_problem(setting, value)
    if setting.kind in ("integer", "port"):
        return _integer_problem(setting, value)
    if setting.choices and value not in setting.choices:
        # protocol-removed, which can be accepted, reports these.
        removed = setting.name == "protocol" and value in REMOVED_PROTOCOLS
        return "" if removed else "write one of " + ", ".join(setting.choices)
    if setting.kind == "servers" and not _are_servers(value):
        return "write host:port, several with commas between, or remove the line to have none"
    pattern, suggestion = FORMS.get(setting.kind, (None, ""))
    return suggestion if pattern and not pattern.fullmatch(value) else ""


def _are_servers(value: str) -> bool:
    """Whether it is a list that the client of memcached takes: host:port, commas or blanks between."""
    found = [_SERVER.fullmatch(server) for server in re.split(r"[\s,]+", value)]
    return all(server and int(server[2]) <= 65535 for server in found)


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
    low, high = -math.inf if minimum is None else minimum, math.inf if maximum is None else maximum
    if number is not None and low <= number <= high:
        return ""
    bounds = ""
    if minimum is not None:
        bounds = f" of at least {minimum}" if maximum is None else f" from {minimum} to {maximum}"
    return f"write a whole number{bounds}"
