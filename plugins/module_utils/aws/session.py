# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One boto3 session for all clients of a process, and AWS's models read once for all processes that are forked.

amazon.aws makes a session for each client. Each then finds its credentials anew, which takes a role, or runs a
credential_process, once per client; and each reads the service's model anew, which takes longer than the calls.
"""

from __future__ import annotations

import functools
import os
from typing import Any, NoReturn

try:
    import boto3.session
    import botocore.loaders
    import botocore.session
except ImportError:
    pass  # AnsibleAWSModule says so in its constructor

from ansible_collections.amazon.aws.plugins.module_utils.botocore import HAS_BOTO3

from .errors import mfa_required

OF_A_SERVICE = ("service-2", "endpoint-rule-set-1")
OF_ALL = ("endpoints", "partitions", "sdk-default-configuration", "_retry")


@functools.cache
def session(profile: str | None) -> Any:
    """The session of a profile, None: the default one. botocore.exceptions.ProfileNotFound."""
    core = botocore.session.Session(profile=profile)
    core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
    # botocore would ask at a terminal, which a task does not have: "I/O operation on closed file".
    assuming = core.get_component("credential_provider").get_provider("assume-role")
    assuming._prompter = functools.partial(_refuse_to_ask, core.get_config_variable("profile") or "default")
    return boto3.session.Session(botocore_session=core)


def _refuse_to_ask(profile: str, prompt: str) -> NoReturn:
    raise mfa_required(profile, prompt)


def load_models(*services: str) -> None:
    """Read what clients of these services are made of; a process that is forked after that does not read it again."""
    if not HAS_BOTO3:
        return
    loader = _loader(os.environ.get("AWS_DATA_PATH"))
    for name in OF_ALL:
        loader.load_data(name)
    for service in services:
        for kind in OF_A_SERVICE:
            loader.load_service_model(service, kind)


@functools.cache
def _loader(data_path: str | None) -> Any:
    """What reads the models, and keeps what it has read. data_path: directories of the user's own models."""
    return botocore.loaders.create_loader(data_path)
