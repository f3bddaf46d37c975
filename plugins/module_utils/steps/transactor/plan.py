# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure-transactor, what is to be done: from wanted and observed to the file's new values and a plan. Pure."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

from ...errors import Finding, FindingId
from ...plan import Action, Decision, Plan
from ...properties.file import Properties
from . import (
    BUCKET,
    BUCKET_BASE,
    LOG_USER,
    METRICS_REGION,
    METRICS_USER,
    REGION,
    TABLE,
    Options,
    Wanted,
    WantedRole,
    WantedUser,
    keys_of,
    policies,
)
from . import table as table_plan
from .bucket import bucket_actions
from .defaults import is_unfinished, settled
from .resources import (
    DEFAULT_PARTITION,
    OWNER_TAG,
    Bucket,
    CreateAccessKey,
    CreateProfile,
    CreateRole,
    CreateUser,
    DeleteAccessKeys,
    FillProfile,
    Observed,
    OtherPolicy,
    PutPolicy,
    RemoveMark,
    Role,
    User,
    deleted_by_hand,
    masked_key,
    owner,
)

ACCESS_KEYS_PER_USER = 2
"""AWS's limit: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


def decide(
    properties: Properties, wanted: Wanted, observed: Observed, options: Options, unique: Callable[[], str]
) -> Decision:
    """The plan and the file's values. unique: a random part for a bucket's name, or what stands for it in check mode.

    Its findings may forbid it.
    """
    return _Planner(properties, wanted, observed, options, unique).decide()


def marker(table: str, prefix: str, kept: Iterable[str] = ()) -> str:
    """The value of the tag that a user carries while its access key is not on disk.

    kept: the ids of the access keys that it had before. A tag is no place for more than what tells them apart.
    """
    return "/".join((table, prefix, *map(_end, kept)))


def _end(key_id: str) -> str:
    return masked_key(key_id).lstrip("*")


def _lost(user: User, table: str, prefix: str) -> list[str] | None:
    """The access keys that the user has got since it was marked. None: it is not marked for this property.

    user: one of this system's own. A table of the same name in another region has the same mark.
    """
    marked = marker(table, prefix)
    if user.unsaved != marked and not user.unsaved.startswith(f"{marked}/"):
        return None
    kept = user.unsaved.removeprefix(marked).split("/")
    return [key_id for key_id in user.key_ids if _end(key_id) not in kept]


def _policy(policy: OtherPolicy) -> str:
    """How a policy is called in a message."""
    if policy.document is None:
        return f"{policy.arn} (which could not be read: allow iam:GetPolicy and iam:GetPolicyVersion on it)"
    return policy.arn or f"{policy.name} (inline)"


def _without(role: str, policy: OtherPolicy) -> str:
    """The command that takes the policy from the role."""
    if policy.arn:
        return f"aws iam detach-role-policy --role-name {role} --policy-arn {policy.arn}"
    return f"aws iam delete-role-policy --role-name {role} --policy-name {policy.name}"


class _Planner:
    def __init__(
        self, properties: Properties, wanted: Wanted, observed: Observed, options: Options, unique: Callable[[], str]
    ) -> None:
        self.properties = properties
        self.wanted = wanted
        self.observed = observed
        self.options = settled(options, wanted, observed)
        self.table = wanted.table
        self.partition = observed.account.partition if observed.account else DEFAULT_PARTITION
        self.bucket = BUCKET_BASE + unique() if wanted.bucket == "" else wanted.bucket or ""
        self.values: dict[str, str] = {}
        self.late: list[str] = []
        self.findings: list[Finding] = []

    def decide(self) -> Decision:
        if self.partition not in policies.EC2:
            what = f"roles and policies for the partition {self.partition} of AWS are not known"
            instead = f"systems in the partitions {', '.join(policies.EC2)}"
            self.findings.append(self.properties.finding(REGION, what, instead, rule="partition"))
            return Decision(findings=tuple(self.findings))
        actions = [*self.of_table(), *self.of_bucket(), *self.of_roles(), *self.of_users()]
        self.judge_leftovers()
        changed = {key: value for key, value in self.values.items() if self.properties.get(key) != value}
        return Decision(changed, Plan(tuple(actions)), tuple(self.late), tuple(self.findings))

    def of_table(self) -> Iterator[Action]:
        if not self.table:
            return
        if TABLE not in self.properties:
            self.values[TABLE] = self.table
        local = bool(self.wanted.endpoint)
        self.findings += table_plan.findings(self.properties, self.table, self.observed.table, self.options)
        observed = self.observed
        yield from table_plan.actions(self.table, observed.table, observed.scaling, self.options, local)

    def of_bucket(self) -> Iterator[Action]:
        if self.wanted.bucket is None or not self.wanted.own_bucket:
            return
        self.values[BUCKET] = self.bucket
        bucket = self.observed.bucket or Bucket(exists=False)
        if bucket.exists is None:
            what = f"AWS forbids to look at the bucket {self.bucket}"
            instead = "another account may own it: choose another name, or allow s3:ListBucket on it"
            self.findings.append(self.properties.finding(BUCKET, what, instead, rule="bucket-forbidden"))
            return
        mark = None
        if self.options.defaults == "secure" and (not bucket.exists or is_unfinished(self.wanted, self.observed)):
            mark = self.owner(BUCKET)
        yield from bucket_actions(self.bucket, bucket, self.options, self.partition, mark)

    def of_roles(self) -> Iterator[Action]:
        merged: dict[str, WantedRole] = {}
        for role in self.wanted.roles:
            name = self.observed.roles[role.key].name
            self.values[role.key] = name
            earlier = merged.get(name)
            merged[name] = dataclasses.replace(role, grants=earlier.grants + role.grants) if earlier else role
        for role in merged.values():
            yield from self.of_role(role, self.observed.roles[role.key])

    def of_role(self, wanted: WantedRole, role: Role) -> Iterator[Action]:
        held = role.profile
        if held and role.name not in held:
            what = f"the instance profile {role.name} holds the role {held[0]}, not {role.name}"
            instead = "name another role, or take that role out of the profile: an instance profile holds one role"
            self.findings.append(self.properties.finding(wanted.key, what, instead, rule="profile-taken"))
            return
        self.judge_role(wanted.key, role)
        self.tell_of_sharing(wanted.key, f"role {role.name}", role.owner, wanted, role.policies)
        tags, profile = self.options.tags, {"roles": [role.name]}
        if not role.exists:
            create = CreateRole(self.owner(wanted.key), self.boundary, tags, trust=policies.trust(self.partition))
            yield Action("iam", "role", role.name, "create", after=_shown(create), params=create)
        if held is None:
            fill = CreateProfile(role.name, tags)
            after = {**profile, **({"tags": dict(tags)} if tags else {})}
            yield Action("iam", "instance_profile", role.name, "create", after=after, params=fill)
        elif not held:
            yield Action("iam", "instance_profile", role.name, "update", {"roles": []}, profile, FillProfile(role.name))
        yield from self.of_policies("role", role.name, wanted, role.policies)

    def judge_role(self, key: str, role: Role) -> None:
        """Warnings of what a role that exists lets others do, or may do itself, without our doing."""
        if role.trust is None:
            return
        name = role.name
        if not policies.trusts_ec2(role.trust):
            what = f"the trust policy of the role {name} does not let EC2 instances assume it"
            instead = f"add {policies.EC2[self.partition]} to its trust policy"
            self.findings.append(self.properties.finding(key, what, instead, rule="role-trust", severity="warning"))
        others = policies.others_trusted(role.trust, self.observed.account.number if self.observed.account else "")
        if others:
            what = f"the trust policy of the role {name} lets others than EC2 instances assume it: {', '.join(others)}"
            trust = shlex.quote(json.dumps(policies.trust(self.partition)))
            by_hand = f"aws iam update-assume-role-policy --role-name {name} --policy-document {trust}"
            self.findings.append(
                self.properties.finding(
                    key, what, f"to let in EC2 instances alone: {by_hand}", rule="role-trust-others", severity="warning"
                )
            )
        whole = [one for one in role.others if one.document is not None and policies.grants_all(one.document)]
        unknown = [one for one in role.others if one not in whole]
        kinds: tuple[tuple[FindingId, list[OtherPolicy], str], ...] = (
            ("role-policy-all", whole, "may do everything, by policies that this system did not write"),
            ("role-policy-unknown", unknown, "has policies that this system did not write"),
        )
        for rule, found, words in kinds:
            if found:
                what = f"the role {name} {words}: {', '.join(_policy(one) for one in found)}"
                by_hand = "; ".join(_without(name, one) for one in found)
                self.findings.append(
                    self.properties.finding(
                        key, what, f"if nobody needs them: {by_hand}", rule=rule, severity="warning"
                    )
                )
        self.judge_boundary(key, "role", name, role.boundary)

    def judge_boundary(self, key: str, kind: str, name: str, found: str | None) -> None:
        """A warning when what exists has another permissions boundary than the option's: it keeps what it has."""
        asked = self.options.permissions_boundary
        if not asked or found is None or found == asked:
            return
        what = f"the {kind} {name} has {f'the permissions boundary {found}' if found else 'no permissions boundary'}"
        by_hand = f"aws iam put-{kind}-permissions-boundary --{kind}-name {name} --permissions-boundary {asked}"
        self.findings.append(
            self.properties.finding(
                key,
                what,
                f"what exists is not changed; by hand: {by_hand}",
                rule="permissions-boundary",
                severity="warning",
            )
        )

    @property
    def boundary(self) -> str:
        return self.options.permissions_boundary or ""

    def owner(self, key: str) -> str:
        return owner(self.observed.region, self.table, key)

    def is_own(self, whose: str) -> bool:
        """Whether the value of OWNER_TAG is this system's, for whatever property."""
        return whose.rpartition("/")[0] == self.owner("").rpartition("/")[0]

    def tell_of_sharing(
        self, key: str, what: str, whose: str, wanted: WantedRole | WantedUser, have: Mapping[str, Any]
    ) -> None:
        """Warn of what was made for another system and gets its first right of this one.

        Systems may share on purpose. But two runs may also have found the same name free, and the one that was
        stopped before it made it has it in its file.
        """
        if not whose or self.is_own(whose) or have or not wanted.grants:
            return
        what = f"the {what} was made for another system: its tag {OWNER_TAG} is {whose}"
        self.findings.append(
            self.properties.finding(
                key, what, "blank it unless both are to share it", rule="role-of-another-system", severity="warning"
            )
        )

    def of_policies(
        self, kind: Literal["role", "user"], name: str, wanted: WantedRole | WantedUser, have: Mapping[str, Any]
    ) -> Iterator[Action]:
        for grant in wanted.grants:
            policy = policies.name(grant, self.table, self.bucket)
            document = policies.document(
                grant,
                self.table,
                self.bucket,
                self.observed.account,
                self.observed.region,
                self.options.policies or "tool",
            )
            before = have.get(policy)
            if before is not None and policies.same(before, document):
                continue
            yield Action(
                "iam",
                f"{kind}_policy",
                f"{name}/{policy}",
                "create" if before is None else "update",
                before={} if before is None else {"policy": before},
                after={"policy": document},
                params=PutPolicy(kind, document),
            )

    def of_users(self) -> Iterator[Action]:
        merged: dict[str, list[WantedUser]] = {}
        for user in self.wanted.users:
            name = self.observed.users[user.prefix].name
            self.values[keys_of(user.prefix)[0]] = name
            merged.setdefault(name, []).append(user)
        for group in merged.values():
            yield from self.of_user(group, self.observed.users[group[0].prefix])

    def of_user(self, group: list[WantedUser], user: User) -> Iterator[Action]:
        """group: the users of that name; they share one access key."""
        blank = [wanted for wanted in group if wanted.blank]
        given = [wanted for wanted in group if not wanted.blank]
        if given and not user.exists:
            # AWS's own words, as bin/datomic passes them on
            what = f"The user with name {user.name} cannot be found."
            instead = "leave its access key's two properties blank to have the user made"
            self.findings.append(
                self.properties.finding(keys_of(given[0].prefix)[0], what, instead, rule="user-missing")
            )
            return
        lost = _lost(user, self.table, group[0].prefix) if self.is_own(user.owner) else None
        self.tell_of_sharing(keys_of(group[0].prefix)[0], f"user {user.name}", user.owner, group[0], user.policies)
        if user.exists:
            self.judge_boundary(keys_of(group[0].prefix)[0], "user", user.name, user.boundary)
        else:
            owner, mark = self.owner(keys_of(group[0].prefix)[0]), marker(self.table, group[0].prefix)
            create = CreateUser(owner, self.boundary, self.options.tags, mark)
            yield Action("iam", "user", user.name, "create", after=_shown(create), params=create)
        if given:
            yield from self.of_saved_key(given[0], blank, user, lost)
        else:
            yield from self.of_new_key(group, user, lost)
        for wanted in group:
            yield from self.of_policies("user", user.name, wanted, user.policies)

    def of_saved_key(
        self, given: WantedUser, blank: list[WantedUser], user: User, lost: list[str] | None
    ) -> Iterator[Action]:
        """The file holds the user's key: its other places get it too, and what a dead run left is cleared."""
        _user, key_id, secret = keys_of(given.prefix)
        if not self.properties.has_value(key_id):
            # It is kept elsewhere: nobody can copy it, nor tell it from others.
            for wanted in blank:
                what = f"the access key of {user.name} is kept elsewhere, as {key_id}"
                instead = f"keep {' and '.join(keys_of(wanted.prefix)[1:])} there as well"
                self.findings.append(
                    self.properties.finding(keys_of(wanted.prefix)[1], what, instead, rule="user-keys")
                )
            return
        for wanted in blank:
            _user, its_id, its_secret = keys_of(wanted.prefix)
            self.values |= {its_id: self.properties.get(key_id), its_secret: self.properties.get(secret)}
        if lost is not None:
            yield from self.of_lost_keys(user, [known for known in lost if known != self.properties.get(key_id)])
            tag = {"unsaved_access_key": user.unsaved}
            yield Action("iam", "user", user.name, "update", tag, {"unsaved_access_key": ""}, RemoveMark())

    def of_new_key(self, blank: list[WantedUser], user: User, lost: list[str] | None) -> Iterator[Action]:
        """One that a killed run made is replaced where a tag can tell it. A user that is not ours is not tagged."""
        yield from self.of_lost_keys(user, lost or [])
        kept = [key_id for key_id in user.key_ids if key_id not in (lost or ())]
        if kept:
            self.judge_unknown_keys(blank[0], user.name, kept)
        places = [key for wanted in blank for key in keys_of(wanted.prefix)[1:]]
        self.late += places
        mark = lost is None and user.exists and self.is_own(user.owner) and not user.unsaved
        params = CreateAccessKey(
            saved_in=tuple(places),
            kept=tuple(kept),
            mark=marker(self.table, blank[0].prefix, kept) if mark else "",
            unmark=mark or lost is not None or not user.exists,
        )
        after = {"saved_in": places, **({"kept_access_keys": [masked_key(key) for key in kept]} if kept else {})}
        yield Action("iam", "access_key", user.name, "create", after=after, params=params)

    def of_lost_keys(self, user: User, lost: list[str]) -> Iterator[Action]:
        if lost:
            before = {"lost_access_keys": [masked_key(key_id) for key_id in lost]}
            yield Action("iam", "access_key", user.name, "delete", before, params=DeleteAccessKeys(tuple(lost)))

    def judge_unknown_keys(self, wanted: WantedUser, user: str, kept: list[str]) -> None:
        names = ", ".join(masked_key(key_id) for key_id in kept)
        what = f"the user {user} has access keys that this file does not know: {names}"
        what += "; a run that was killed may have made one"
        key, by_hand = keys_of(wanted.prefix)[1], deleted_by_hand(user)
        if len(kept) >= ACCESS_KEYS_PER_USER:
            instead = f"AWS allows {ACCESS_KEYS_PER_USER}: write one with its secret into the file, or {by_hand}"
            self.findings.append(self.properties.finding(key, what, instead, rule="access-key-limit"))
        else:
            self.findings.append(
                self.properties.finding(
                    key, what, f"another one is made; {by_hand}", rule="access-key-unknown", severity="warning"
                )
            )

    def judge_leftovers(self) -> None:
        """Warnings about keys that are there and have no effect."""
        for wanted in self.wanted.users:
            if not wanted.grants:
                lacking = {METRICS_USER: METRICS_REGION, LOG_USER: BUCKET}[wanted.prefix]
                what = f"the user gets no policy, as {lacking} has no value"
                self.findings.append(
                    self.properties.finding(
                        keys_of(wanted.prefix)[0],
                        what,
                        f"write {lacking}",
                        rule="user-without-policy",
                        severity="warning",
                    )
                )


def _shown(params: CreateRole | CreateUser) -> dict[str, Any]:
    return {field: value for field, value in dataclasses.asdict(params).items() if value}
