# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wording of AWS's errors: what was being done, to what, the reason, and what to do next."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any, NoReturn

try:
    import botocore.exceptions
    import botocore.parsers
except ImportError:
    pass  # AnsibleAWSModule reports a missing library in its constructor

from ..errors import AwsError, DatomicError

DENIED = (
    *("403", "AccessDenied", "AccessDeniedException", "AuthFailure", "AuthorizationError"),
    *("Client.UnauthorizedOperation", "Forbidden", "UnauthorizedOperation"),
)
"""403 is of a HEAD request, whose answer has no body."""
DENIED_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)")
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html; a call may need further actions."""
_AWS_CODE = re.compile(r"(?!UnknownOperation|InvalidAction)[A-Z][A-Za-z]{3}")
"""As opposed to HTTP status codes, and to the answers of a service that does not have the operation."""
EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"))
UNKNOWN_CREDENTIALS = frozenset(
    ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch")
)
UNKNOWN_REGION = re.compile(r"scoped to a valid region")
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
IAM_ACTIONS = {
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
"""Operations whose IAM action has another name:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html"""


@contextlib.contextmanager
def aws_errors(doing: str, resource: str, client: Any = None) -> Iterator[None]:
    """Turn a botocore error into an AwsError.

    doing: "create the role"; resource: its name or ARN; client: gives the IAM prefix of a missing permission.
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
        raise AwsError(f"{message} {_hint(error, code, client)}".rstrip(), code=code) from error


def error_code(error: BaseException) -> str:
    """AWS's code of a botocore error, or an empty string."""
    response = getattr(error, "response", None) or getattr(error, "last_response", None) or {}
    code: str = response.get("Error", {}).get("Code", "")
    return code


def responder(error: BaseException | None) -> str:
    """Who caused the error: "aws" (also where no request was sent), "nobody" where nothing listens, else "other".

    error: botocore's, or the error that its answer caused in the code that reads it.
    """
    if isinstance(error, (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectTimeoutError)):
        return "nobody"
    if isinstance(error, botocore.exceptions.ClientError):
        return "aws" if _AWS_CODE.match(error_code(error)) else "other"
    lost = (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError)
    sent = not isinstance(error, botocore.exceptions.BotoCoreError) or isinstance(error, lost)
    return "other" if sent else "aws"


def refuse_mfa(profile: str, prompt: str) -> NoReturn:
    """DatomicError for a profile whose role, or the role of a source profile, needs a code. prompt: botocore's.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html#cli-configure-role-mfa
    """
    device = prompt.removeprefix("Enter MFA code for ").rstrip(": ")
    raise DatomicError(
        f"The profile {profile} needs a code of the MFA device {device} (mfa_serial), which no task can ask for."
        " Nothing was changed. Get temporary credentials in the terminal, which asks for the code, and run with them:"
        f' eval "$(aws configure export-credentials --profile {profile} --format env)", or'
        f" aws-vault exec {profile} -- ansible-playbook …, or aws sts get-session-token, whose answer goes into"
        " AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. Then leave profile out of datomic_aws and"
        " unset AWS_PROFILE. Or use a profile of IAM Identity Center (aws sso login)."
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, botocore.parsers.ResponseParserError):
        return "the answer cannot be read, so it is not from AWS."
    response = getattr(error, "response", None)
    if not response:
        return f"{error}".rstrip(".") + "."
    details = response.get("Error", {})
    return f"{details.get('Code', 'Unknown')}: {details.get('Message', '')}".rstrip(". ") + "."


def _hint(error: BaseException, code: str, client: Any) -> str:
    if code in DENIED:
        action = _action(error, client)
        return f"Allow {action} on it to the credentials in use (see the operator's policy in the documentation)."
    if code in EXPIRED or isinstance(error, botocore.exceptions.TokenRetrievalError):
        return "The credentials have expired: renew them and run again; the run continues where it stopped."
    if UNKNOWN_REGION.search(_reason(error)):
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
    """The IAM action that was missing: the one that AWS names, else the operation's own."""
    if named := DENIED_ACTION.search(_reason(error)):
        return named[1]
    action: str = getattr(error, "operation_name", "")
    if client is not None:
        service = client.meta.service_model.signing_name.replace("monitoring", "cloudwatch")
        action = f"{service}:{action}"
    return IAM_ACTIONS.get(action, action)
