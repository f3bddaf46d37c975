# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one step has read of AWS, another step of the same plan does not read again."""

from __future__ import annotations

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import launch, security_groups
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps import security_group
from ansible_collections.datomic_onprem.aws.plugins.module_utils.system import System
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import Options

from tests.builders import CF, parse
from tests.emulator import Emulator
from tests.integration.groups import Clients


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("inside", [True, False])
def test_the_template_takes_what_the_security_group_has_read(aws: Emulator, named: bool, inside: bool) -> None:
    ec2 = aws.backstage("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"] if inside else ""
    place = {"VpcId": vpc} if vpc else {}
    group_id = ec2.create_security_group(GroupName="datomic", Description="x", **place)["GroupId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"] if vpc else ""
    cf = parse(
        CF,
        aws_instance_type="c7g.large",
        aws_security_group="datomic" if named else group_id,
        aws_ingress_groups="",
        datomic_deploy_s3_bucket="datomic-pro-downloads",
    )
    clients, options = Clients(aws), Options(subnets=(subnet,) if subnet else ())
    alone = launch.observe(clients, cf, options, zones=False)
    params = {"vpc_id": vpc or None, "stack_name": "orders"}
    desired, _wrong = security_group.desired(System.of(params, cf=cf))
    known = security_groups.observe(clients, desired)
    aws.clear_calls()
    assert launch.observe(clients, cf, options, zones=False, known=known) == alone
    default_vpc = named and not inside
    rest = [] if default_vpc else ["DescribeSubnets"] if subnet else ["DescribeVpcs"]
    assert [call.operation for call in aws.calls()] == rest
