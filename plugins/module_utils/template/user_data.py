# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an instance of the modern template runs at its first start: POSIX sh that never interprets a value.

The stack's parameters come in Base64, the properties in a quoted here-document, escaped for java.util.Properties. Each
of its lines has a "=", its end has none. Everything else is quoted. Secrets come from Systems Manager while the script
runs, and are written as \\uXXXX escapes.
"""

from __future__ import annotations

import base64
import posixpath
import re
import shlex
from collections.abc import Mapping
from typing import Any

from ..errors import Finding
from . import scripts
from .options import Machine, Options

LIMIT = 16384
"""Bytes before Base64."""
LIMIT_DOCS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html"
LIMIT_OF_MODERN = 12 * 1024
"""Leaves room for longer parameters that a user gives the stack by hand."""

HOME = "/opt/datomic"
VALCACHE = "/var/lib/datomic-valcache"
PUBLIC_BUCKETS = ("datomic-pro-downloads", "deploy-a0dbc565-faf2-4760-9b7e-29a8e45f428e")
"""Datomic's own buckets, the second one from its sample file. Both mean the public download."""

ADD_OPENS = " ".join(
    f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.lang", "java.nio", "java.util", "sun.nio.ch")
)
"""What releases with the AWS SDK for Java version 1 need from Java 17 on."""

JAVA_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}
JAVA_KEY_ESCAPES = {char: "\\" + char for char in " =:"}
JAVA_COMMENTS = ("#", "!")
"""Make a comment of a line that they begin."""

_VALUE = re.compile(r"@@value:(\w+)@@")
_ENDS_FIELD = re.compile(r"[\s\\#]")
_REFERENCE = re.compile(r"'@@((?:ref|base64):[\w:]+)@@'")


def user_data(
    transactor: Mapping[str, str], options: Options, machine: Machine, *, add_opens: bool = False
) -> dict[str, Any]:
    """The script as CloudFormation assembles it: lines, and in them the values of the stack's parameters.

    transactor: the properties. add_opens: the release needs ADD_OPENS.
    """
    left_out = {"host", "alt-host", *options.secrets}
    properties = {key: value for key, value in transactor.items() if key not in left_out}
    store = machine.instance_store and options.valcache
    valcache = properties.get("valcache-path") or (VALCACHE if store else "")
    values = _values(properties, options, posixpath.join(HOME, valcache) if valcache else "")

    def part(text: str, **more: str) -> list[Any]:
        return [_line(line, values | more) for line in text.strip("\n").split("\n")]

    lines = part(scripts.HEAD)
    lines += part(scripts.here("/usr/local/sbin/datomic-signal", scripts.SIGNAL))
    lines += part(scripts.here("/usr/local/sbin/datomic-stopped", stopped(properties)))
    lines += part(scripts.BEGIN)
    for jar in options.extra_jars:
        lines += part(scripts.EXTRA_JAR, jar=jar)
    lines += part(scripts.ACCOUNT)
    if valcache:
        lines += part(scripts.INSTANCE_STORE if store else scripts.VALCACHE)
    if options.secrets:
        lines += part(scripts.SECRETS_PATH if options.secrets_path else scripts.SECRETS_PATH_OF_STACK)
        lines += part(scripts.SECRET)
    lines += part(scripts.PROPERTIES_BEGIN)
    lines += [f"{java_key(key)}={java_value(value)}" for key, value in properties.items()]
    lines += part(scripts.PROPERTIES_END)
    for key in options.secrets:
        lines += part(scripts.ONE_SECRET, key=key, version=str(options.secrets_versions.get(key, "")))
    if store:
        lines += part(_valcache_properties(properties))
    lines += part(scripts.PROPERTIES_WRITTEN)
    lines += part(scripts.here("/usr/local/sbin/datomic-start", scripts.START))
    lines += part(scripts.here("/etc/systemd/system/datomic.service", _unit(add_opens)))
    return {"Fn::Join": ["\n", [*lines, *part(scripts.RUN)]]}


def _values(properties: Mapping[str, str], options: Options, valcache: str) -> dict[str, str]:
    """What the marks of the scripts mean. valcache: its directory, empty without one."""
    return {
        "log_dir": posixpath.join(HOME, properties.get("log-dir") or "log"),
        "data_dir": posixpath.join(HOME, properties.get("data-dir") or "data"),
        "log_bucket": properties.get("aws-s3-log-bucket-id", ""),
        # The transactor itself rotates its logs to the prefixes "active" and "standby".
        "log_prefix": (properties.get("aws-dynamodb-table") or "datomic") + "/stopped",
        "valcache": valcache,
        # fstab(5) has characters that would end a field in octal.
        "valcache_in_fstab": _ENDS_FIELD.sub(lambda found: f"\\{ord(found[0]):03o}", valcache),
        "java": f"java-{options.java_version}-amazon-corretto-headless",
        "secrets_path": options.secrets_path,
    }


def rendered(template: Mapping[str, Any], **values: str) -> str:
    """The user data of either flavor's template. values: of its parameters that do not keep their defaults."""
    resources = template["Resources"]
    if "LaunchConfig" in resources:
        properties = resources["LaunchConfig"]["Properties"]
    else:
        properties = resources["LaunchTemplate"]["Properties"]["LaunchTemplateData"]
    defaults = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    return render(properties["UserData"]["Fn::Base64"], defaults | values)


def render(data: Any, parameters: Mapping[str, str]) -> str:
    """What CloudFormation makes of it. A pseudo parameter without a value counts as the longest one."""
    if isinstance(data, str):
        return data
    if "Ref" in data:
        return parameters.get(data["Ref"], "x" * 128)
    if "Fn::Base64" in data:
        return base64.b64encode(render(data["Fn::Base64"], parameters).encode()).decode()
    separator, items = data["Fn::Join"]
    joined: str = separator.join(render(item, parameters) for item in items)
    return joined


def too_long(template: Mapping[str, Any], path: str) -> list[Finding]:
    """An error when the user data is too long. path: of the transactor's file."""
    size = len(rendered(template).encode())
    limit = LIMIT if "LaunchConfig" in template["Resources"] else LIMIT_OF_MODERN
    if size <= limit:
        return []
    message = f"the instance's user data would have {size} bytes, and {limit} are allowed"
    suggestion, reason = "shorten or remove properties", "it contains the properties; EC2 starts no instance without it"
    return [Finding("user-data-size", message, file=path, reason=reason, source=LIMIT_DOCS, suggestion=suggestion)]


def _line(text: str, values: Mapping[str, str]) -> Any:
    # Odd pieces are references, always in single quotes. The quotes join the pieces.
    pieces = _REFERENCE.split(text)
    if len(pieces) == 1:
        return filled(text, values)
    return {
        "Fn::Join": ["'", [_reference(piece) if i % 2 else filled(piece, values) for i, piece in enumerate(pieces)]]
    }


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with these values, quoted, in place of their marks."""
    return _VALUE.sub(lambda found: shlex.quote(values[found[1]]), text)


def _reference(mark: str) -> dict[str, Any]:
    kind, name = mark.split(":", 1)
    return {"Ref": name} if kind == "ref" else {"Fn::Base64": {"Ref": name}}


def stopped(properties: Mapping[str, str]) -> str:
    """What runs when the transactor has ended."""
    logs = scripts.STOPPED_LOGS if properties.get("aws-s3-log-bucket-id") else ""
    return scripts.STOPPED_HEAD + logs + scripts.STOPPED_END


def _unit(add_opens: bool) -> str:
    """The systemd unit."""
    opens = f'Environment="JDK_JAVA_OPTIONS={ADD_OPENS}"\n' if add_opens else ""
    return scripts.UNIT.replace("ENVIRONMENT\n", opens)


def _valcache_properties(properties: Mapping[str, str]) -> str:
    """The valcache's properties on an instance store, where the file does not set them."""
    lines = []
    if not properties.get("valcache-path"):
        lines.append('[ -z "$store" ] || echo valcache-path=@@value:valcache@@ >>"$file"')
    if not properties.get("valcache-max-gb"):
        lines.append('[ -z "$store" ] || echo "valcache-max-gb=$store_gb" >>"$file"')
    return "\n".join(lines) or ":"


def java_key(key: str) -> str:
    """The key as java.util.Properties reads it back."""
    text = "".join(JAVA_KEY_ESCAPES.get(char) or _java_character(char) for char in key)
    return "\\" + text if text.startswith(JAVA_COMMENTS) else text


def java_value(value: str) -> str:
    """The value as java.util.Properties reads it back, in whatever encoding the instance reads the file."""
    text = "".join(_java_character(char) for char in value)
    return "\\" + text if text.startswith(" ") else text


def _java_character(char: str) -> str:
    if char in JAVA_ESCAPES:
        return JAVA_ESCAPES[char]
    if " " <= char <= "~":
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i] << 8 | units[i + 1]:04x}" for i in range(0, len(units), 2))
