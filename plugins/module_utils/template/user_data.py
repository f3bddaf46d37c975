# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an instance of the modern template runs at its first start: POSIX sh that never interprets a value.

The stack's parameters come in Base64, the properties in a quoted here-document whose lines all have a "=" (its end has
none) and whose values are escaped for java.util.Properties, everything else is quoted here. Secrets come from Systems
Manager while the script runs, and are turned into \\uXXXX escapes throughout.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from . import scripts
from .legacy import java_key, java_value

LIMIT = 12 * 1024
"""Bytes. EC2 takes 16384 before Base64; the rest is room for longer parameters given to the stack by hand."""

HOME = "/opt/datomic"
VALCACHE = "/var/lib/datomic-valcache"
PUBLIC_BUCKETS = ("datomic-pro-downloads", "deploy-a0dbc565-faf2-4760-9b7e-29a8e45f428e")
"""Datomic's own buckets, the second of which stands in its sample file: both mean the public download."""

ADD_OPENS = " ".join(
    f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.lang", "java.nio", "java.util", "sun.nio.ch")
)
"""What releases with the AWS SDK for Java version 1 need from Java 17 on."""

_VALUE = re.compile(r"@@value:(\w+)@@")
_ENDS_FIELD = re.compile(r"[\s\\#]")
_REFERENCE = re.compile(r"'@@((?:ref|base64):[\w:]+)@@'")


@dataclasses.dataclass(frozen=True)
class Start:
    """What differs between two systems' user data.

    properties: what the transactor is given, without host, alt-host and the secrets. secrets: keys whose values Systems
    Manager has. secrets_versions: of their parameters, by key; the newest of those that have none here. secrets_path:
    "/datomic/orders"; the stack's name under /datomic when empty. java: feature release.
    instance_store: the type has one, and it is to hold the valcache. add_opens: the release needs ADD_OPENS.
    extra_jars: s3://bucket/key.
    """

    properties: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    secrets_versions: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    secrets_path: str = ""
    java: int = 17
    instance_store: bool = False
    add_opens: bool = False
    extra_jars: tuple[str, ...] = ()

    @property
    def log_dir(self) -> str:
        return posixpath.join(HOME, self.properties.get("log-dir") or "log")

    @property
    def data_dir(self) -> str:
        return posixpath.join(HOME, self.properties.get("data-dir") or "data")

    @property
    def valcache(self) -> str:
        """The valcache's directory, where an instance store is mounted; empty when there is none."""
        given = self.properties.get("valcache-path")
        return posixpath.join(HOME, given) if given else VALCACHE if self.instance_store else ""

    @property
    def valcache_in_fstab(self) -> str:
        """As fstab(5) has a path: what would end a field stands there in octal."""
        return _ENDS_FIELD.sub(lambda found: f"\\{ord(found[0]):03o}", self.valcache)

    @property
    def log_bucket(self) -> str:
        return self.properties.get("aws-s3-log-bucket-id", "")

    @property
    def log_prefix(self) -> str:
        """Beside the prefixes "active" and "standby" under which the transactor itself rotates its logs."""
        return (self.properties.get("aws-dynamodb-table") or "datomic") + "/stopped"


def user_data(start: Start) -> dict[str, Any]:
    """The script as CloudFormation puts it together: lines, and in them the parameters' values."""
    return {"Fn::Join": ["\n", [_line(line) for line in _script(start)]]}


def size(data: Mapping[str, Any], parameters: Mapping[str, str]) -> int:
    """Bytes of the user data with these values of the parameters."""
    return len(render(data, parameters).encode())


def render(data: Any, parameters: Mapping[str, str]) -> str:
    """What CloudFormation makes of it; pseudo parameters without a value count as long as they get."""
    if isinstance(data, str):
        return data
    if "Ref" in data:
        return parameters.get(data["Ref"], "x" * 128)
    if "Fn::Base64" in data:
        return scripts.base64_of(render(data["Fn::Base64"], parameters))
    separator, items = data["Fn::Join"]
    joined: str = separator.join(render(item, parameters) for item in items)
    return joined


def _line(marked: tuple[str, Mapping[str, str] | None]) -> Any:
    text, values = marked
    if values is None:
        return text
    # Odd pieces are the references, which always stand in single quotes: what joins the pieces.
    pieces = _REFERENCE.split(text)
    if len(pieces) == 1:
        return filled(text, values)
    return {
        "Fn::Join": ["'", [_reference(piece) if i % 2 else filled(piece, values) for i, piece in enumerate(pieces)]]
    }


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with our values in place of their marks."""
    return _VALUE.sub(lambda found: shlex.quote(values[found[1]]), text)


def _reference(mark: str) -> dict[str, Any]:
    kind, name = mark.split(":", 1)
    return {"Ref": name} if kind == "ref" else {"Fn::Base64": {"Ref": name}}


def _script(start: Start) -> Iterator[tuple[str, Mapping[str, str] | None]]:
    """Every line, with what its marks mean; None for a property's line, which is not looked at for marks."""
    values = {
        "log_dir": start.log_dir,
        "data_dir": start.data_dir,
        "log_bucket": start.log_bucket,
        "log_prefix": start.log_prefix,
        "valcache": start.valcache,
        "valcache_in_fstab": start.valcache_in_fstab,
        "java": f"java-{start.java}-amazon-corretto-headless",
        "secrets_path": start.secrets_path,
    }

    def part(text: str, **more: str) -> Iterator[tuple[str, Mapping[str, str] | None]]:
        for line in text.strip("\n").split("\n"):
            yield line, values | more

    yield from part(scripts.HEAD)
    yield from part(scripts.here("/usr/local/sbin/datomic-signal", scripts.SIGNAL))
    yield from part(scripts.here("/usr/local/sbin/datomic-stopped", stopped(start)))
    yield from part(scripts.BEGIN)
    for jar in start.extra_jars:
        yield from part(scripts.EXTRA_JAR, jar=jar)
    yield from part(scripts.ACCOUNT)
    if start.instance_store:
        yield from part(scripts.INSTANCE_STORE)
    elif start.valcache:
        yield from part(scripts.VALCACHE)
    if start.secrets:
        yield from part(scripts.SECRETS_PATH if start.secrets_path else scripts.SECRETS_PATH_OF_STACK)
        yield from part(scripts.SECRET)
    yield from part(scripts.PROPERTIES_BEGIN)
    for key, value in start.properties.items():
        yield f"{java_key(key)}={java_value(value)}", None
    yield from part(scripts.PROPERTIES_END)
    for key in start.secrets:
        yield from part(scripts.ONE_SECRET, key=key, version=str(start.secrets_versions.get(key, "")))
    if start.instance_store:
        yield from part(valcache_properties(start.properties))
    yield from part(scripts.PROPERTIES_WRITTEN)
    yield from part(scripts.here("/usr/local/sbin/datomic-start", scripts.START))
    yield from part(scripts.here("/etc/systemd/system/datomic.service", unit(start)))
    yield from part(scripts.RUN)


def stopped(start: Start) -> str:
    """What runs when the transactor has ended."""
    return scripts.STOPPED_HEAD + (scripts.STOPPED_LOGS if start.log_bucket else "") + scripts.STOPPED_END


def unit(start: Start) -> str:
    """The systemd unit."""
    opens = f'Environment="JDK_JAVA_OPTIONS={ADD_OPENS}"\n' if start.add_opens else ""
    return scripts.UNIT.replace("ENVIRONMENT\n", opens)


def valcache_properties(properties: Mapping[str, str]) -> str:
    """The lines that tell the transactor of the valcache, where its file does not."""
    lines = []
    if not properties.get("valcache-path"):
        lines.append('[ -z "$store" ] || echo valcache-path=@@value:valcache@@ >>"$file"')
    if not properties.get("valcache-max-gb"):
        lines.append('[ -z "$store" ] || echo "valcache-max-gb=$store_gb" >>"$file"')
    return "\n".join(lines) or ":"
