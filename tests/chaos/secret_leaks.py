# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sentinel in every key that may hold a secret, looked for in whatever runs print, write, commit and start."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import threading
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import keys

from tests.chaos import runs
from tests.chaos.playbooks import fresh
from tests.chaos.system import ModuleError, System
from tests.chaos.trials import Tally, Trials
from tests.integration.repositories import Repository

SENTINEL = "S3nt1nelValue"
SECRETS = {
    **{name: SENTINEL for name, setting in keys.TRANSACTOR.items() if setting.secret == "whole"},
    # Not ours, but named like a secret.
    "my-own-password": SENTINEL,
    "sql-url": f"jdbc:postgresql://db/datomic?user=u&password={SENTINEL}",
    "sql-driver-params": f"ssl=true;password={SENTINEL}",
    "java-opts": f"-XX:+UseG1GC -XX:MaxGCPauseMillis=50 -Djavax.net.ssl.keyStorePassword={SENTINEL}",
    # Keys come with the names of their users.
    "aws-s3-log-user": "logs",
    "aws-cloudwatch-user": "metrics",
}
USERS = ("aws-s3-log-user", "aws-cloudwatch-user")
KEPT = dict.fromkeys(("memcached-password", "sql-password"), SENTINEL)
"""datomic_secrets: what goes to the Parameter Store."""
MODERN = {"datomic_secrets": KEPT, "datomic_template_flavor": "modern", "datomic_modern": {"sha256": "0" * 64}}
VAULT = "vault.json"
SECRET = {".git", "aws", VAULT}
"""What holds the sentinel by what it is, and git, whose objects are looked through by themselves."""
FAILING = 1000
CAN_FAIL = {
    "Plan the system",
    "Register the files in git",
    "Provision the table, the log bucket and the roles",
    "Provision the security group",
    "Write the secrets to Systems Manager",
    "Create or update the stack",
    "Replace outdated transactors",
}
"""The tasks that see a secret or work on the system; each of them fails in some run."""


def holding(system: System, *, modern: bool = False) -> None:
    """Put the sentinel into every secret key; git holds the files encrypted, or no run would begin.

    modern: into datomic_secrets, which only the modern template reads, in place of the file's keys.
    """
    if not modern:
        system.put(SECRETS)
        for key in USERS:
            system.aws.backstage("iam").create_user(UserName=SECRETS[key])
    script = system.directory / ".git" / "info" / "conceal.sed"
    # Without the sentinel itself, which is looked for there too.
    script.write_text(f"s/[{SENTINEL[0]}]{SENTINEL[1:]}/concealed/g\n")
    system.conceal(f"sed -f {script}")
    (system.home / VAULT).write_text(json.dumps(MODERN if modern else {}))


def in_modules(trials: Trials) -> Tally:
    """A secret's value in no result and in no commit, whichever call is refused, and all that follow it."""
    tally = Tally("secrets")
    system = trials.fresh("create")
    holding(system)
    system.run(KEPT)
    calls = len(trials.aws.calls())
    for k in range(0, calls + 1, trials.step):
        system = trials.fresh("create")
        holding(system)
        if k:
            trials.aws.fault(k=k, times=FAILING, mode="error", code="AccessDenied")
        said = ""
        try:
            system.run(KEPT)
        except ModuleError as error:
            said = str(error)
        except Exception as error:
            tally.crash(f"refused from call {k} on: {error!r}")
            continue
        tally.tried += 1
        if bool(k) != any(call.fault for call in trials.aws.calls()) or bool(k) != bool(said):
            tally.crashed += 1
            tally.details.append(f"refused from call {k} on: the run said {said!r}")
        if SENTINEL in said + system.said or Repository.at(system.directory).holds(SENTINEL):
            tally.leak(f"shown when refused from call {k} on")
    return tally


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a playbook. refused: from which call on AWS refuses; denied: which one; spoiled: what else fails."""

    playbook: str
    arguments: tuple[str, ...] = ("-vvvv", "--diff")
    refused: int = 0
    denied: str = ""
    spoiled: str = ""
    callback: str = "default"
    extra: str = ""
    modern: bool = False

    @property
    def fails(self) -> bool:
        return bool(self.refused or self.denied or self.spoiled)


ALLOWED = "datomic_commit_secrets=allow"


def _runs(calls: int) -> list[Run]:
    """Failures at every third call and at what does not call AWS, the callbacks in turn; then runs that succeed."""
    failing = [Run("create", refused=k, callback=_callback(k)) for k in range(1, calls + 1, 3)]
    spoiled = [Run("create", spoiled=what, callback=_callback(n)) for n, what in enumerate(SPOILS)]
    return [
        *spoiled,
        *failing,
        *(Run("create", refused=k, callback=_callback(k), modern=True) for k in range(1, calls + 1, 9)),
        Run("create", denied="ssm:PutParameter", modern=True),
        Run("create", modern=True),
        Run("update", ("--diff", "-vvvv"), callback="ansible.posix.json", modern=True),
        Run("create", callback="ansible.posix.json"),
        Run("update", ("--check", "--diff", "-vvvv"), callback="ansible.posix.json"),
        Run("update", ("--check", "--diff", "-vvvv")),
        Run("update", denied="autoscaling:TerminateInstanceInAutoScalingGroup"),
        Run("update", ("--diff", "-vvvv"), callback="ansible.posix.json"),
        Run("update", ("--diff", "-vvvv"), extra=ALLOWED),
    ]


def _callback(number: int) -> str:
    return "ansible.posix.json" if number % 2 else "default"


def _a_bad_value(system: System) -> None:
    system.put({"port": "many"})


def _a_failing_hook(system: System) -> None:
    hook = system.directory / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    # It shows what it was given, as a linter would; git gives it the encrypted content.
    hook.write_text("#!/bin/sh\ngit diff --cached\nexit 1\n")
    hook.chmod(0o755)


def _no_place_for_the_template(system: System) -> None:
    system.template.mkdir()


SPOILS = {
    "a bad value": _a_bad_value,
    "a failing hook": _a_failing_hook,
    "no place for the template": _no_place_for_the_template,
}


def in_playbooks(trials: Trials) -> Tally:
    """Through create, update, check and diff, failing and not, with callbacks, log file and cached facts."""
    tally = Tally("secrets")
    system = _prepared(trials)
    ended = runs.play(system, "create", *_given())
    failed: set[str] = set()
    if ended.code:
        tally.crash(f"create without a failure: {ended.output[-2000:]}")
        return tally
    planned = _runs(len(trials.aws.calls()))
    for number, run in enumerate(planned[:: trials.step]):
        if run.playbook == "create":
            system = _prepared(trials, modern=run.modern)
        else:
            system.put({"memory-index-max": f"{200 + number}m"})
        if run.spoiled:
            SPOILS[run.spoiled](system)
        if run.denied:
            trials.aws.fault(run.denied, times=FAILING, mode="error", code="AccessDenied")
        if run.refused:
            trials.aws.fault(k=run.refused, times=FAILING, mode="error", code="AccessDenied")
        with _process_list() as seen:
            ended = runs.play(system, run.playbook, *run.arguments, *_given(run.extra), **_logs(system, run.callback))
        trials.aws.clear_faults()
        tally.tried += 1
        if (ended.code != 0) != run.fails or "Traceback" in ended.output:
            tally.crashed += 1
            tally.details.append(f"{run} ended with {ended.code}: {ended.output[-2000:]}")
        failed |= _failed(system.base / "junit")
        if where := _where(system, ended.output, seen, allowed=run.extra == ALLOWED):
            tally.leak(f"{run}: in {', '.join(where)}")
    if trials.step == 1 and (never := CAN_FAIL - failed):
        tally.crash(f"no run failed in: {', '.join(sorted(never))}")
    return tally


def _prepared(trials: Trials, *, modern: bool = False) -> System:
    system = fresh(trials, "create")
    holding(system, modern=modern)
    return system


def _given(extra: str = "") -> list[str]:
    """Variables from a file, as from a vault: on a command line everybody could read them."""
    return ["-e", f"@../home/{VAULT}", *(["-e", extra] if extra else [])]


def _logs(system: System, callback: str) -> dict[str, Any]:
    return {
        "ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.junit",
        "JUNIT_OUTPUT_DIR": str(system.base / "junit"),
        "ANSIBLE_LOG_PATH": str(system.base / "ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(system.base / "facts"),
        "ANSIBLE_STDOUT_CALLBACK": callback,
    }


def _failed(reports: pathlib.Path) -> set[str]:
    """Those of CAN_FAIL that failed, whatever the callback that printed the run. A case's name goes on with options."""
    cases = [case for report in reports.glob("*.xml") for case in ElementTree.parse(report).iter("testcase")]
    wrong = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    return {name for name in CAN_FAIL if any(f" : {name}" in str(case.get("name")) for case in wrong)}


def _where(system: System, output: str, seen: set[str], *, allowed: bool) -> list[str]:
    """Every place in which the sentinel is and may not be."""
    texts = (path for path in system.base.rglob("*") if path.is_file() and not SECRET & set(path.parts))
    return [
        *(str(path.relative_to(system.base)) for path in texts if SENTINEL in path.read_text(errors="replace")),
        *(["the output"] if SENTINEL in output else []),
        *(["a command line"] if any(SENTINEL in line for line in seen) else []),
        *(["git"] if not allowed and Repository.at(system.directory).holds(SENTINEL) else []),
    ]


@contextlib.contextmanager
def _process_list() -> Iterator[set[str]]:
    """The command lines that anybody on the machine could have read meanwhile."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            for line in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen.add(line.read_text(errors="replace"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
