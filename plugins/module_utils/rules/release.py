# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of the preflight: the release that is going to run, and the way to it from the one that runs now."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..errors import Finding, RuleName, Severity
from ..properties.keys import EMBEDDED, PROTOCOLS_SINCE, setting_of
from ..releases import versions
from .facts import AWS_DOCS, CHANGES, EMPTY, STORAGE, Facts, found, is_release
from .values import is_invisible

KEY = "datomic-version"
FORBIDDEN = ("1.0.7010", "1.0.7393")
FULL_STOP = ("0.8.3705", "0.9.4470", "0.9.4609")
TRANSACTOR_FIRST = ("0.9.5385", "0.9.5404")
MEMORY_GROWTH = ("1.0.7010", "1.0.7075")
HEALTH_BROKEN = ("1.0.6726", "1.0.6735")
DDB_LOCAL_BROKEN = ("1.0.7556", "1.0.7622")
LICENSE_FREE_SINCE = "1.0.6726"
EU_NORTH_1_SINCE = "1.0.6397"


def _about(
    facts: Facts, rule: str, severity: Severity, message: str, reason: str, suggestion: str, source: str = CHANGES
) -> Finding:
    return found(facts.cf, KEY, rule, severity, message, reason=reason, source=source, suggestion=suggestion)


def release_format(facts: Facts) -> Iterator[Finding]:
    """A release has three or four numbers."""
    why, instead = "nothing can be checked about it", "three or four numbers, such as 1.0.7277"
    if facts.given_version and not facts.version:
        what = f"{facts.given_version} is no release of Datomic"
        yield _about(facts, "release-format", "error", what, why, instead)
    given: tuple[tuple[str, str, Severity], ...] = (
        ("running_version", facts.running_version, "error"),
        # It comes from outside, and the update is what mends it.
        ("stack_version", facts.stack_version, "warning"),
    )
    for name, version, level in given:
        if version and not is_release(version):
            what = f"{name}: {version} is no release of Datomic"
            yield Finding(RuleName("release-format"), what, level, reason=why, source=CHANGES, suggestion=instead)


def release_forbidden(facts: Facts) -> Iterator[Finding]:
    """Releases that Datomic tells not to run."""
    if facts.version in FORBIDDEN:
        what, why = f"{facts.version} must not be run", "Datomic's notes on its releases say so"
        yield _about(facts, "release-forbidden", "error", what, why, "a later release")


def release_memory_growth(facts: Facts) -> Iterator[Finding]:
    """From 1.0.7010 and before 1.0.7075 memory grows without bound."""
    if facts.between(*MEMORY_GROWTH):
        why = f"fixed in {MEMORY_GROWTH[1]}"
        yield _about(
            facts, "release-memory-growth", "warning", f"{facts.version} uses ever more memory", why, "a later release"
        )


def release_health_check(facts: Facts) -> Iterator[Finding]:
    """The health check is broken from 1.0.6726 and before 1.0.6735."""
    if facts.between(*HEALTH_BROKEN) and facts.has("ping-port"):
        what, why = f"the health check of {facts.version} does not work", f"fixed in {HEALTH_BROKEN[1]}"
        yield _about(facts, "release-health-check", "warning", what, why, "a later release")


def release_ddb_local(facts: Facts) -> Iterator[Finding]:
    """ddb-local is broken from 1.0.7556 and before 1.0.7622."""
    if facts.between(*DDB_LOCAL_BROKEN) and facts.protocol == "ddb-local":
        what, why = f"{facts.version} does not work with the protocol ddb-local", f"fixed in {DDB_LOCAL_BROKEN[1]}"
        yield _about(facts, "release-ddb-local", "error", what, why, f"{DDB_LOCAL_BROKEN[1]} or later")


def release_region(facts: Facts) -> Iterator[Finding]:
    """eu-north-1 needs 1.0.6397 or later."""
    if not facts.version or versions.at_least(facts.version, EU_NORTH_1_SINCE):
        return
    for file, key in ((facts.cf, "aws-region"), (facts.transactor, "aws-dynamodb-region")):
        if file.get(key) == "eu-north-1":
            what, instead = f"{facts.version} does not know eu-north-1", f"{EU_NORTH_1_SINCE} or later"
            why = "its AWS SDK is older than the region"
            yield found(file, key, "release-region", "error", what, reason=why, source=CHANGES, suggestion=instead)


def release_downgrade(facts: Facts) -> Iterator[Finding]:
    """Never a downgrade against what runs now."""
    if facts.version and facts.running and not versions.at_least(facts.version, facts.running):
        what = f"{facts.version} is older than {facts.running}, which {facts.running_told}"
        why, instead = "Datomic must never be downgraded", f"{facts.running} or later"
        if not facts.running_version:
            instead += "; when it is certain that no transactor of that release has started, accept release-downgrade"
        yield _about(facts, "release-downgrade", "error", what, why, instead)


def release_running(facts: Facts) -> Iterator[Finding]:
    """From one release to another it has to be known which one runs."""
    if facts.version and facts.running and not facts.running_version and facts.version != facts.running:
        what = f"it is not known which release runs: judged as {facts.running}, which {facts.running_told}"
        why = "no instance runs, or some were launched before the stack's last update and may run an older one"
        instead = f"first let all transactors run {facts.running}, or make sure of the way from the one that runs"
        yield _about(facts, "release-running", "warning", what, why, instead)


def release_full_stop(facts: Facts) -> Iterator[Finding]:
    """Some releases need every transactor and peer stopped."""
    for release in FULL_STOP:
        if facts.crosses(release):
            what = f"from {facts.running} to {facts.version} every transactor and peer has to be stopped"
            why = f"{release} changed the protocol between them; a rolling replacement would run both sides at once"
            yield _about(
                facts, "release-full-stop", "error", what, why, "stop all, then accept this rule with a reason"
            )


def release_transactor_first(facts: Facts) -> Iterator[Finding]:
    """Some releases need the transactor updated before the peers."""
    for release in TRANSACTOR_FIRST:
        if facts.crosses(release):
            what = f"from {facts.running} to {facts.version} the transactor comes before the peers"
            yield _about(
                facts, "release-transactor-first", "warning", what, f"{release} says so", "update the peers afterwards"
            )


def release_aws_sdk(facts: Facts) -> Iterator[Finding]:
    """From 1.0.7556 on peers on DynamoDB need AWS SDK v2."""
    since = versions.AWS_SDK_V2_SINCE
    if facts.protocol in ("ddb", "ddb-local") and facts.crosses(since):
        what, why = "peers need software.amazon.awssdk/dynamodb on their class path", f"AWS SDK v2 since {since}"
        yield _about(facts, "release-aws-sdk", "warning", what, why, "add it to the peers before they are updated")


def release_add_opens(facts: Facts) -> Iterator[Finding]:
    """Releases with AWS SDK v1 need flags on Java 17, which only our own template gives."""
    since = versions.AWS_SDK_V2_SINCE
    if (
        facts.cf is EMPTY
        and facts.transactor is not EMPTY
        and facts.version
        and not versions.at_least(facts.version, since)
    ):
        what = f"on Java 17 or newer {facts.version} needs --add-opens options"
        why = f"AWS SDK v1, as in all releases before {since}, opens packages of the JDK"
        instead = "--add-opens=java.base/java.lang=ALL-UNNAMED and so on in JDK_JAVA_OPTIONS, or an older Java"
        yield _about(facts, "release-add-opens", "note", what, why, instead)


def release_java(facts: Facts) -> Iterator[Finding]:
    """A newer release may need a newer Java."""
    # The modern template installs the Java that it is given, and refuses a release that is too old for it.
    if facts.version and facts.running and facts.flavor != "modern":
        before, after = versions.java_minimum(facts.running), versions.java_minimum(facts.version)
        if after > before:
            what = f"{facts.version} needs Java {after} or newer, {facts.running} needed {before}"
            why = "the transactor does not start on an older one"
            instead = f"flavor modern, whose instances have it; with an image of your own, Java {after} on it"
            yield _about(facts, "release-java", "warning", what, why, instead)


def release_backup(facts: Facts) -> Iterator[Finding]:
    """A backup is taken before another release."""
    if facts.version and facts.running and facts.version != facts.running:
        what = f"another release than {facts.running}, which {facts.running_told}: take a backup first"
        why = "there is no way back to the older release but a restore; DynamoDB's own backups are none of Datomic's"
        yield _about(facts, "release-backup", "note", what, why, "bin/datomic backup-db")


def license_key(facts: Facts) -> Iterator[Finding]:
    """A licence key is needed before 1.0.6726, and unused from there on."""
    if not facts.version or facts.protocol in ("", *EMBEDDED) or not facts.reads("license-key"):
        return
    key, free = "license-key", versions.at_least(facts.version, LICENSE_FREE_SINCE)
    what = why = instead = ""
    level: Severity = "error"
    if facts.has(key) and free:
        level, what, instead = "warning", f"a licence key, which {facts.version} does not read", f"remove {key}"
        why = "a secret that nothing needs; keys are valid up to 1.0.6711"
    elif not facts.has(key) and not free:
        what, instead = f"{facts.version} needs a licence key", f"set it, or run {LICENSE_FREE_SINCE} or later"
        why = "the transactor does not start without it"
    if what:
        yield found(facts.transactor, key, "license-key", level, what, reason=why, source=STORAGE, suggestion=instead)


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
    wrong += ["characters that cannot be seen"] if any(map(is_invisible, value)) else []
    if wrong:
        yield found(
            facts.transactor,
            key,
            "license-key-format",
            "error" if facts.version else "warning",
            f"the value has {', '.join(wrong)}, which no licence key has",
            reason=f"releases before {LICENSE_FREE_SINCE} do not start with it, for the protocol dev neither: "
            "Unable to load license key",
            source=STORAGE,
            suggestion=f"{key}= and nothing behind it but the key",
        )


def release_key(facts: Facts) -> Iterator[Finding]:
    """A release ignores keys that came with a later one."""
    for key, value in facts.transactor.as_dict().items():
        setting = setting_of(facts.transactor, key, "transactor")
        if value and setting and not facts.reads(key):
            yield found(
                facts.transactor,
                key,
                "release-key",
                "warning",
                f"{facts.version} does not read it: {setting.since} is the first release that does",
                reason="Datomic ignores a name that it does not know, silently",
                source=CHANGES,
                suggestion=f"{setting.since} or later, or remove the line",
            )


def release_protocol(facts: Facts) -> Iterator[Finding]:
    """A release has the storages of its time."""
    since = PROTOCOLS_SINCE.get(facts.protocol, "")
    if since and facts.version and not versions.at_least(facts.version, since):
        yield found(
            facts.transactor,
            "protocol",
            "release-protocol",
            "error",
            f"{facts.version} has no storage {facts.protocol}",
            reason=f"it came with {since}",
            source=CHANGES,
            suggestion=f"{since} or later",
        )


def release_ignored(facts: Facts) -> Iterator[Finding]:
    """The file's release wins over the inventory's."""
    own = facts.cf.get(KEY)
    if own and facts.datomic_version and facts.datomic_version != own:
        what = f"{own} counts, not the {facts.datomic_version} of datomic_version"
        why = "datomic_version is for a file whose datomic-version is blank"
        instead = f"{KEY}={facts.datomic_version} in the file, or no datomic_version in the inventory"
        yield _about(facts, "release-ignored", "warning", what, why, instead, AWS_DOCS)


def release_ensure_cf(facts: Facts) -> Iterator[Finding]:
    """bin/datomic has no ensure-cf from 1.0.7556 on."""
    if facts.engine in ("auto", "native"):
        return
    if facts.version and not versions.has_command(facts.version, "ensure-cf") and facts.cf.path:
        what = f"bin/datomic of {facts.version} has no ensure-cf"
        why = f"removed in {versions.AWS_SDK_V2_SINCE}; the native engine does its work"
        yield _about(facts, "release-ensure-cf", "note", what, why, "datomic_engine: auto or native", AWS_DOCS)


RULES = (
    release_format,
    release_forbidden,
    release_memory_growth,
    release_health_check,
    release_ddb_local,
    release_region,
    release_downgrade,
    release_running,
    release_full_stop,
    release_transactor_first,
    release_aws_sdk,
    release_add_opens,
    release_java,
    release_backup,
    release_ensure_cf,
    release_key,
    release_protocol,
    release_ignored,
    license_key,
    license_key_format,
)
