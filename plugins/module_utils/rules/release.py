# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules: the release that is going to run, and the way to it from the one that runs now."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..errors import Finding
from ..properties.keys import EMBEDDED, PROTOCOLS_SINCE, setting_of
from ..releases import versions
from .facts import AWS_DOCS, CHANGES, EMPTY, STORAGE, Facts, is_release
from .registry import rule
from .values import is_invisible

KEY = "datomic-version"
FORBIDDEN = ("1.0.7010", "1.0.7393")
FULL_STOP = ("0.8.3705", "0.9.4470", "0.9.4609")
TRANSACTOR_FIRST = ("0.9.5385", "0.9.5404")
MEMORY_GROWTH = ("1.0.7010", "1.0.7075")
HEALTH_BROKEN = ("1.0.6726", "1.0.6735")
DDB_LOCAL_BROKEN = ("1.0.7556", "1.0.7622")
"""The first release with a fault, and the one that corrects it."""
LICENSE_FREE_SINCE = "1.0.6726"
EU_NORTH_1_SINCE = "1.0.6397"


@rule("error", "nothing can be checked about it", CHANGES)
def release_format(facts: Facts) -> Iterator[Finding]:
    """A release has three or four numbers."""
    suggestion = "three or four numbers, such as 1.0.7277"
    if facts.given_version and not facts.version:
        yield facts.cf.finding(KEY, f"{facts.given_version} is no release of Datomic", suggestion)
    if facts.running_version and not is_release(facts.running_version):
        message = f"running_version: {facts.running_version} is no release of Datomic"
        yield EMPTY.finding("", message, suggestion)
    if facts.stack_version and not is_release(facts.stack_version):
        message = f"stack_version: {facts.stack_version} is no release of Datomic"
        # A warning, as the update corrects it.
        yield EMPTY.finding("", message, suggestion, severity="warning")


@rule("error", "Datomic's notes on its releases say so", CHANGES)
def release_forbidden(facts: Facts) -> Iterator[Finding]:
    """Releases that Datomic advises against."""
    if facts.version in FORBIDDEN:
        yield facts.cf.finding(KEY, f"{facts.version} must not be run", "a later release")


@rule("warning", f"corrected in {MEMORY_GROWTH[1]}", CHANGES)
def release_memory_growth(facts: Facts) -> Iterator[Finding]:
    """From 1.0.7010 and before 1.0.7075 memory grows without bound."""
    if facts.between(*MEMORY_GROWTH):
        yield facts.cf.finding(KEY, f"{facts.version} uses ever more memory", "a later release")


@rule("warning", f"corrected in {HEALTH_BROKEN[1]}", CHANGES)
def release_health_check(facts: Facts) -> Iterator[Finding]:
    """The health check is broken from 1.0.6726 and before 1.0.6735."""
    if facts.between(*HEALTH_BROKEN) and facts.has("ping-port"):
        yield facts.cf.finding(KEY, f"the health check of {facts.version} does not work", "a later release")


@rule("error", f"corrected in {DDB_LOCAL_BROKEN[1]}", CHANGES)
def release_ddb_local(facts: Facts) -> Iterator[Finding]:
    """ddb-local is broken from 1.0.7556 and before 1.0.7622."""
    if facts.between(*DDB_LOCAL_BROKEN) and facts.protocol == "ddb-local":
        message = f"{facts.version} does not work with the protocol ddb-local"
        yield facts.cf.finding(KEY, message, f"{DDB_LOCAL_BROKEN[1]} or later")


@rule("error", "its AWS SDK is older than the region", CHANGES)
def release_region(facts: Facts) -> Iterator[Finding]:
    """eu-north-1 needs 1.0.6397 or later."""
    if not facts.version or versions.at_least(facts.version, EU_NORTH_1_SINCE):
        return
    for file, key in ((facts.cf, "aws-region"), (facts.transactor, "aws-dynamodb-region")):
        if file.get(key) == "eu-north-1":
            yield file.finding(key, f"{facts.version} does not know eu-north-1", f"{EU_NORTH_1_SINCE} or later")


@rule("error", "Datomic must never be downgraded", CHANGES)
def release_downgrade(facts: Facts) -> Iterator[Finding]:
    """Never a downgrade against what runs now."""
    if facts.version and facts.running and not versions.at_least(facts.version, facts.running):
        suggestion = f"{facts.running} or later"
        if not facts.running_version:
            suggestion += "; when no transactor of that release has ever started, accept release-downgrade"
        yield facts.cf.finding(
            KEY, f"{facts.version} is older than {facts.running}, {facts.running_source}", suggestion
        )


@rule(
    "warning",
    "no instance runs, or some were launched before the stack's last update and may run an older release",
    CHANGES,
)
def release_running(facts: Facts) -> Iterator[Finding]:
    """From one release to another it has to be known which one runs."""
    if facts.version and facts.running and not facts.running_version and facts.version != facts.running:
        yield facts.cf.finding(
            KEY,
            f"it is not known which release runs: judged as {facts.running}, {facts.running_source}",
            f"first let all transactors run {facts.running}, or check the way from the release that runs",
        )


@rule("error", source=CHANGES)
def release_full_stop(facts: Facts) -> Iterator[Finding]:
    """Some releases need every transactor and peer stopped."""
    for release in FULL_STOP:
        if facts.crosses(release):
            yield facts.cf.finding(
                KEY,
                f"from {facts.running} to {facts.version} every transactor and peer has to be stopped",
                "stop all, then accept this rule with a reason",
                reason=f"{release} changed the protocol between them; a rolling replacement would run both sides",
            )


@rule("warning", source=CHANGES)
def release_transactor_first(facts: Facts) -> Iterator[Finding]:
    """Some releases need the transactor updated before the peers."""
    for release in TRANSACTOR_FIRST:
        if facts.crosses(release):
            message = f"from {facts.running} to {facts.version} the transactor comes before the peers"
            yield facts.cf.finding(KEY, message, "update the peers afterwards", reason=f"{release} says so")


@rule("warning", f"AWS SDK v2 since {versions.AWS_SDK_V2_SINCE}", CHANGES)
def release_aws_sdk(facts: Facts) -> Iterator[Finding]:
    """From 1.0.7556 on peers on DynamoDB need AWS SDK v2."""
    if facts.protocol in ("ddb", "ddb-local") and facts.crosses(versions.AWS_SDK_V2_SINCE):
        message = "peers need software.amazon.awssdk/dynamodb on their class path"
        yield facts.cf.finding(KEY, message, "add it to the peers before they are updated")


@rule("note", f"AWS SDK v1, in all releases before {versions.AWS_SDK_V2_SINCE}, opens packages of the JDK", CHANGES)
def release_add_opens(facts: Facts) -> Iterator[Finding]:
    """Releases with AWS SDK v1 need flags on Java 17, which only the template of this collection gives."""
    if facts.cf is not EMPTY or facts.transactor is EMPTY or not facts.version:
        return
    if not versions.at_least(facts.version, versions.AWS_SDK_V2_SINCE):
        yield facts.cf.finding(
            KEY,
            f"on Java 17 or newer {facts.version} needs --add-opens options",
            "--add-opens=java.base/java.lang=ALL-UNNAMED and so on in JDK_JAVA_OPTIONS, or an older Java",
        )


@rule("warning", "the transactor does not start on an older one", CHANGES)
def release_java(facts: Facts) -> Iterator[Finding]:
    """A newer release may need a newer Java."""
    # The modern template installs the Java of its options, and refuses a release that is too old for it.
    if not facts.version or not facts.running or facts.flavor == "modern":
        return
    before, after = versions.java_minimum(facts.running), versions.java_minimum(facts.version)
    if after > before:
        yield facts.cf.finding(
            KEY,
            f"{facts.version} needs Java {after} or newer, {facts.running} needed {before}",
            f"flavor modern, whose instances have it; with an image of your own, Java {after} on it",
        )


@rule(
    "note", "only a restore leads back to the older release, and backups by DynamoDB do not replace Datomic's", CHANGES
)
def release_backup(facts: Facts) -> Iterator[Finding]:
    """A backup is taken before another release."""
    if facts.version and facts.running and facts.version != facts.running:
        message = f"another release than {facts.running}, {facts.running_source}: take a backup first"
        yield facts.cf.finding(KEY, message, "bin/datomic backup-db")


@rule("note", f"removed in {versions.AWS_SDK_V2_SINCE}; the native engine does its work", AWS_DOCS)
def release_ensure_cf(facts: Facts) -> Iterator[Finding]:
    """bin/datomic has no ensure-cf from 1.0.7556 on."""
    if facts.engine in ("auto", "native") or not facts.version or not facts.cf.path:
        return
    if not versions.has_command(facts.version, "ensure-cf"):
        message = f"bin/datomic of {facts.version} has no ensure-cf"
        yield facts.cf.finding(KEY, message, "datomic_engine: auto or native")


@rule("warning", "datomic_version is for a file whose datomic-version is blank", AWS_DOCS)
def release_ignored(facts: Facts) -> Iterator[Finding]:
    """The file's release wins over the inventory's."""
    used, ignored = facts.cf.get(KEY), facts.datomic_version
    if used and ignored and ignored != used:
        yield facts.cf.finding(
            KEY,
            f"{used} counts, not the {ignored} of datomic_version",
            f"{KEY}={ignored} in the file, or no datomic_version in the inventory",
        )


@rule("warning", "Datomic ignores a name that it does not know, silently", CHANGES)
def release_key(facts: Facts) -> Iterator[Finding]:
    """A release ignores keys that came with a later one."""
    for key, value in facts.transactor.as_dict().items():
        setting = setting_of(facts.transactor, key, "transactor")
        if value and setting and not facts.reads(key):
            message = f"{facts.version} does not read it: {setting.since} is the first release that does"
            yield facts.transactor.finding(key, message, f"{setting.since} or later, or remove the line")


@rule("error", source=CHANGES)
def release_protocol(facts: Facts) -> Iterator[Finding]:
    """A release has the storages of its time."""
    since = PROTOCOLS_SINCE.get(facts.protocol, "")
    if since and facts.version and not versions.at_least(facts.version, since):
        message = f"{facts.version} has no storage {facts.protocol}"
        yield facts.transactor.finding("protocol", message, f"{since} or later", reason=f"it came with {since}")


@rule("error", source=STORAGE)
def license_key(facts: Facts) -> Iterator[Finding]:
    """A licence key is needed before 1.0.6726, and unused from there on."""
    key = "license-key"
    if not facts.version or facts.protocol in ("", *EMBEDDED) or not facts.reads(key):
        return
    needed = not versions.at_least(facts.version, LICENSE_FREE_SINCE)
    if needed and not facts.has(key):
        yield facts.transactor.finding(
            key,
            f"{facts.version} needs a licence key",
            f"set it, or run {LICENSE_FREE_SINCE} or later",
            reason="the transactor does not start without it",
        )
    elif not needed and facts.has(key):
        yield facts.transactor.finding(
            key,
            f"a licence key, which {facts.version} does not read",
            f"remove {key}",
            severity="warning",
            reason="an unused secret; keys are valid up to 1.0.6711",
        )


@rule(
    "error",
    f"releases before {LICENSE_FREE_SINCE} do not start with it, not even with the protocol dev: "
    "Unable to load license key",
    STORAGE,
)
def license_key_format(facts: Facts) -> Iterator[Finding]:
    """A licence key is a word of letters, digits, +, / and = alone."""
    key = "license-key"
    value = facts.transactor.get(key)
    free = facts.version and versions.at_least(facts.version, LICENSE_FREE_SINCE)
    if not value or free or not facts.reads(key):
        return
    wrong = [f"the prefix {key}="] if value.lower().startswith(f"{key}=") else []
    wrong += ["quotes"] if re.search("[\"'\u2018\u2019\u201c\u201d]", value) else []
    wrong += ["blanks"] if re.search(r"\s", value) else []
    wrong += ["invisible characters"] if any(map(is_invisible, value)) else []
    if wrong:
        yield facts.transactor.finding(
            key,
            f"the value has {', '.join(wrong)}, which no licence key has",
            f"{key}= and nothing behind it but the key",
            severity="error" if facts.version else "warning",
        )
