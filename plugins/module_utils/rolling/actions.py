# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a replacement: the values that the state machine answers with."""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

from .state import Sizes


@dataclasses.dataclass(frozen=True)
class Wait:
    """Nothing to do until the cloud has moved on. why: what is waited for."""

    why: str


@dataclasses.dataclass(frozen=True)
class Resize:
    """Give the group these sizes. note: keep these as its own until they are restored; forget: they are restored.

    seen: what opened the gate to it, as a line of progress.
    """

    sizes: Sizes
    why: str
    note: Sizes | None = None
    forget: bool = False
    seen: str = ""


@dataclasses.dataclass(frozen=True)
class Terminate:
    """Terminate these; decrement: the group does not launch others in their place.

    seen: what opened the gate to it, as a line of progress.
    """

    instance_ids: tuple[str, ...]
    decrement: bool
    why: str
    seen: str = ""


@dataclasses.dataclass(frozen=True)
class Stop:
    """The run cannot reach its goal. retreat: what it launched has to be removed before."""

    why: str
    retreat: bool = False


@dataclasses.dataclass(frozen=True)
class Done:
    """The group is whole, at its own sizes, and nothing is left to replace. seen: what proved it."""

    seen: str = ""


Step: TypeAlias = "Wait | Resize | Terminate | Stop | Done"
