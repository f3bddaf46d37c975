# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-playbook, with hurried waits; through a pipe it tells that its K-th moment has come, and waits for its end.

`launch.py K DESCRIPTOR PLACES ARGUMENT...`; PLACES: directories with colons between them.
"""

from __future__ import annotations

import functools
import os
import pathlib
import sys
import threading
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parents[2])

import botocore.session
from ansible.cli import playbook

from tests.chaos import waiters
from tests.chaos.moments import on_moment

LONGEST_WAIT = 1.0
"""Seconds: the emulated AWS has minutes pass meanwhile."""
SERVICES = ("autoscaling", "cloudformation", "cloudwatch", "dynamodb", "ec2", "iam", "s3", "sts")


def load_models() -> None:
    """Read AWS's models once for all of the run's workers, which would each read them again."""
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    loader = botocore.session.get_session().get_component("data_loader")
    for service in SERVICES:
        for kind in ("service-2", "endpoint-rule-set-1", "paginators-1"):
            loader.load_service_model(service, kind)


def hurry() -> None:
    """Let the pauses between two looks at a group, and between two tries of a task, be short."""
    sleep = time.sleep
    time.sleep = lambda seconds: sleep(min(seconds, LONGEST_WAIT))
    waiters.hurry()


def main(number: str, descriptor: str, places: str, *arguments: str) -> None:
    pipe = int(descriptor)
    # For the workers, which are forked, not for what they start: the reader waits until the last one has ended.
    os.set_inheritable(pipe, False)

    def reached() -> None:
        os.write(pipe, b"x")
        threading.Event().wait()

    hurry()
    load_models()
    on_moment(int(number), places.split(":"), reached)
    playbook.main(["ansible-playbook", *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
