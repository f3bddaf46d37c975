# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shell of every module's main()."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, Protocol

from .errors import DatomicError, Finding, InputError


class Module(Protocol):
    """What AnsibleModule and AnsibleAWSModule have in common."""

    params: Mapping[str, Any]

    def fail_json(self, *, msg: str, **details: Any) -> Any: ...

    def exit_json(self, **result: Any) -> Any: ...


def run(module: Module, work: Callable[[], Mapping[str, Any]]) -> NoReturn:
    """The result of work ends the module, an error of ours fails it without a traceback."""
    try:
        _refuse_nul(module.params)
        result = work()
    except DatomicError as error:
        module.fail_json(msg=str(error), **error.details)
        raise  # fail_json has ended the process
    module.exit_json(**result)
    raise SystemExit  # so has exit_json


def _refuse_nul(params: Mapping[str, Any]) -> None:
    """No path, name or text of ours holds a NUL; Python meets one in a path with a ValueError, here or there."""
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
