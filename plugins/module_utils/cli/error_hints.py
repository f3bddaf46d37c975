# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hints for errors of bin/datomic, by the text of its output and the command."""

from __future__ import annotations

from ..aws.errors import DENIED_ACTION

PROVISIONING = ("ensure-transactor", "ensure-cf", "create-cf-template")
USERS_ONLY = "It calls iam:GetUser for the account's id, which works for users only"

_NO_CREDENTIALS = "It found no credentials: set a profile in datomic_aws, or AWS_PROFILE."
_LACKING = "The credentials lack a permission: see the operator's policy. The tool calls iam:GetUser too."
_LACKING_FOR_BACKUPS = (
    "The credentials lack permissions: a peer's on storage, and read and write on the backup's bucket."
)

_OF_ALL = (
    (
        "UnsupportedClassVersionError",
        "The release needs a newer Java: install one, or set java_home.",
    ),
    ("Could not find or load main class", "Java finds no Clojure: the distribution is incomplete, unpack it again."),
    ("No space left on device", "The disk is full: free some space and run again."),
    ("Permission denied", "The user that runs Ansible cannot write to that file or directory."),
    ("Unable to load AWS credentials", _NO_CREDENTIALS),
    ("Unable to load credentials", _NO_CREDENTIALS),
    ("UnknownHostException", "Check the region, and that the network lets this host reach AWS."),
)
_OF_PROVISIONING = (
    ("Must specify userName", f"{USERS_ONLY}: use the keys of a user, or engine: native."),
    ("AccessDenied", _LACKING),
    ("UnauthorizedOperation", _LACKING),
    ("ExpiredToken", "The credentials expired while it ran: renew them and run again."),
)
_OF_BACKUPS = (
    ("OutOfMemoryError", "Give it more heap: at least as much as the transactor's."),
    (":backup/claim-failed", "The backup URI holds a backup of another database. Each database needs its own URI."),
    (":db.error/db-not-found", "The database does not exist in this storage: check the name and the table in the URI."),
    ("Could not find", "The database does not exist in this storage: check the name and the table in the URI."),
    ("NoSuchBucket", "The bucket does not exist: create it, or correct the URI."),
    ("PermanentRedirect", "The bucket is in another region: set backup_region to it."),
    ("AuthorizationHeaderMalformed", "The bucket is in another region: set backup_region to it."),
    ("AccessDenied", _LACKING_FOR_BACKUPS),
    ("Access Denied", _LACKING_FOR_BACKUPS),
    ("ExpiredToken", "The credentials expired while it ran: use ones that last as long as the backup."),
)
"""Text in the output of a command, and the hint. The first match counts."""


def find(command: str, output: str) -> str:
    """The first hint that matches the output of the command; empty if none does."""
    if named := DENIED_ACTION.search(output):
        return f"Allow {named[1]} for the credentials in use."
    table = (*_OF_ALL, *(_OF_PROVISIONING if command in PROVISIONING else _OF_BACKUPS))
    return next((text for sign, text in table if sign in output), "")
