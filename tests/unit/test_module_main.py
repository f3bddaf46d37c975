# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a module ends."""

from __future__ import annotations

from typing import Any, cast

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import module_main
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError


class EndedError(Exception):
    """A module's process has ended; its result."""

    def __init__(self, **result: Any) -> None:
        self.result = result


class Module:
    """A module of these options."""

    def __init__(self, **params: Any) -> None:
        self.params = params

    def fail_json(self, **result: Any) -> None:
        raise EndedError(failed=True, **result)

    def exit_json(self, **result: Any) -> None:
        raise EndedError(**result)


def ended(work: Any, **params: Any) -> dict[str, Any]:
    with pytest.raises(EndedError) as end:
        module_main.run(cast(Any, Module(**params)), work)
    return end.value.result


def refuse() -> dict[str, Any]:
    raise DatomicError("It cannot be done.", findings=[])


def test_a_result_and_an_error_of_ours() -> None:
    assert ended(lambda: {"changed": False}, src="a") == {"changed": False}
    assert ended(refuse) == {"failed": True, "msg": "It cannot be done.", "findings": []}


def test_a_nul_anywhere_is_told_by_the_option_s_name_before_any_work() -> None:
    """Python refuses a path with a NUL in one release where it takes it in another."""
    result = ended(refuse, src="a\0b", dest="c", files=["d", "\0"], tags={"team": {"x": "\0"}}, number=1, nothing=None)
    assert result["msg"].splitlines() == [
        "3 errors:",
        *(f"{name}: {name}: holds a NUL character (write it without)" for name in ("src", "files", "tags")),
    ]
