# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was tried with one part, how much agreed, and whether a deliberate mistake was noticed."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any


def this_python() -> str:
    """Such as "3.13 / 2.21.5": Python and ansible-core."""
    return f"{'.'.join(platform.python_version_tuple()[:2])} / {version('ansible-core')}"


@dataclasses.dataclass
class Tally:
    """One row of the table. problems: what did not agree; exceptions: what was left out, and by whose limit."""

    part: str
    version: str
    tried: str
    python: str = dataclasses.field(default_factory=this_python)
    seconds: float = 0.0
    agreed: int = 0
    total: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)
    exceptions: list[str] = dataclasses.field(default_factory=list)
    mistakes: dict[str, bool] = dataclasses.field(default_factory=dict)

    def same(self, what: str, actual: Any, expected: Any) -> None:
        """One comparison."""
        self.total += 1
        if actual == expected:
            self.agreed += 1
        else:
            self.problems.append(f"{what}:\n    is        {actual!r}\n    should be {expected!r}")

    def holds(self, what: str, check: Callable[[], Any]) -> None:
        """One check that raises AssertionError, or whatever else, when it does not hold."""
        self.total += 1
        try:
            check()
        except Exception as error:
            self.problems.append(f"{what}: {type(error).__name__}: {error}")
        else:
            self.agreed += 1

    def mistake(self, what: str, compare: Callable[[Tally], None], sign: str) -> None:
        """The same comparison on a build with a mistake that was made on purpose: it has to fail because of that.

        sign: what tells a problem of the mistake from any other.
        """
        broken = dataclasses.replace(self, agreed=0, total=0, problems=[], exceptions=[], mistakes={})
        compare(broken)
        self.mistakes[what] = any(sign in problem for problem in broken.problems)

    @property
    def passed(self) -> bool:
        """Something was tried, all of it agreed, and every deliberate mistake was noticed."""
        return bool(self.total) and self.agreed == self.total and bool(self.mistakes) and all(self.mistakes.values())


COLUMNS = ("part", "version", "Python / ansible-core", "tried", "agreed", "mistakes noticed", "seconds")


def table(tallies: Iterable[Tally]) -> str:
    """The rows as a table in Markdown. A part that was tried twice is described once."""
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    described: set[str] = set()
    for one in tallies:
        tried = "the same" if one.tried in described else one.tried
        described.add(one.tried)
        noticed = ", ".join(
            [f"{sum(one.mistakes.values())} of {len(one.mistakes)}"]
            + [f"MISSED: {what}" for what, seen in one.mistakes.items() if not seen]
        )
        agreed = f"{one.agreed:,} of {one.total:,}"
        rows.append((one.part, one.version, one.python, tried, agreed, noticed, f"{one.seconds:.0f}"))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def exceptions(tallies: Iterable[Tally], of_all: Iterable[str] = ()) -> str:
    """What was left out, of all parts and of single ones, as a list in Markdown; each exception once."""
    lines = dict.fromkeys(f"- {text}" for text in of_all)
    lines |= dict.fromkeys(f"- {one.part}: {text}" for one in tallies for text in one.exceptions)
    return "\n".join(lines) + "\n" if lines else ""
