# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one doorway to amazon.aws and boto3: the module class, its clients, parallel reads, and what an error says."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

try:
    import boto3.session
    import botocore.config
    import botocore.exceptions
    import botocore.parsers
except ImportError:
    pass  # AnsibleAWSModule says so in its constructor

from ansible.module_utils.ansible_release import __version__
from ansible.module_utils.common.warnings import warn
from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

from ..errors import AwsError, DatomicError
from .session import session

__all__ = [
    "AnsibleAWSModule",
    "Aws",
    "AwsError",
    "Clients",
    "answer_to",
    "attempts",
    "calling",
    "error_code",
    "eventually",
    "gather",
    "refuse_other_account",
    "waited",
    "warn",
]
# warn instead of AnsibleAWSModule.warn, which passes its warnings on in a way that ansible-core deprecates.

PARALLEL_READS = 16
ATTEMPTS = 8
READ_TIMEOUT = 60.0
"""Seconds that an answer may take: botocore's default."""
SHORTEST_READ_TIMEOUT = 20.0
USER_AGENT = f"Ansible/{__version__} datomic_onprem.aws"
"""By which CloudTrail tells whose calls they are."""

DENIED = frozenset(
    (
        "403",  # of a HEAD request, whose answer has no body
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "AuthorizationError",
        "Client.UnauthorizedOperation",
        "Forbidden",
        "UnauthorizedOperation",
    )
)
NAMED_BY_AWS = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)")
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html; a call may need further actions."""
_CODE_OF_AWS = re.compile(r"(?!UnknownOperation|InvalidAction)[A-Z][A-Za-z]{3}")
"""As opposed to HTTP's numbers, and to what a service says that has no such operation."""
EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"))
UNKNOWN_CREDENTIALS = frozenset(
    ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch")
)
NO_REGION = re.compile(r"scoped to a valid region")
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
CREDENTIAL_OPTIONS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
RENEWED_BY_PROGRAM = frozenset(("iam-role", "container-role"))
IAM_PREFIXES = {
    "CloudWatch": "cloudwatch",
    "Auto Scaling": "autoscaling",
    "Application Auto Scaling": "application-autoscaling",
}
"""Service ids whose prefix in IAM is not their lower-case name."""
IAM_ACTIONS = {
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
"""Calls whose action has another name: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html"""


class Clients(Protocol):
    """What gives clients: Aws, or what a test has for it."""

    def client(self, service: str, region: str | None = None, endpoint: str | None = None) -> Any: ...


class Aws:
    """The clients of one module run, made when first asked for, with botocore's standard retries.

    botocore's standard mode covers every throttling code, 500, 502, 503, 504, resets and time-outs, for paginators and
    waiters too, which amazon.aws's AWSRetry does not; an aws_config of the user's own still wins over it.
    """

    def __init__(self, module: AnsibleAWSModule, time_left: float | None = None) -> None:
        """time_left: seconds within which the last call should have ended; None: no hurry."""
        self._module = module
        self._read_timeout = READ_TIMEOUT
        if time_left is not None:
            self._read_timeout = min(READ_TIMEOUT, max(SHORTEST_READ_TIMEOUT, time_left / ATTEMPTS))
        self._clients: dict[tuple[str, str | None, str | None], Any] = {}

    @property
    def region(self) -> str | None:
        """The region of the module's options, the environment or the profile."""
        region: str | None = self._module.region
        return region

    @functools.cached_property
    def _connection(self) -> tuple[str | None, str | None, dict[str, Any]]:
        """Region, endpoint and the other options; a region that is not given is looked for in the profile."""
        found: tuple[str | None, str | None, dict[str, Any]] = get_aws_connection_info(self._module)
        return found

    def client(self, service: str, region: str | None = None, endpoint: str | None = None) -> Any:
        """A boto3 client; region and endpoint override the module's. Not to be made inside a thread."""
        key = (service, region, endpoint)
        if key not in self._clients:
            config = botocore.config.Config(
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                read_timeout=self._read_timeout,
                max_pool_connections=PARALLEL_READS,
                user_agent_extra=USER_AGENT,
            )
            self._clients[key] = self._made(service, region, endpoint, config)
        return self._clients[key]

    def _made(self, service: str, region: str | None, endpoint: str | None, config: Any) -> Any:
        try:
            region_given, endpoint_given, given = self._connection
            options = dict(given)
            profile, own = options.pop("profile_name", None), options.pop("aws_config", None)
            with calling("prepare a client of", service):
                return session(profile).client(
                    service,
                    region_name=region or region_given,
                    endpoint_url=endpoint or endpoint_given,
                    config=config.merge(own) if own else config,
                    **options,
                )
        except (TypeError, ValueError) as error:
            # botocore's words for an option of aws_config that does not exist, and for what is not an address.
            advice = "Correct aws_config or endpoint_url in datomic_aws, or AWS_ENDPOINT_URL."
            raise AwsError(f"Could not prepare a client of {service}: {error}. {advice}") from error

    def environment(self) -> dict[str, str]:
        """The module's connection as environment variables, for a program that finds its credentials by itself.

        The credentials of an instance or container are left to the program: it can renew them, variables cannot. Then
        it is told the profile, or it would take the keys of another one. Warns of options that no variable can carry.
        """
        if names := self._ours_alone():
            verb = "do" if len(names) > 1 else "does"
            warn(
                f"{', '.join(names)} {verb} not reach bin/datomic: no environment variable carries that. "
                "The certificates that it trusts are those of its Java."
            )
        region, endpoint, options = self._connection
        given = {name: options.get(name) for name in CREDENTIAL_OPTIONS}
        profile = options.get("profile_name")
        with calling("find the credentials of", profile or "the default profile"):
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

    def _ours_alone(self) -> list[str]:
        params = self._module.params
        certificates = [] if params.get("validate_certs", True) else ["validate_certs"]
        return [*(name for name in ("aws_ca_bundle", "aws_config") if params.get(name)), *certificates]


def error_code(error: BaseException) -> str:
    """AWS's code of a botocore error, or an empty string."""
    response = getattr(error, "response", None) or {}
    code: str = response.get("Error", {}).get("Code", "")
    return code


@contextlib.contextmanager
def calling(doing: str, resource: str, client: Any = None) -> Iterator[None]:
    """Turn a botocore error inside into an AwsError that says what was being done, to what, and what to do next.

    doing: "create the role"; resource: its name or ARN; client: names the IAM prefix of a missing permission.
    """
    try:
        yield
    except (
        botocore.exceptions.ClientError,
        botocore.exceptions.BotoCoreError,
        botocore.parsers.ResponseParserError,  # a proxy's page instead of AWS's answer
    ) as error:
        code = error_code(error)
        message = f"Could not {doing} {resource}: {_reason(error)}"
        raise AwsError(f"{message} {_advice(error, code, client)}".rstrip(), code=code) from error


def answer_to(error: BaseException | None) -> str:
    """Who refused: "aws" for a request that was answered, or never sent, "nobody" where nothing listens, else "other".

    error: botocore's, or what its answer made of the code that reads it.
    """
    if isinstance(error, (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectTimeoutError)):
        return "nobody"
    if isinstance(error, botocore.exceptions.ClientError):
        return "aws" if _CODE_OF_AWS.match(error_code(error)) else "other"
    lost = (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError)
    sent = not isinstance(error, botocore.exceptions.BotoCoreError) or isinstance(error, lost)
    return "other" if sent else "aws"


def _reason(error: BaseException) -> str:
    if isinstance(error, botocore.parsers.ResponseParserError):
        return "what answered is not AWS: its answer cannot be read."
    response = getattr(error, "response", None)
    if not response:
        return f"{error}".rstrip(".") + "."
    told = response.get("Error", {})
    return f"{told.get('Code', 'Unknown')}: {told.get('Message', '')}".rstrip(". ") + "."


def _advice(error: BaseException, code: str, client: Any) -> str:
    if code in DENIED:
        action = _action(error, client)
        return f"Allow {action} on it to the credentials in use (see the operator's policy in the documentation)."
    if code in EXPIRED or isinstance(error, botocore.exceptions.TokenRetrievalError):
        return "The credentials have expired: renew them and run again; the run continues where it stopped."
    if NO_REGION.search(_reason(error)):
        return "There is no such region: correct aws-region in the file, or region in datomic_aws."
    if code in UNKNOWN_CREDENTIALS:
        return "AWS does not know these credentials: check profile, access key and session token."
    if isinstance(error, botocore.exceptions.ProfileNotFound):
        return "Correct profile in datomic_aws, or AWS_PROFILE."
    if isinstance(error, (botocore.exceptions.NoRegionError, botocore.exceptions.InvalidRegionError)):
        return "Set region in datomic_aws, or aws-region in the file."
    if isinstance(error, (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError)):
        return "Set a profile in datomic_aws, or AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    if isinstance(error, (botocore.exceptions.EndpointConnectionError, botocore.parsers.ResponseParserError)):
        return "Check region, endpoint_url and proxy, and that the network lets this host reach AWS."
    return ""


def _action(error: BaseException, client: Any) -> str:
    """The IAM action that was missing: as AWS names it, else the call's own."""
    if named := NAMED_BY_AWS.search(_reason(error)):
        return named[1]
    action: str = getattr(error, "operation_name", "")
    if client is not None:
        service_id = client.meta.service_model.service_id
        action = f"{IAM_PREFIXES.get(str(service_id), service_id.hyphenize())}:{action}"
    return IAM_ACTIONS.get(action, action)


def attempts(answer: Any) -> int:
    """How often botocore sent the request before this answer (a response, or the error that it raised) came."""
    response = getattr(answer, "response", answer) or {}
    return 1 + int(response.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def waited(waiter: Any, seconds: float, every: float, **call: Any) -> dict[str, Any]:
    """Wait with a waiter of botocore. The answer that made it give up or run out of time; empty when it succeeded."""
    try:
        waiter.wait(**call, WaiterConfig={"Delay": every, "MaxAttempts": max(1, round(seconds / every))})
    except botocore.exceptions.WaiterError as error:
        last: dict[str, Any] = error.last_response
        if last.get("Error"):
            raise
        return last
    return {}


def refuse_other_account(aws: Clients, wanted: str | None, found: str = "") -> None:
    """DatomicError unless the credentials are those of the wanted account, if one is.

    found: the account's number, where it is known already.
    """
    if not wanted:
        return
    if not found:
        sts = aws.client("sts")
        with calling("find out the account of", "the credentials", sts):
            found = sts.get_caller_identity()["Account"]
    if found != wanted:
        raise DatomicError(
            f"The credentials belong to account {found}, not to {wanted}: nothing was changed. "
            "Use the profile of that account."
        )


def eventually(call: Callable[[], Any]) -> Any:
    """The call's answer, tried again for about a minute while IAM does not know yet what was just created.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
    """
    retry = AWSRetry.jittered_backoff(retries=14, delay=1, max_delay=8, catch_extra_error_codes=["NoSuchEntity"])
    return retry(call)()


def gather(reads: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Run independent reads side by side; their results under the same names. The first error in order is raised."""
    if len(reads) < 2:
        return {name: read() for name, read in reads.items()}
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(PARALLEL_READS, len(reads))) as pool:
        futures = {name: pool.submit(read) for name, read in reads.items()}
    return {name: future.result() for name, future in futures.items()}
