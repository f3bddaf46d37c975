# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entry of every module: errors of this collection become fail_json."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, Protocol

from .errors import DatomicError, Finding, InputError


class Module(Protocol):
    """AnsibleModule or AnsibleAWSModule."""

    params: Mapping[str, Any]

    def fail_json(self, *, msg: str, **details: Any) -> Any: ...

    def exit_json(self, **result: Any) -> Any: ...


def run(module: Module, work: Callable[[], Mapping[str, Any]]) -> NoReturn:
    """End the module with the result of work, or fail it without a traceback on a DatomicError."""
    try:
        _refuse_nul(module.params)
        result = work()
    except DatomicError as error:
        module.fail_json(msg=str(error), **error.details)
        raise  # fail_json has ended the process
    module.exit_json(**result)
    raise SystemExit  # so has exit_json


def _refuse_nul(params: Mapping[str, Any]) -> None:
    """InputError for options with a NUL, which no path, name or text has. Python raises ValueError for such a path."""
    names = [name for name, value in params.items() if any("\0" in text for text in _texts(value))]
    if names:
        instead = "write it without"
        raise InputError(
            Finding("invalid-option", f"{name}: holds a NUL character", key=name, suggestion=instead) for name in names
        )


def _texts(value: Any) -> Iterator[str]:
    """The text in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.items():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)
