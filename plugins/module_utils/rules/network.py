# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules: ports, hosts, regions, the security group, and how the stack starts."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Finding
from ..properties.keys import parse_integer
from .facts import AWS_DOCS, EMPTY, HIGH_AVAILABILITY, STORAGE, TRANSACTOR_DOCS, Facts
from .registry import rule
from .storage import is_local, on_instance

PORTS = ("port", "ping-port", "rest-port", "h2-port")
LAUNCH_CONFIGURATIONS = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/launch-configurations.html"


@rule("error", "the second to start cannot listen", TRANSACTOR_DOCS)
def port_clash(facts: Facts) -> Iterator[Finding]:
    """Two services cannot listen on one port; without h2-port, dev storage takes the one after port."""
    taken: dict[int, str] = {}
    for key in PORTS:
        number = parse_integer(facts.transactor.get(key))
        if number is None:
            continue
        if number in taken:
            yield facts.transactor.finding(key, f"{number} is already the port of {taken[number]}", "another port")
        taken.setdefault(number, key)
        if key == "port" and facts.protocol == "dev" and not facts.has("h2-port"):
            taken.setdefault(number + 1, "the dev storage (port + 1)")


@rule("warning", "Datomic starts the endpoint only with both, and says nothing", TRANSACTOR_DOCS + "#health-check")
def ping_incomplete(facts: Facts) -> Iterator[Finding]:
    """Datomic answers health checks only when both keys have a value."""
    for given, missing in facts.halves("ping-host", "ping-port"):
        message = f"without {missing} no health check is answered"
        yield facts.transactor.finding(given, message, f"give {missing} a value, or remove {given}")


@rule("warning", "peers read host from storage; the usual reason of peers that cannot connect", TRANSACTOR_DOCS)
def host_unreachable(facts: Facts) -> Iterator[Finding]:
    """Peers connect to host, and only the CloudFormation template replaces it."""
    host, other = facts.transactor.get("host"), facts.transactor.get("alt-host")
    # With the database on this machine as well, there are no peers elsewhere.
    if facts.cf is not EMPTY or facts.protocol == "ddb-local" or on_instance(facts.transactor):
        return
    # Peers try the other one when the first cannot be reached.
    if is_local(host) and (not other or is_local(other)):
        yield facts.transactor.finding(
            "host",
            f"peers on other machines cannot reach {host}",
            "the address at which peers reach this machine, in host or in alt-host",
        )


@rule("note", "until another instance has started, nothing can be written", HIGH_AVAILABILITY)
def single_transactor(facts: Facts) -> Iterator[Finding]:
    """One instance has no standby."""
    key = "aws-autoscaling-group-size"
    if parse_integer(facts.cf.get(key)) == 1:
        yield facts.cf.finding(key, "one instance: no standby takes over when it fails", "2 for high availability")


@rule("error", "a typing error would create another table there; on purpose, every write crosses regions", STORAGE)
def regions_differ(facts: Facts) -> Iterator[Finding]:
    """Transactor and table belong into one region."""
    region, table_region = facts.cf.get("aws-region"), facts.transactor.get("aws-dynamodb-region")
    if facts.protocol == "ddb" and region and table_region and region != table_region:
        yield facts.cf.finding(
            "aws-region",
            f"the transactor runs in {region}, its table is in {table_region}",
            "one region for both, or accept this rule with a reason",
        )


@rule("warning", "no peer can connect, unless the security group has rules that were made elsewhere", AWS_DOCS)
def no_ingress(facts: Facts) -> Iterator[Finding]:
    """Without an ingress rule no peer can connect."""
    keys = ("aws-ingress-groups", "aws-ingress-cidrs")
    if facts.cf is not EMPTY and not any(facts.cf.has_value(key) for key in keys):
        yield facts.cf.finding(
            keys[0],
            "neither aws-ingress-groups nor aws-ingress-cidrs has a value",
            "name the peers' security groups",
        )


@rule("warning", "AWS refuses launch configurations in accounts created since 2024-10-01", LAUNCH_CONFIGURATIONS)
def legacy_new_stack(facts: Facts) -> Iterator[Finding]:
    """AWS refuses the launch configuration of the legacy template in newer accounts."""
    if facts.new_stack_flavor == "legacy":
        message = "the stack is going to be created from the legacy template, which has a launch configuration"
        yield EMPTY.finding("", message, "datomic_template_flavor: modern, or auto")
