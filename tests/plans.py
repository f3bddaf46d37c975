# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan that changes something, and generated ones."""

from __future__ import annotations

from typing import get_args

from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding, RuleName
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import (
    STEPS,
    Attribute,
    Change,
    ChangeAction,
    Now,
    Plan,
    Replacement,
)
from hypothesis import strategies as st

TRANSACTOR, CF = "aws/orders-transactor.properties", "aws/orders-cf.properties"
INDEX = Change(
    "update", "property", "memory-index-max", "stack", "", (Attribute("value", "256m", "512m", TRANSACTOR, 54),)
)
TYPE = Change(
    "update", "property", "aws-instance-type", "stack", "", (Attribute("value", "c7g.large", "c7g.xlarge", CF, 12),)
)
TABLE = Change(
    "update",
    "dynamodb table",
    "orders",
    "transactor",
    "point-in-time recovery off -> on",
    (Attribute("point_in_time_recovery", "false", "true"),),
)
STACK = Change("update", "stack", "orders", "stack", "LaunchTemplate (new version), LaunchGroup (in place)")
WARNING = Finding(RuleName("single-transactor"), "a group of one has no standby", "warning", CF, 19, "aws-size")
PLAN = Plan(
    "orders",
    "orders",
    "123456789012",
    "us-east-1",
    now=Now("UPDATE_COMPLETE", "1.0.7277", 2, 1, 1),
    findings=(WARNING,),
    changes=(INDEX, TYPE, TABLE, STACK),
    transactors=Replacement(("i-1", "i-2"), 16.0, failover_seconds=16.0),
    notes=(("git", "2 files, 1 commit on main, not pushed"),),
    outputs={"peer_uri": "datomic:ddb://us-east-1/orders/{db}"},
)

TEXTS = st.text(st.characters(exclude_categories=()), max_size=12)
NAMES = st.lists(TEXTS, max_size=2).map(tuple)
SECONDS = st.floats(0, 1e6)
COUNTS = st.integers(0, 9)
ATTRIBUTES = st.builds(Attribute, TEXTS, TEXTS, TEXTS, TEXTS, COUNTS)
CHANGES = st.builds(
    Change,
    st.sampled_from(get_args(ChangeAction)),
    TEXTS,
    TEXTS,
    st.sampled_from(STEPS),
    TEXTS,
    st.lists(ATTRIBUTES, max_size=2).map(tuple),
    NAMES,
)
FINDINGS = st.builds(
    Finding,
    st.sampled_from(["", "table-shrunk", "single-transactor"]).map(RuleName),
    TEXTS,
    st.sampled_from(["warning", "note"]),
    TEXTS,
    COUNTS,
    TEXTS,
    TEXTS,
    TEXTS,
    TEXTS,
)
PLANS = st.builds(
    Plan,
    TEXTS,
    TEXTS,
    TEXTS,
    TEXTS,
    now=st.builds(Now, TEXTS, TEXTS, COUNTS, st.none() | COUNTS, st.none() | COUNTS),
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    changes=st.lists(CHANGES, max_size=4).map(tuple),
    transactors=st.builds(Replacement, NAMES, SECONDS, NAMES, SECONDS),
    notes=st.lists(st.tuples(TEXTS, TEXTS), max_size=2).map(tuple),
    outputs=st.dictionaries(TEXTS, TEXTS, max_size=2),
)
"""Every text may hold what JSON has to escape, lone surrogates too."""
