# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a template needs of AWS about its instances."""

from __future__ import annotations

import functools
from typing import Any

from ..errors import AwsError, Finding
from ..properties.file import Properties
from ..steps.ingress import NOTHING, Current
from ..steps.security_group import GROUP_ID
from ..steps.stack.changes import Parameter
from ..template import legacy
from ..template.machine import GROUP, TYPE, Facts, release_objects
from ..template.options import Options
from . import ec2, s3, security_groups
from .calls import run_parallel
from .client import Clients


def observe(aws: Clients, cf: Properties, options: Options, *, zones: bool, known: Current = NOTHING) -> Facts:
    """zones: read the zones that offer the instance type, and those of the default VPC.

    known: what was read for the security group of the same file, and need not be read again.
    """
    region, name, group, subnets = cf.get("aws-region"), cf.get(TYPE), cf.get(GROUP), options.subnets
    client, storage = aws.client("ec2", region=region), aws.client("s3", region=region)
    groups = tuple(one for one in known.groups if group in (one.group_id, one.name))
    by_group = {"group-id" if GROUP_ID.fullmatch(group) else "group-name": [group]}
    uris = [*release_objects(cf, options), *options.extra_jars]
    places = [uri.removeprefix("s3://").partition("/") for uri in uris]
    (kind, image, named), (found, vpc_id), (offering, default), codes = run_parallel(
        lambda: run_parallel(
            lambda: known.instance_type or ec2.instance_type(client, name),
            lambda: ec2.image(client, options.image_id) if options.image_id else None,
            lambda: groups or security_groups.groups(client, by_group),
        ),
        lambda: (ec2.subnets(client, subnets), "") if subnets else ((), known.default_vpc or ec2.vpc(client)),
        lambda: run_parallel(
            lambda: ec2.offering_zones(client, name) if zones and name else (),
            lambda: ec2.default_zones(client) if zones and not subnets else (),
        ),
        lambda: run_parallel(*(functools.partial(s3.unreadable, storage, place[0], place[2]) for place in places)),
    )
    unreadable = {uri: code for uri, code in zip(uris, codes, strict=True) if code}
    return Facts(kind, image, named, found, vpc_id, offering, default, unreadable)


def zone_findings(aws: Clients, template: Any, current: Parameter | None) -> list[Finding]:
    """A legacy template uses all zones: warn of those that lack its instance type. Asks AWS only about a new type."""
    name = legacy.instance_type(template)
    if not name or (current and current.given == name):
        return []
    finding = functools.partial(Finding, "zone-without-type", severity="warning", key="aws-instance-type")
    try:
        offering, zones = ec2.zones(aws.client("ec2"), name)
    except AwsError as error:
        return [finding(message=f"{error} The zones that lack the instance type {name} are not known")]
    lacking = [zone for zone in zones if offering and zone not in offering]
    message = (
        f"{name} is not offered in {', '.join(lacking)}, and the legacy template uses all zones: a launch there fails"
        " and is repeated in another zone"
    )
    suggestion = "the flavor modern (datomic_template_flavor), which names the zones that offer it, or another type"
    return [finding(message=message, suggestion=suggestion)] if lacking else []
