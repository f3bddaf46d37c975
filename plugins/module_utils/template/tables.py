# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mappings of the template that bin/datomic create-cf-template writes: instance types and machine images.

Source: datomic/aws/instance-arch.edn and region-arch-ami.edn in the library com.datomic:peer 1.0.7277 (the same in
1.0.7622). A module of its own, because only Python files travel with a module to where it runs.
"""

from __future__ import annotations

from collections.abc import Mapping

ARCHITECTURE = "64h"
"""The mapping's only architecture: x86_64 with hardware virtualisation (HVM)."""

INSTANCE_TYPES: frozenset[str] = frozenset(
    (
        "c3.2xlarge",
        "c3.4xlarge",
        "c3.8xlarge",
        "c3.large",
        "c3.xlarge",
        "c4.2xlarge",
        "c4.4xlarge",
        "c4.8xlarge",
        "c4.large",
        "c4.xlarge",
        "cc2.8xlarge",
        "cr1.8xlarge",
        "hs1.8xlarge",
        "i2.2xlarge",
        "i2.4xlarge",
        "i2.8xlarge",
        "i2.xlarge",
        "i3.16xlarge",
        "i3.2xlarge",
        "i3.4xlarge",
        "i3.8xlarge",
        "i3.large",
        "i3.xlarge",
        "m3.2xlarge",
        "m3.large",
        "m3.medium",
        "m3.xlarge",
        "m4.10xlarge",
        "m4.16xlarge",
        "m4.2xlarge",
        "m4.4xlarge",
        "m4.large",
        "m4.xlarge",
        "r3.2xlarge",
        "r3.4xlarge",
        "r3.8xlarge",
        "r3.large",
        "r3.xlarge",
        "r4.16xlarge",
        "r4.2xlarge",
        "r4.4xlarge",
        "r4.8xlarge",
        "r4.large",
        "r4.xlarge",
        "t2.2xlarge",
        "t2.large",
        "t2.medium",
        "t2.small",
        "t2.xlarge",
    )
)
"""The types that the mapping AWSInstanceType2Arch knows, all of them of ARCHITECTURE."""

IMAGES: Mapping[str, str] = {
    "ap-northeast-1": "ami-02cfc578dd3c736d8",
    "ap-northeast-2": "ami-0fc94e615e498777a",
    "ap-northeast-3": "ami-04b36b427cfeb39da",
    "ap-south-1": "ami-0880ed4ca561f766b",
    "ap-southeast-1": "ami-09d2626efdb7fe4f1",
    "ap-southeast-2": "ami-0c18d3c76beaea91e",
    "ca-central-1": "ami-0bbae7e940cd16f6f",
    "eu-central-1": "ami-07395e00f40621d00",
    "eu-north-1": "ami-020cee14955361498",
    "eu-west-1": "ami-058fa8259c0da5275",
    "eu-west-2": "ami-02b580b921fd0d8b8",
    "eu-west-3": "ami-03ca3b1c44e04ee71",
    "sa-east-1": "ami-0f3b161a2cec0a615",
    "us-east-1": "ami-08170de87c7863313",
    "us-east-2": "ami-0e72b2b84fc10f2f8",
    "us-west-1": "ami-0f692fcd7d5a48596",
    "us-west-2": "ami-08a0e4c4f3f3646ac",
}
"""The image of ARCHITECTURE by region; Datomic published them years ago and does not update them."""
