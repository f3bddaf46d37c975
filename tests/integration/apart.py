# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rolling replacement in a process of its own, which can be killed. It lets the emulated clock jump while it waits.

`apart.py URL`, with the collection on the path; it starts when its standard input ends.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any

import boto3
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.replace_transactors import Options, replace
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import clock

OPTIONS = Options(
    stack_name="orders",
    poll_seconds=30,
    timeout=3600,
    cloudwatch_region="us-east-1",
    cloudwatch_dimension_value="orders",
)


class Clients:
    def __init__(self, url: str) -> None:
        self.url = url

    def client(self, service: str, region: str | None = None, endpoint: str | None = None) -> Any:
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        return boto3.client(service, region_name=region or "us-east-1", endpoint_url=self.url, **keys)

    def limit_time(self, seconds: float) -> None:
        """The emulator answers at once."""

    def emulator(self, what: str, **sent: float) -> Any:
        data = json.dumps(sent).encode() if sent else None
        with urllib.request.urlopen(f"{self.url}/emulator/{what}", data) as answer:
            return json.load(answer)


def main(url: str) -> int:
    aws = Clients(url)
    vars(clock)["now"] = lambda: aws.emulator("clock")["now"]
    vars(clock)["sleep"] = lambda seconds: aws.emulator("advance", seconds=seconds)

    sys.stdin.read()
    try:
        replace(aws, OPTIONS, check_mode=False, warn=print, show=print)
    except DatomicError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
