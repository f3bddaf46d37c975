# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module shows while it runs: nothing in a process of its own, lines where an action plugin runs it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator

from ansible.module_utils.common.warnings import warn as _warn

Show = Callable[[str], None]
_screens: list[Show] = []
_known: set[str] = set()
_last_words: list[Callable[[], str]] = []


@contextlib.contextmanager
def shown_by(show: Show, known: Iterable[str]) -> Iterator[None]:
    """Inside, lines of this process go to show. known: warnings that the run has shown already."""
    _screens.append(show)
    _known.update(known)
    try:
        yield
    finally:
        _screens.remove(show)
        _known.clear()


@contextlib.contextmanager
def last_words(words: Callable[[], str]) -> Iterator[None]:
    """Inside, a signal that ends the process first shows these words."""
    _last_words.append(words)
    try:
        yield
    finally:
        _last_words.remove(words)


def current_last_words() -> str:
    """The words to show now when the process ends; empty when there are none."""
    return _last_words[-1]() if _last_words else ""


def show(line: str) -> None:
    """Show the line where there is a screen."""
    for screen in _screens:
        screen(line)


def warn(text: str) -> None:
    """Warn, unless the run has shown this warning already."""
    if text not in _known:
        _warn(text)


def warn_off_screen(text: str) -> None:
    """Warn where nobody shows the result otherwise."""
    if not _screens:
        _warn(text)
