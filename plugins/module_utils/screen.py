# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module shows beside its result. A module has no screen; an action plugin that runs it in its process has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator

from ansible.module_utils.common.warnings import warn as _warn

Show = Callable[[str], None]
_screens: list[Show] = []
_known: set[str] = set()


@contextlib.contextmanager
def shown_by(show: Show, known: Iterable[str]) -> Iterator[None]:
    """Lines of this process go there while this lasts. known: the warnings that the run has shown already."""
    _screens.append(show)
    _known.update(known)
    try:
        yield
    finally:
        _screens.remove(show)
        _known.clear()


def show(line: str) -> None:
    """Show the line where there is a screen."""
    for screen in _screens:
        screen(line)


def warn(text: str) -> None:
    """Warn of it, unless the run has shown it already."""
    if text not in _known:
        _warn(text)


def warn_off_screen(text: str) -> None:
    """Warn of it where nobody shows the result otherwise."""
    if not _screens:
        _warn(text)
