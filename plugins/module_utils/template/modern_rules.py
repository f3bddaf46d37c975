# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to hold before the modern template is made: in the files, in the options, and in what AWS says of both."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.module_utils import releases, settings
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError, Finding
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import GENERATED
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import modern, user_data, watching
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.modern import Options

NEEDED = ("aws-instance-type", "java-xmx", "datomic-version", "aws-autoscaling-group-size")
REMOVED_JAVA_OPTIONS = {
    "-d32": 10,
    "-d64": 10,
    "-XX:+AggressiveOpts": 13,
    "-XX:+UseParNewGC": 10,
    "-XX:+UseConcMarkSweepGC": 15,
    "-XX:+CMSParallelRemarkEnabled": 15,
    "-XX:+UseCMSInitiatingOccupancyOnly": 15,
    "-XX:CMSInitiatingOccupancyFraction": 15,
    "-XX:MaxPermSize": 17,
    "-XX:PermSize": 17,
}
"""The first Java that does not start any more with the option. https://docs.oracle.com/en/java/javase/17/migrate/"""

FORMATS = {
    "image_id": (re.compile(r"(ami-[0-9a-f]+)?"), "an image's id, such as ami-0123456789abcdef0"),
    "sha256": (re.compile(r"([0-9a-fA-F]{64})?"), "64 hexadecimal digits"),
    "secrets_path": (
        re.compile(r"((/(?!aws|ssm)[\w.-]+)(/[\w.-]+)*)?"),
        "a path in the Parameter Store, such as /datomic/orders",
    ),
    "secrets_kms_key": (re.compile(r"(arn:[\w-]+:kms:[\w:/-]+)?"), "the ARN of a key"),
    "alarm_topic": (re.compile(r"(arn:[\w-]+:sns:[\w:.-]+)?"), "the ARN of a topic"),
    "alarm_email": (re.compile(r"([^@\s]+@[^@\s]+)?"), "an address"),
}
LISTS = {
    "subnets": (re.compile(r"subnet-[0-9a-f]+"), "ids of subnets, such as subnet-0123456789abcdef0"),
    "secrets": (re.compile(r"[a-z][a-z0-9-]*"), "properties, such as memcached-password"),
    "extra_jars": (re.compile(r"s3://[a-z0-9.-]{3,63}/[^\x00-\x1f*?]+\.jar"), "s3://BUCKET/KEY.jar"),
}
LEAST_VOLUME = 8
"""GiB, of the image's snapshot."""


def required(transactor: Properties, cf: Properties, options: Options) -> list[Finding]:
    """Everything that can be told without AWS."""
    findings = [
        *_missing(transactor, cf),
        *_secrets_in_file(transactor, options),
        *_unusable(cf),
        *_options(options),
    ]
    if cf.has_value("datomic-version"):
        findings += _release(cf, options)
    if not findings:
        findings += watching.required(transactor, cf, options)
    return findings


def too_long(template: Mapping[str, Any]) -> list[Finding]:
    """User data that leaves no room for longer parameters."""
    declared = template["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]
    defaults = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    size = user_data.size(declared, defaults)
    if size <= user_data.LIMIT:
        return []
    what = f"the user data has {size} bytes, {user_data.LIMIT} are allowed"
    return [Finding("user-data-size", what, instead="shorten the transactor's properties: comments do not count")]


def _missing(transactor: Properties, cf: Properties) -> Iterator[Finding]:
    for key in NEEDED:
        if not cf.has_value(key):
            yield _of(
                cf,
                key,
                "template-value-missing",
                f"Missing property: {key}",
                "run ensure-cf on this file first, or set it",
            )
    role = "aws-transactor-role"
    if not transactor.has_value(role):
        instead = (
            f"write {role}= and run ensure-transactor, which makes it; the instance needs a role to read what it starts"
        )
        yield _of(transactor, role, "template-value-missing", f"Missing property: {role}", instead)


def _secrets_in_file(transactor: Properties, options: Options) -> Iterator[Finding]:
    for key, value in transactor.as_dict().items():
        if settings.has_secret(key, value) or (key in options.secrets and value):
            instead = "take the value out of the file, name the key in secrets and give the value to ensure_secrets"
            yield _of(
                transactor,
                key,
                "secret-in-file",
                "a secret stands in the file, from where it would go into the template",
                instead,
            )


def _unusable(cf: Properties) -> Iterator[Finding]:
    for key, allowed in (("datomic-version", r"[\w.-]+"), ("datomic-deploy-s3-bucket", r"[a-z0-9.-]{3,63}")):
        value = cf.get(key)
        if value and value != GENERATED and not re.fullmatch(allowed, value):
            yield _of(
                cf,
                key,
                "template-plain-word",
                "is part of an address in S3, which cannot be written so",
                "letters, digits, '.' and '-'",
            )


def _options(options: Options) -> Iterator[Finding]:
    for name, (pattern, instead) in FORMATS.items():
        if not pattern.fullmatch(getattr(options, name)):
            yield Finding("option-format", f"modern.{name} is not {instead}", key=f"modern.{name}")
    for name, (pattern, instead) in LISTS.items():
        for value in getattr(options, name):
            if not pattern.fullmatch(value):
                yield Finding("option-format", f"{value!r} is not one of {instead}", key=f"modern.{name}")
    for key, version in options.secrets_versions.items():
        if not re.fullmatch(r"[1-9][0-9]*", str(version)):
            what = f"{version!r} is no version of a parameter"
            yield Finding("option-format", what, key=f"modern.secrets_versions.{key}", instead="a number from 1")
    if options.volume_size < LEAST_VOLUME:
        yield Finding("option-format", f"the image needs a volume of {LEAST_VOLUME} GiB", key="modern.volume_size")


def _release(cf: Properties, options: Options) -> Iterator[Finding]:
    version, java = cf.get("datomic-version"), options.java_version
    try:
        least = releases.java_minimum(version)
    except DatomicError as error:
        yield _of(cf, "datomic-version", "release-number", str(error), "such as 1.0.7705")
        return
    if least < 11:
        what = f"{version} does not run on Java {java}: releases before 1.0.6711 are made for Java 8"
        yield _of(cf, "datomic-version", "release-java", what, "1.0.6711 or newer, or flavor legacy")
    elif java < least:
        yield _of(cf, "datomic-version", "release-java", f"{version} needs Java {least}", f"java_version: {least}")
    for option in re.split(r"""[\s'"]+""", cf.get("java-opts")):
        gone = REMOVED_JAVA_OPTIONS.get(option.split("=")[0])
        if gone and java >= gone:
            what = f"Java {java} does not start with {option}, which Java {gone} removed"
            yield _of(cf, "java-opts", "java-option-removed", what, "-XX:+UseG1GC -XX:MaxGCPauseMillis=50")
    if cf.get("datomic-deploy-s3-bucket") in user_data.PUBLIC_BUCKETS and not modern.checksum(cf, options):
        url = releases.PUBLIC_URL.format(version=version)
        instead = f"give modern.sha256; curl -sSf {url} | sha256sum tells it"
        yield _of(
            cf,
            "datomic-version",
            "checksum-unknown",
            f"the checksum of {version} from the public download is not known",
            instead,
        )


def _of(properties: Properties, key: str, rule: str, what: str, instead: str) -> Finding:
    return Finding(rule, what, file=properties.path, line=properties.line(key), key=key, instead=instead)
