# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role hands on every option that chooses and runs the engine."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.datomic_onprem.aws.plugins.module_utils.cli import engine

ROLE = pathlib.Path(__file__).resolve().parents[2] / "roles" / "datomic"


@pytest.mark.parametrize(("file", "count"), [("_plan", 1), ("_apply", 3)])
def test_every_option_is_handed_on(file: str, count: int) -> None:
    engines = list(_with_engine(yaml.safe_load((ROLE / "tasks" / f"{file}.yml").read_text())))
    assert len(engines) == count
    for options in engines:
        assert set(engine.SPEC) <= set(options)


def _with_engine(part: Any) -> Iterator[dict[str, Any]]:
    """The options of every task that chooses the engine, in blocks of any depth."""
    if isinstance(part, dict) and "engine" in part:
        yield part
    children = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    for child in children:
        yield from _with_engine(child)


def test_the_time_out_is_the_module_s_own() -> None:
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert defaults["datomic_engine_timeout"] == engine.Options().engine_timeout
