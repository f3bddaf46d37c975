# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to hold before the modern template is made: in the files, in the options, and in what AWS says of both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..errors import DatomicError, Finding
from ..plan import GENERATED
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
"""The first Java that does not start any more with the option. https://docs.oracle.com/en/java/javase/17/migrate/"""

FORMATS = {
    "image_id": (re.compile(r"(ami-[0-9a-f]+)?"), "an image's id, such as ami-0123456789abcdef0"),
    "sha256": (re.compile(r"([0-9a-fA-F]{64})?"), "64 hexadecimal digits"),
    "secrets_path": (
        re.compile(rf"({secrets.PATH.pattern})?", re.ASCII),
        "a path in the Parameter Store, such as /datomic/orders",
    ),
    "secrets_kms_key": (
        # IAM policies know no aliases: https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
        re.compile(r"(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?"),
        "the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), which an alias does not stand for in a policy",
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
"""GiB, of Amazon Linux's snapshot. What an image of one's own needs, only AWS knows."""

LONGEST_TAG = (128, 256)
"""Characters of a tag's key and value. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html"""


def required(transactor: Properties, cf: Properties, options: Options) -> list[Finding]:
    """Everything that can be told without AWS."""
    findings = [
        *_missing(transactor, cf),
        *_users(transactor),
        *_secrets_in_file(transactor, options),
        *_secrets_in_java_options(cf),
        *_unusable(cf),
        *_java_options(cf, options),
        *of_options(cf, options),
    ]
    if cf.has_value("datomic-version"):
        findings += _release(cf, options)
    if not any(finding.severity == "error" for finding in findings):
        findings += alarms.required(transactor, cf, options)
    return findings


def of_options(cf: Properties, options: Options) -> list[Finding]:
    """What is wrong with the options themselves."""
    return [*_options(cf, options), *_tags(options)]


def askable(findings: Iterable[Finding]) -> bool:
    """Whether AWS can be asked about what files and options name, with these errors in them."""
    return not any(finding.severity == "error" and finding.key in ASKED_ABOUT for finding in findings)


def valcache(transactor: Properties, options: Options, machine: Machine) -> list[Finding]:
    """A valcache that stands on no file system made for it."""
    key = "valcache-path"
    if not transactor.has_value(key) or (machine.instance_store and options.valcache):
        return []
    what = "without an instance store, this is a directory of the root volume"
    if not transactor.has_value("valcache-max-gb"):
        what = "without an instance store and without valcache-max-gb there is no valcache"
    why = "Datomic wants a file system of its own on an SSD, mounted with strictatime and lazytime"
    source = "https://docs.datomic.com/operation/valcache.html"
    instead = "an instance type with one, or no valcache"
    return [
        transactor.finding(key, what, instead, rule="valcache-volume", severity="warning", reason=why, source=source)
    ]


def _missing(transactor: Properties, cf: Properties) -> Iterator[Finding]:
    for file, key in ((cf, "java-xmx"), (transactor, "aws-transactor-role")):
        if not file.has_value(key):
            yield keys.missing(file, key)


def _users(transactor: Properties) -> Iterator[Finding]:
    """One finding for each user: the instances have a role instead, and keys would go into the template."""
    told = set()
    for key, setting in keys.TRANSACTOR.items():
        user = _USER_KEY.sub("", key)
        if not setting.deprecated or not transactor.has_value(key) or user in told:
            continue
        told.add(user)
        role = "aws-peer-role" if user == "aws-dynamodb-peer" else "aws-transactor-role"
        instead = (
            f"remove {user}-user, {user}-access-key-id and {user}-secret-key, write {role}= and run ensure-transactor"
        )
        yield transactor.finding(
            key, "this flavor's instances have a role, no user with keys", instead, rule="user-credentials"
        )


def _secrets_in_file(transactor: Properties, options: Options) -> Iterator[Finding]:
    for key, value in transactor.as_dict().items():
        if key in keys.TRANSACTOR and keys.TRANSACTOR[key].deprecated:
            continue  # _users
        if keys.has_secret(key, value) or (key in options.secrets and value):
            instead = "take the value out of the file, name the key in secrets and give the value to ensure_secrets"
            yield transactor.finding(
                key,
                "a secret stands in the file, from where it would go into the template",
                instead,
                rule="secret-in-file",
            )


def _secrets_in_java_options(cf: Properties) -> Iterator[Finding]:
    key = "java-opts"
    if keys.has_secret(key, cf.get(key)):
        instead = "take it out, and let the JVM read it from a file: whoever may describe the stack reads the options"
        yield cf.finding(
            key, "a secret stands among the options, which go into the template", instead, rule="secret-in-file"
        )


def _unusable(cf: Properties) -> Iterator[Finding]:
    for key, allowed in (("datomic-version", r"[\w.-]+"), ("datomic-deploy-s3-bucket", r"[a-z0-9.-]{3,63}")):
        value = cf.get(key)
        if value and value != GENERATED and not re.fullmatch(allowed, value):
            yield cf.finding(
                key,
                "is part of an address in S3, which cannot be written so",
                "letters, digits, '.' and '-'",
                rule="template-plain-word",
            )


def _java_options(cf: Properties, options: Options) -> Iterator[Finding]:
    key = "java-opts"
    given = cf.get(key)
    if re.search("['\"]", re.sub(r"""^(['"])(.*)\1$""", r"\2", given)):
        what = "has quotes inside, which the start does not interpret: it splits the options at blanks"
        yield cf.finding(
            key, what, "options without blanks, one pair of quotes around them all", rule="java-option-quotes"
        )
    java = options.java_version
    for option in re.split(r"""[\s'"]+""", given):
        gone = REMOVED_JAVA_OPTIONS.get(option.split("=")[0])
        if gone and java >= gone:
            what = f"Java {java} does not start with {option}, which Java {gone} removed"
            yield cf.finding(key, what, "-XX:+UseG1GC -XX:MaxGCPauseMillis=50", rule="java-option-removed")


def _tags(options: Options) -> Iterator[Finding]:
    for name, value in options.tags.items():
        key = f"modern.tags.{name}"
        if name == "Name":
            yield Finding("tag-name", "instances and volumes are named after the stack", "warning", key=key)
        elif str(name).lower().startswith("aws:"):
            yield Finding("invalid-option", "AWS keeps aws: for itself", key=key, suggestion="another prefix")
        elif not isinstance(name, str) or not isinstance(value, str):
            yield Finding("invalid-option", f"{value!r} is no text", key=key, suggestion="write it in quotes")
        elif not name or any(len(text) > most for text, most in zip((name, value), LONGEST_TAG, strict=True)):
            what = f"a tag's key has 1 to {LONGEST_TAG[0]} characters, its value at most {LONGEST_TAG[1]}"
            yield Finding("invalid-option", what, key=key)


def _options(cf: Properties, options: Options) -> Iterator[Finding]:
    for name, (pattern, instead) in FORMATS.items():
        if not pattern.fullmatch(getattr(options, name)):
            yield Finding("invalid-option", f"modern.{name} is not {instead}", key=f"modern.{name}")
    for name, (pattern, instead) in LISTS.items():
        for value in getattr(options, name):
            if not pattern.fullmatch(value):
                yield Finding("invalid-option", f"{value!r} is not {instead}", key=f"modern.{name}")
    region = options.secrets_kms_key.split(":")[3:4]
    if region and region != [cf.get("aws-region")]:
        what = f"the key is in {region[0]}, the parameters are in {cf.get('aws-region')}"
        yield Finding("secrets-kms-key", what, key="modern.secrets_kms_key", suggestion="a key of that region")
    if options.volume_size < LEAST_VOLUME and not options.image_id:
        yield Finding("invalid-option", f"the image needs a volume of {LEAST_VOLUME} GiB", key="modern.volume_size")
    for key, version in options.secrets_versions.items():
        if not re.fullmatch(r"[1-9][0-9]*", str(version)):
            what = f"{version!r} is no version of a parameter"
            yield Finding("invalid-option", what, key=f"modern.secrets_versions.{key}", suggestion="a number from 1")


def _release(cf: Properties, options: Options) -> Iterator[Finding]:
    version = cf.get("datomic-version")
    try:
        least = versions.java_minimum(version)
    except DatomicError as error:
        yield cf.finding("datomic-version", str(error), "such as 1.0.7705", rule="release-number")
        return
    if least < 11:
        what = f"{version} is made for Java 8, as all releases before 1.0.6711; this flavor has {options.java_version}"
        instead = "1.0.6711 or newer together with this flavor, after a backup: see docs/modern.md"
        yield cf.finding("datomic-version", what, instead, rule="template-new-java")
    if cf.get("datomic-deploy-s3-bucket") in user_data.PUBLIC_BUCKETS and not modern.checksum(cf, options):
        instead = versions.checksum_advice(version, "datomic_modern: {sha256: DIGEST} (modern.sha256 of the module)")
        yield cf.finding(
            "datomic-version",
            f"the checksum of {version} from the public download is not known",
            instead,
            rule="checksum-unknown",
        )
