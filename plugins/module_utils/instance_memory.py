# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The heap that ensure-cf gives to a transactor whose java-xmx is blank: 70 % of the instance type's memory."""

from __future__ import annotations

from collections.abc import Mapping

# fmt: off
TOOL_MEMORY: Mapping[str, int] = {
    "c1.medium": 1700, "c1.xlarge": 7168, "c3.2xlarge": 15360, "c3.4xlarge": 30720, "c3.8xlarge": 61440,
    "c3.large": 3750, "c3.xlarge": 7500, "c4.2xlarge": 15360, "c4.4xlarge": 30720, "c4.8xlarge": 61440,
    "c4.large": 3750, "c4.xlarge": 7500, "cc2.8xlarge": 61440, "cr1.8xlarge": 249856, "hi1.4xlarge": 61440,
    "hs1.8xlarge": 119808, "i2.2xlarge": 62464, "i2.4xlarge": 124928, "i2.8xlarge": 249856, "i2.xlarge": 30720,
    "i3.16xlarge": 499712, "i3.2xlarge": 62464, "i3.4xlarge": 124928, "i3.8xlarge": 249856, "i3.large": 15250,
    "i3.xlarge": 30500, "m1.large": 7500, "m1.medium": 3750, "m1.small": 1700, "m1.xlarge": 15360,
    "m2.2xlarge": 34816, "m2.4xlarge": 69632, "m2.xlarge": 17408, "m3.2xlarge": 30720, "m3.large": 7500,
    "m3.medium": 3750, "m3.xlarge": 15360, "m4.10xlarge": 163840, "m4.16xlarge": 262144, "m4.2xlarge": 32768,
    "m4.4xlarge": 65536, "m4.large": 8192, "m4.xlarge": 16384, "r3.2xlarge": 62464, "r3.4xlarge": 124928,
    "r3.8xlarge": 249856, "r3.large": 15360, "r3.xlarge": 30720, "r4.16xlarge": 499712, "r4.2xlarge": 62464,
    "r4.4xlarge": 124928, "r4.8xlarge": 249856, "r4.large": 15250, "r4.xlarge": 30500, "t1.micro": 613,
    "t2.2xlarge": 32768, "t2.large": 8192, "t2.medium": 4096, "t2.small": 2048, "t2.xlarge": 16384,
}
# fmt: on
"""MiB of memory by instance type, as the tool counts it: whole GB as GiB, fractions as 1000 MiB a GB.

Source: the table aws-instance-mem in the library com.datomic:peer 1.0.7277. Heaps on disk were computed with these
numbers, so they stay, although EC2 says 3840 MiB where 3.75 GB makes 3750 here.
"""


def default_heap(memory_mib: int) -> str:
    """The java-xmx of an instance with this memory: 70 % of it, rounded down to whole MiB."""
    return f"{memory_mib * 7 // 10}m"


EC2_GIB = (
    *(1, 2, 4, 8, 10.5, 15.25, 16, 21, 30.5, 32, 42, 48, 61),
    *(64, 72, 96, 122, 128, 144, 160, 192, 244, 256, 384, 512, 768),
)
"""Memory in GiB of the instance types that the tool does not know: https://aws.amazon.com/ec2/instance-types/"""
GENERATED = frozenset(default_heap(mib) for mib in (*TOOL_MEMORY.values(), *(int(gib * 1024) for gib in EC2_GIB)))
"""Every java-xmx that ensure-cf generates."""
