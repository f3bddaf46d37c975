# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What keeps the modern template from being made: errors in the files and in the options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ..actions import GENERATED
from ..errors import DatomicError, Finding
from ..properties import keys
from ..properties.file import Properties
from ..releases import versions
from ..steps import secrets
from . import alarms, modern, user_data
from .options import Machine, Options

_USER_KEY = re.compile("-(user|access-key-id|secret-key)$")
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
"""The first Java that no longer starts with the option. https://docs.oracle.com/en/java/javase/17/migrate/"""

FORMATS = {
    "image_id": (re.compile(r"(ami-[0-9a-f]+)?"), "an image's id, such as ami-0123456789abcdef0"),
    "sha256": (re.compile(r"([0-9a-fA-F]{64})?"), "64 hexadecimal digits"),
    "secrets_path": (
        re.compile(rf"({secrets.PATH.pattern})?", re.ASCII),
        "a path in the Parameter Store, such as /datomic/orders",
    ),
    "secrets_kms_key": (
        # IAM policies take no aliases: https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
        re.compile(r"(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?"),
        "the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID); a policy takes no alias",
    ),
    "alarm_topic": (
        re.compile(r"(arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+)?"),
        "the ARN of a topic, such as arn:aws:sns:REGION:ACCOUNT:pagers",
    ),
    "alarm_email": (re.compile(r"([^@\s]+@[^@\s]+)?"), "an address"),
}
LISTS = {
    "subnets": (re.compile(r"subnet-[0-9a-f]+"), "the id of a subnet, such as subnet-0123456789abcdef0"),
    "secrets": (secrets.KEY, "the name of a property, such as memcached-password"),
    "extra_jars": (re.compile(r"s3://[a-z0-9.-]{3,63}/[^\x00-\x1f*?]+\.jar"), "of the form s3://BUCKET/KEY.jar"),
}
ASKED_ABOUT = frozenset(
    (
        "aws-region",
        "aws-instance-type",
        "aws-security-group",
        "datomic-deploy-s3-bucket",
        "datomic-version",
        "modern.extra_jars",
        "modern.image_id",
        "modern.subnets",
    )
)
"""The properties and options that AWS is asked about."""
LEAST_VOLUME = 8
"""GiB of the snapshot of Amazon Linux."""

LONGEST_TAG = (128, 256)
"""Characters of a tag's key and value. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html"""


def required(transactor: Properties, cf: Properties, options: Options) -> list[Finding]:
    """Everything that is known to be wrong without AWS."""
    findings = [
        *(
            keys.missing(file, key)
            for file, key in ((cf, "java-xmx"), (transactor, "aws-transactor-role"))
            if not file.has_value(key)
        ),
        *_users(transactor),
        *_secrets_in_files(transactor, cf, options),
        *_unusable(cf),
        *_java_options(cf, options),
        *of_options(cf, options),
    ]
    if cf.has_value("datomic-version"):
        findings += _release(cf, options)
    if not any(finding.severity == "error" for finding in findings):
        findings += alarms.required(transactor, cf, options)
    return findings


def askable(findings: Iterable[Finding]) -> bool:
    """Whether no error is about a property or option that AWS is asked about."""
    return not any(finding.severity == "error" and finding.key in ASKED_ABOUT for finding in findings)


def valcache(transactor: Properties, options: Options, machine: Machine) -> list[Finding]:
    """A valcache without its own file system."""
    key = "valcache-path"
    if not transactor.has_value(key) or (machine.instance_store and options.valcache):
        return []
    message = "without an instance store, this is a directory of the root volume"
    if not transactor.has_value("valcache-max-gb"):
        message = "without an instance store and without valcache-max-gb there is no valcache"
    suggestion = "an instance type with one, or no valcache"
    return [
        transactor.finding(
            key,
            message,
            suggestion,
            rule="valcache-volume",
            severity="warning",
            reason="Datomic wants its own file system on an SSD, mounted with strictatime and lazytime",
            source="https://docs.datomic.com/operation/valcache.html",
        )
    ]


def _users(transactor: Properties) -> Iterator[Finding]:
    """One finding for each user: the instances have a role instead, and keys would go into the template."""
    message = "this flavor's instances have a role, no user with keys"
    seen = set()
    for key, setting in keys.TRANSACTOR.items():
        user = _USER_KEY.sub("", key)
        if setting.deprecated and transactor.has_value(key) and user not in seen:
            seen.add(user)
            role = "aws-peer-role" if user == "aws-dynamodb-peer" else "aws-transactor-role"
            removed = f"remove {user}-user, {user}-access-key-id and {user}-secret-key"
            suggestion = f"{removed}, write {role}= and run ensure-transactor"
            yield transactor.finding(key, message, suggestion, rule="user-credentials")


def _secrets_in_files(transactor: Properties, cf: Properties, options: Options) -> Iterator[Finding]:
    message = "the file has a secret here, which would go into the template"
    for key, value in transactor.as_dict().items():
        if key in keys.TRANSACTOR and keys.TRANSACTOR[key].deprecated:
            continue  # _users
        if keys.has_secret(key, value) or (key in options.secrets and value):
            suggestion = "take the value out of the file, name the key in secrets and give the value to ensure_secrets"
            yield transactor.finding(key, message, suggestion, rule="secret-in-file")
    key = "java-opts"
    if keys.has_secret(key, cf.get(key)):
        suggestion = "take it out, and let the JVM read it from a file: everyone who may describe the stack sees it"
        yield cf.finding(key, message, suggestion, rule="secret-in-file")


def _unusable(cf: Properties) -> Iterator[Finding]:
    for key, allowed in (("datomic-version", r"[\w.-]+"), ("datomic-deploy-s3-bucket", r"[a-z0-9.-]{3,63}")):
        value = cf.get(key)
        if value and value != GENERATED and not re.fullmatch(allowed, value):
            message, suggestion = "cannot be a part of an address in S3", "letters, digits, '.' and '-'"
            yield cf.finding(key, message, suggestion, rule="template-plain-word")


def _java_options(cf: Properties, options: Options) -> Iterator[Finding]:
    key, java = "java-opts", options.java_version
    given = cf.get(key)
    if re.search("['\"]", re.sub(r"""^(['"])(.*)\1$""", r"\2", given)):
        message = "has quotes inside, which the start does not interpret: it splits the options at blanks"
        suggestion = "options without blanks, one pair of quotes around them all"
        yield cf.finding(key, message, suggestion, rule="java-option-quotes")
    for option in re.split(r"""[\s'"]+""", given):
        removed = REMOVED_JAVA_OPTIONS.get(option.split("=")[0])
        if removed and java >= removed:
            message = f"Java {java} does not start with {option}, which Java {removed} removed"
            yield cf.finding(key, message, "-XX:+UseG1GC -XX:MaxGCPauseMillis=50", rule="java-option-removed")


def _release(cf: Properties, options: Options) -> Iterator[Finding]:
    key = "datomic-version"
    version = cf.get(key)
    try:
        least = versions.java_minimum(version)
    except DatomicError as error:
        yield cf.finding(key, str(error), "such as 1.0.7705", rule="release-number")
        return
    if least < 11:
        message = f"{version} needs Java 8, as all releases before 1.0.6711; this flavor has {options.java_version}"
        suggestion = (
            "1.0.6711 or newer together with this flavor, after a backup: docs/modern.md, Moving a legacy system"
        )
        yield cf.finding(key, message, suggestion, rule="template-new-java")
    if cf.get("datomic-deploy-s3-bucket") in user_data.PUBLIC_BUCKETS and not modern.checksum(cf, options):
        message = f"the checksum of {version} from the public download is not known"
        suggestion = versions.checksum_advice(version, "datomic_modern: {sha256: DIGEST} (modern.sha256 of the module)")
        yield cf.finding(key, message, suggestion, rule="checksum-unknown")


def of_options(cf: Properties, options: Options) -> Iterator[Finding]:
    """What is wrong with the options themselves."""
    for name, (pattern, form) in FORMATS.items():
        if not pattern.fullmatch(getattr(options, name)):
            yield _option(name, f"modern.{name} is not {form}")
    for name, (pattern, form) in LISTS.items():
        for value in getattr(options, name):
            if not pattern.fullmatch(value):
                yield _option(name, f"{value!r} is not {form}")
    region, here = options.secrets_kms_key.split(":")[3:4], cf.get("aws-region")
    if region and region != [here]:
        message = f"the key is in {region[0]}, the parameters are in {here}"
        yield Finding("secrets-kms-key", message, key="modern.secrets_kms_key", suggestion="a key of that region")
    if options.volume_size < LEAST_VOLUME and not options.image_id:
        yield _option("volume_size", f"the image needs a volume of {LEAST_VOLUME} GiB")
    for key, version in options.secrets_versions.items():
        if not re.fullmatch(r"[1-9][0-9]*", str(version)):
            yield _option(f"secrets_versions.{key}", f"{version!r} is no version of a parameter", "a number from 1")
    for key, value in options.tags.items():
        if key == "Name":
            message = "instances and volumes are named after the stack"
            yield Finding("tag-name", message, "warning", key="modern.tags.Name")
        elif problem := _tag(key, value):
            yield _option(f"tags.{key}", *problem)


def _option(name: str, message: str, suggestion: str = "") -> Finding:
    return Finding("invalid-option", message, key=f"modern.{name}", suggestion=suggestion)


def _tag(key: Any, value: Any) -> tuple[str, ...]:
    """The message about a tag, and the suggestion; empty for a correct tag."""
    if str(key).lower().startswith("aws:"):
        return "AWS keeps aws: for itself", "another prefix"
    if not isinstance(key, str) or not isinstance(value, str):
        return f"{value!r} is no text", "write it in quotes"
    if not key or len(key) > LONGEST_TAG[0] or len(value) > LONGEST_TAG[1]:
        return (f"a tag's key has 1 to {LONGEST_TAG[0]} characters, its value at most {LONGEST_TAG[1]}",)
    return ()
