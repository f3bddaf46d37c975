# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines about what a module waits for. A module has no screen; an action plugin that runs it in its process has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

Show = Callable[[str], None]
_screens: list[Show] = []


@contextlib.contextmanager
def shown_by(show: Show) -> Iterator[None]:
    """Lines of this process go there while this lasts."""
    _screens.append(show)
    try:
        yield
    finally:
        _screens.remove(show)


def show(line: str) -> None:
    """Show the line where there is a screen."""
    for screen in _screens:
        screen(line)
