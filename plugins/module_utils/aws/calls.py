# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How AWS is called: one request, all pages of a list, a wait, and several calls in parallel.

doing and resource are the words of the error, as for aws_errors.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar, overload

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports a missing library in its constructor
    import botocore.exceptions

from ansible_collections.amazon.aws.plugins.module_utils import tagging
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

from ..errors import AwsError
from .errors import aws_errors

PARALLEL_CALLS = 16

tag_list = tagging.ansible_dict_to_boto3_tag_list
tags_of = tagging.boto3_tag_list_to_ansible_dict

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")


class _Answer(dict[str, Any]):
    """An answer of AWS. AwsError for a part that it should have and does not."""

    def __init__(self, failed: str, answer: Any) -> None:
        super().__init__(answer)
        self._failed = failed

    def __missing__(self, part: str) -> Any:
        raise AwsError(f"{self._failed}: the answer of AWS is incomplete, it has no {part}. Run again.")


def aws_call(
    doing: str,
    resource: str,
    operation: Callable[..., Any],
    *,
    expected: tuple[str, ...] = (),
    eventually: bool = False,
    **request: Any,
) -> Any:
    """The answer of an operation, which is a client's method; None for an expected error.

    expected: beginnings of AWS's error codes, such as ("NoSuchEntity",) where nothing may be there.
    eventually: repeat the call for about a minute while IAM does not show a new role, user or profile yet.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
    """
    client = getattr(operation, "__self__", None)
    if eventually:
        retry = AWSRetry.jittered_backoff(retries=14, delay=1, max_delay=8, catch_extra_error_codes=["NoSuchEntity"])
        operation = retry(operation)
    try:
        with aws_errors(doing, resource, client):
            answer = operation(**request)
            return _Answer(f"Could not {doing} {resource}", answer) if isinstance(answer, dict) else answer
    except AwsError as error:
        if error.code.startswith(expected):
            return None
        raise


def aws_pages(
    doing: str, resource: str, client: Any, operation: str, key: str, *, expected: tuple[str, ...] = (), **request: Any
) -> list[Any]:
    """The entries under key on all pages of a list; empty for an expected error."""
    try:
        with aws_errors(doing, resource, client):
            pages = client.get_paginator(operation).paginate(**request)
            return [entry for page in pages for entry in page.get(key, [])]
    except AwsError as error:
        if error.code.startswith(expected):
            return []
        raise


def aws_wait(doing: str, resource: str, client: Any, waiter: str, *, seconds: int = 60, **request: Any) -> None:
    """Wait with a waiter of botocore, which looks every second. AwsError when the time is over."""
    with aws_errors(doing, resource, client):
        client.get_waiter(waiter).wait(**request, WaiterConfig={"Delay": 1, "MaxAttempts": seconds})


def waited(waiter: Any, seconds: float, every: float, **request: Any) -> dict[str, Any]:
    """Wait with a waiter of botocore. The answer that made it give up or run out of time; empty when it succeeded."""
    try:
        waiter.wait(**request, WaiterConfig={"Delay": every, "MaxAttempts": max(1, round(seconds / every))})
    except botocore.exceptions.WaiterError as error:
        last: dict[str, Any] = error.last_response
        if last.get("Error"):
            raise
        return last
    return {}


def attempts(answer: Any) -> int:
    """How often botocore sent the request before this answer came."""
    return 1 + int(answer.get("ResponseMetadata", {}).get("RetryAttempts", 0))


@overload
def run_parallel(a: Callable[[], A], b: Callable[[], B], /) -> tuple[A, B]: ...


@overload
def run_parallel(a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], /) -> tuple[A, B, C]: ...


@overload
def run_parallel(
    a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], d: Callable[[], D], /
) -> tuple[A, B, C, D]: ...


@overload
def run_parallel(
    a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], d: Callable[[], D], e: Callable[[], E], /
) -> tuple[A, B, C, D, E]: ...


@overload
def run_parallel(*calls: Callable[[], A]) -> tuple[A, ...]: ...


def run_parallel(*calls: Callable[[], Any]) -> tuple[Any, ...]:
    """The results of independent calls, in their order. When some fail, the first error in that order is raised."""
    if len(calls) < 2:
        return tuple(call() for call in calls)
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(PARALLEL_CALLS, len(calls))) as pool:
        futures = [pool.submit(call) for call in calls]
    return tuple(future.result() for future in futures)


def once(call: Callable[[], A]) -> Callable[[], A]:
    """A call that several threads need: the first makes it, the others wait for its result. An error is not kept."""
    lock, results = threading.Lock(), list[A]()

    def shared() -> A:
        with lock:
            if not results:
                results.append(call())
            return results[0]

    return shared
