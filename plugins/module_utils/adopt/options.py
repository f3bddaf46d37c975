# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the modern template, and the machine that it was made for, from the template. Pure."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ..properties.file import Properties
from ..releases.versions import CHECKSUMS
from ..steps.stack.document import mapping
from ..template import alarms, modern
from ..template.options import ROOT_DEVICE, Machine, Options
from .reading import Reading, Unknown

S3 = "arn:${AWS::Partition}:s3:::"
PARAMETER = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
STACKS_PATH = "/datomic/${AWS::StackName}"
_JAVA = re.compile(r"java-(\d+)-amazon-corretto")
_SECRET = re.compile(r"^secret .* >>\"\$file\"$", re.MULTILINE)
_STORE = re.compile(r"^store=\$\(lsblk", re.MULTILINE)


def options(reading: Reading, transactor: Properties, nvme_store: bool | None) -> tuple[Options, list[Unknown]]:
    """The options from which the template was made. nvme_store: whether the instance type has one; None if unknown."""
    allowed = dict(_statements(reading.template))
    secrets = _resources(allowed, "ReadSecrets")
    path = posixpath.dirname(secrets[0].removeprefix(PARAMETER)) if secrets else ""
    known_checksum = CHECKSUMS.get(reading.cf_value("datomic-version") or "", "")
    sha256 = reading.values.get("DatomicSha256", "")
    java = _JAVA.search(reading.script)
    has_store = bool(_STORE.search(reading.script))
    found = Options(
        subnets=_subnets(reading),
        image_id=_image(reading),
        java_version=int(java[1]) if java else Options.java_version,
        volume_size=_volume(reading).get("VolumeSize", Options.volume_size),
        valcache=has_store or not nvme_store,
        session_manager="SessionManager" in allowed,
        extra_jars=tuple("s3://" + _literal(one.removeprefix(S3)) for one in _resources(allowed, "ReadJars")),
        sha256="" if sha256 == known_checksum else sha256,
        secrets=tuple(posixpath.basename(one) for one in secrets),
        secrets_versions=_versions(reading.script),
        secrets_path="" if path == STACKS_PATH else _literal(path),
        secrets_kms_key=_literal(next(iter(_resources(allowed, "DecryptSecrets")), "")),
        **_watching(reading, transactor),
        tags=_tags(reading),
    )
    return found, list(_unknown(reading, found, nvme_store, has_store=has_store))


def machine(reading: Reading) -> Machine:
    """The machine for which the template was made."""
    image = reading.parameters.get("ImageId")
    device = reading.text(next(iter(_mappings(reading)), {}).get("DeviceName")) or ROOT_DEVICE
    placed = modern.placement(reading.template)
    return Machine(
        "arm64" if image and image.name.endswith("arm64") else "x86_64",
        bool(_STORE.search(reading.script)),
        tuple((reading.cf_value("aws-security-group") or "").split(",")),
        device,
        placed.zones if placed else (),
    )


def _unknown(reading: Reading, found: Options, nvme_store: bool | None, *, has_store: bool) -> Iterator[Unknown]:
    if nvme_store is None and not has_store:
        why = "EC2 did not say whether the instance type has an instance store, which the user data does not use"
        yield Unknown("datomic_modern.valcache", why, "set valcache to false if the type has one")
    image = reading.parameters.get("ImageId")
    if image and image.name and not image.name.startswith(modern.IMAGES):
        why = f"the image is the parameter {image.name} of Systems Manager"
        yield Unknown("datomic_modern.image_id", why, f"set image_id, now {image.value}, or get Amazon Linux")


def _subnets(reading: Reading) -> tuple[str, ...]:
    text = reading.text(reading.group.get("VPCZoneIdentifier")) or ""
    return tuple(one for one in text.split(",") if one)


def _image(reading: Reading) -> str:
    """The id of an image of the user's own; empty for a parameter of Systems Manager."""
    image = reading.parameters.get("ImageId")
    if image:
        return "" if image.name else image.value
    return reading.text(reading.launch.get("ImageId")) or ""


def _mappings(reading: Reading) -> list[Mapping[str, Any]]:
    found = reading.launch.get("BlockDeviceMappings")
    return [mapping(one) for one in found] if isinstance(found, list) else []


def _volume(reading: Reading) -> Mapping[str, Any]:
    volume = mapping(next(iter(_mappings(reading)), {}).get("Ebs"))
    return volume if isinstance(volume.get("VolumeSize"), int) else {}


def _statements(template: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The statements of the template's policies, by Sid."""
    for resource in mapping(template.get("Resources")).values():
        if mapping(resource).get("Type") == "AWS::IAM::Policy":
            statements = mapping(mapping(resource.get("Properties")).get("PolicyDocument")).get("Statement")
            for one in statements if isinstance(statements, list) else ():
                yield str(mapping(one).get("Sid", "")), mapping(one)


def _resources(allowed: Mapping[str, Mapping[str, Any]], sid: str) -> list[str]:
    """The resources of a statement, as texts for Fn::Sub."""
    resource = allowed.get(sid, {}).get("Resource", [])
    found = resource if isinstance(resource, list) else [resource]
    texts = (mapping(one).get("Fn::Sub", one) for one in found)
    return [one for one in texts if isinstance(one, str)]


def _literal(text: str) -> str:
    """The text that was escaped for Fn::Sub."""
    return text.replace("${!", "${")


def _versions(script: str) -> dict[str, int]:
    found = (shlex.split(line) for line in _SECRET.findall(script))
    return {words[1]: int(words[2]) for words in found if len(words) > 2 and words[2].isdecimal()}


def _watching(reading: Reading, transactor: Properties) -> dict[str, Any]:
    """The options of the alarms."""
    resources = mapping(reading.template.get("Resources"))

    def part(logical_id: str, name: str) -> Any:
        found = mapping(mapping(resources.get(logical_id)).get("Properties")).get(name)
        return found[0] if isinstance(found, list) and found else None

    topic, subscribed = part("AnyAlarm", "AlarmActions"), mapping(part("AlarmTopic", "Subscription"))
    return {
        "alarms": "AnyAlarm" in resources or not alarms.is_wanted(transactor, Options()),
        "alarm_topic": topic if isinstance(topic, str) else "",
        "alarm_email": str(subscribed.get("Endpoint", "")),
    }


def _tags(reading: Reading) -> dict[str, str]:
    """The tags of the instances that the template does not give them anyway."""
    listed = reading.group.get("Tags")
    pairs = [(mapping(one).get("Key"), mapping(one).get("Value")) for one in listed] if isinstance(listed, list) else []
    return {str(key): value for key, value in pairs if key != "Name" and isinstance(value, str)}
