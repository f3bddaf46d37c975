# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A properties file as the tool reads and writes it, losses included. Its own code, so that it can contradict ours."""

from __future__ import annotations

import pathlib


class Lines:
    """Logical lines: text kept as it is, or a key with its text, whose value may have been set."""

    def __init__(self, path: str) -> None:
        self._lines: list[tuple[str | None, str]] = []
        self._values: dict[str, str] = {}
        self._set: set[str] = set()
        pending = ""
        for line in pathlib.Path(path).read_bytes().decode("utf-8").splitlines():
            if not pending and (not line or line.startswith("#")):
                self._lines.append((None, line))
            elif line.endswith("\\"):
                pending += line + "\n"
            else:
                self._add(pending + line)
                pending = ""

    def _add(self, text: str) -> None:
        key, equals, value = text.partition("=")
        if not equals:
            self._lines.append((None, text))
            return
        self._lines.append((key, text))
        self._values[key] = "" if value[:1].isspace() else value

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str) -> str:
        """The value; empty when there is none."""
        return self._values.get(key, "")

    def set(self, key: str, value: str) -> None:
        if key not in self._values:
            self._lines.append((key, f"{key}="))
        elif self._values[key] == value:
            return
        self._values[key] = value
        self._set.add(key)

    def write(self, path: str) -> None:
        """Both lines of a duplicate key get the last value, and a value that starts with a blank is lost."""
        texts = []
        for key, text in self._lines:
            if key is None:
                texts.append(text)
            elif key in self._set or not self._values[key] or self._last(text) != self._values[key]:
                texts.append(f"{key}={self._values[key]}")
            else:
                texts.append(text)
        pathlib.Path(path).write_bytes("".join(text + "\n" for text in texts).encode("utf-8"))

    @staticmethod
    def _last(text: str) -> str:
        return text.partition("=")[2]
