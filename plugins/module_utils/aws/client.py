# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sessions and clients of boto3, and a module's connection as environment variables for bin/datomic."""

from __future__ import annotations

import functools
import os
import threading
from typing import Any, Protocol

try:
    import boto3.session
    import botocore.config
    import botocore.loaders
    import botocore.session
except ImportError:
    pass  # AnsibleAWSModule reports a missing library in its constructor

from ansible.module_utils.ansible_release import __version__
from ansible.module_utils.common.warnings import warn
from ansible_collections.amazon.aws.plugins.module_utils.botocore import HAS_BOTO3, get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..errors import AwsError
from ..util import lease
from .calls import PARALLEL_CALLS
from .errors import aws_errors, refuse_mfa

__all__ = ["AnsibleAWSModule", "Aws", "Clients"]

ATTEMPTS = 8
READ_TIMEOUT = 60.0
"""Seconds that an answer may take: botocore's default."""
SHORTEST_READ_TIMEOUT = 20.0
USER_AGENT = f"Ansible/{__version__} datomic_onprem.aws"
"""Shows in CloudTrail which calls are this collection's."""
CREDENTIAL_OPTIONS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
RENEWED_BY_PROGRAM = frozenset(("iam-role", "container-role"))
READS = ("BatchGet", "Describe", "Estimate", "Get", "Head", "List", "Lookup", "Validate")
"""Beginnings of the names of operations that change nothing."""
SERVICE_MODELS = ("service-2", "endpoint-rule-set-1")
COMMON_MODELS = ("endpoints", "partitions", "sdk-default-configuration", "_retry")


class Clients(Protocol):
    """Whatever makes clients: Aws, or a test's substitute."""

    def client(self, service: str, region: str | None = None, endpoint: str | None = None) -> Any: ...

    def limit_time(self, seconds: float) -> None: ...


class Aws:
    """The clients of one module run, each made on first use, with botocore's standard retries.

    botocore's standard mode covers every throttling code, 500, 502, 503, 504, resets and time-outs, for paginators and
    waiters too, which amazon.aws's AWSRetry does not. The user's aws_config overrides it.
    """

    def __init__(self, module: AnsibleAWSModule) -> None:
        self._module = module
        self._read_timeout = READ_TIMEOUT
        self._clients: dict[tuple[str, str | None, str | None], Any] = {}
        # botocore's sessions are not made for threads.
        self._making = threading.Lock()

    def limit_time(self, seconds: float) -> None:
        """Make clients that wait less for an answer when the last call should end in so many seconds."""
        wanted = max(SHORTEST_READ_TIMEOUT, seconds / ATTEMPTS)
        if wanted < 0.7 * self._read_timeout:
            self._read_timeout = wanted
            self._clients.clear()

    @property
    def region(self) -> str | None:
        """The region of the module's options, the environment or the profile."""
        region: str | None = self._module.region
        return region

    @functools.cached_property
    def _connection(self) -> tuple[str | None, str | None, dict[str, Any]]:
        """Region (the profile's when none is given), endpoint and the other options."""
        found: tuple[str | None, str | None, dict[str, Any]] = get_aws_connection_info(self._module)
        return found

    def client(self, service: str, region: str | None = None, endpoint: str | None = None) -> Any:
        """A boto3 client; region and endpoint override the module's."""
        key = (service, region, endpoint)
        with self._making:
            if key not in self._clients:
                config = botocore.config.Config(
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                    read_timeout=self._read_timeout,
                    max_pool_connections=PARALLEL_CALLS,
                    user_agent_extra=USER_AGENT,
                )
                self._clients[key] = self._make(service, region, endpoint, config)
            return self._clients[key]

    def fresh(self) -> Aws:
        """The same without clients, and so without connections, for another process."""
        return Aws(self._module)

    def _make(self, service: str, region: str | None, endpoint: str | None, config: Any) -> Any:
        try:
            default_region, default_endpoint, given = self._connection
            options = dict(given)
            profile, user_config = options.pop("profile_name", None), options.pop("aws_config", None)
            with aws_errors("prepare a client of", service):
                client = session(profile).client(
                    service,
                    region_name=region or default_region,
                    endpoint_url=endpoint or default_endpoint,
                    config=config.merge(user_config) if user_config else config,
                    **options,
                )
                client.meta.events.register("before-send", _refuse_lost)
                return client
        except (TypeError, ValueError) as error:
            # botocore raises these for an unknown option in aws_config and for an invalid address.
            hint = "Correct aws_config or endpoint_url in datomic_aws, or AWS_ENDPOINT_URL."
            raise AwsError(f"Could not prepare a client of {service}: {error}. {hint}") from error

    def environment(self) -> dict[str, str]:
        """The module's connection as environment variables, for a program that finds its credentials by itself.

        Credentials of an instance or container are left to the program, which can renew them: then it gets the profile
        only. Warns of options that no variable can carry.
        """
        params = self._module.params
        names = [name for name in ("aws_ca_bundle", "aws_config") if params.get(name)]
        if not params.get("validate_certs", True):
            names.append("validate_certs")
        if names:
            warn(
                f"bin/datomic does not get {', '.join(names)}: no environment variable carries such an option. "
                "It trusts the certificates that its Java trusts."
            )
        region, endpoint, options = self._connection
        given = {name: options.get(name) for name in CREDENTIAL_OPTIONS}
        profile = options.get("profile_name")
        with aws_errors("find the credentials of", profile or "the default profile"):
            found = (boto3.session.Session(**given) if any(given.values()) else session(profile)).get_credentials()
            keys = found.get_frozen_credentials() if found and found.method not in RENEWED_BY_PROGRAM else None
        values = {
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": keys and keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys and keys.secret_key,
            "AWS_SESSION_TOKEN": keys and keys.token,
            "AWS_PROFILE": None if keys else profile,
        }
        return {name: value for name, value in values.items() if value}


def _refuse_lost(event_name: str, **_request: Any) -> None:
    """Before each attempt at a request. DatomicError for a change by a run that has lost its lock.

    https://docs.aws.amazon.com/botocore/latest/topics/events.html
    """
    if not event_name.rpartition(".")[2].startswith(READS):
        lease.refuse_lost()


@functools.cache
def session(profile: str | None) -> Any:
    """The one session of this process for a profile (None: the default one). botocore.exceptions.ProfileNotFound.

    amazon.aws makes a session for each client: each finds its credentials anew, which takes a role or runs a
    credential_process, and reads the service's model anew, which takes longer than the calls.
    """
    core = botocore.session.Session(profile=profile)
    core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
    # botocore would ask at a terminal, which a task does not have: "I/O operation on closed file".
    assuming = core.get_component("credential_provider").get_provider("assume-role")
    assuming._prompter = functools.partial(refuse_mfa, core.get_config_variable("profile") or "default")
    return boto3.session.Session(botocore_session=core)


def load_models(*services: str) -> None:
    """Read botocore's models of these services, once for all processes that are forked later."""
    if not HAS_BOTO3:
        return
    loader = _loader(os.environ.get("AWS_DATA_PATH"))
    for name in COMMON_MODELS:
        loader.load_data(name)
    for service in services:
        for kind in SERVICE_MODELS:
            loader.load_service_model(service, kind)


@functools.cache
def _loader(data_path: str | None) -> Any:
    """Reads botocore's models and keeps them. data_path: directories with the user's own models."""
    return botocore.loaders.create_loader(data_path)
