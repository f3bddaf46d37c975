# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until EC2 knows a new instance profile, which takes longer than until IAM shows it.

A stack whose group launches earlier fails: "Value (…) for parameter iamInstanceProfile.name is invalid. Invalid IAM
Instance Profile name". terraform-provider-aws repeats the launch for minutes (#5217, #24910, #29866, #40088), and
CloudFormation waits two minutes after each profile that it makes itself (hashicorp/terraform#15341). A dry run of a
launch asks EC2 at once: karpenter relies on it, and has seen that refusal there (aws/karpenter-provider-aws#7849).
"""

from __future__ import annotations

from typing import Any

from ..errors import AwsError, DatomicError
from ..util import clock
from .errors import aws_errors

LAUNCH = {
    "ImageId": "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    "InstanceType": "t3.micro",
    "MinCount": 1,
    "MaxCount": 1,
}
"""A launch that EC2 would take, for which nothing has to be known or made.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/finding-an-ami-parameter-store.html
"""

ACCEPTED = 2
"""Accepted dry runs in a row: EC2's servers learn of a profile one by one."""

PAUSE = 2.0
"""Seconds between a refused dry run and the next."""

LONGEST = 180.0
"""Seconds until the wait is given up. CloudFormation's own is 120."""

UNPROVED = 15.0
"""Seconds to wait where EC2 does not answer the question, such as without ec2:RunInstances. Reports: about ten."""


def wait_until_usable(iam: Any, ec2: Any, name: str) -> None:
    """Return when EC2 takes the instance profile. iam, ec2: clients; ec2's region is the stack's.

    DatomicError when it still does not after LONGEST. Any other refusal of the dry run says nothing about the profile:
    the permission to launch may be missing, or a default VPC.
    """
    until = clock.now() + LONGEST
    accepted = 0
    while accepted < ACCEPTED:
        knows = _knows(ec2, name)
        if knows is None:
            with aws_errors("wait for the instance profile", name, iam):
                iam.get_waiter("instance_profile_exists").wait(InstanceProfileName=name)
            clock.sleep(UNPROVED)
            return
        accepted = accepted + 1 if knows else 0
        if not knows and clock.now() >= until:
            raise DatomicError(
                f"EC2 does not know the instance profile {name} yet, {clock.duration(LONGEST)} after its creation: no"
                " instance would start with it. Run again in a few minutes; the run continues where it stopped."
            )
        if not knows:
            clock.sleep(PAUSE)


def _knows(ec2: Any, name: str) -> bool | None:
    """Whether EC2 would launch with the profile; None when it refuses for another reason."""
    try:
        with aws_errors("try a launch with the instance profile", name, ec2):
            ec2.run_instances(**LAUNCH, IamInstanceProfile={"Name": name}, DryRun=True)
    except AwsError as error:
        if error.code == "DryRunOperation":
            return True
        if error.code == "InvalidParameterValue" and "Instance Profile" in str(error):
            return False
    return None
