# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Row 7: a large properties file."""

from __future__ import annotations

import pathlib
import tempfile
import time
from collections.abc import Callable

import jproperties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import file

from tests.bench.figures import Row, others_garbage_aside, paired

GOAL = 2.0
LINEAR = 1.3
"""How much more than ten times as long ten times as many lines may take: caches hold less of a larger file."""


def large(runs: int, lines: int = 10_000) -> list[Row]:
    with tempfile.TemporaryDirectory() as directory, others_garbage_aside():
        small_file, large_file = (_file(pathlib.Path(directory), size) for size in (lines // 10, lines))
        pairs = paired(_ours(large_file), _jproperties(large_file), runs)
        growing = paired(_ours(large_file), _ours(small_file), runs)
        peer = paired(_jproperties(large_file), _jproperties(small_file), runs)
        kept = _kept(large_file)
    return [
        Row(
            "7",
            f"a file of {lines:,} lines: read, edit, write, verify",
            "jproperties load and store",
            f"{pairs.shown()}; ten times the lines {growing.ratio:.1f} x (jproperties {peer.ratio:.1f} x); "
            f"layout {'kept' if kept else 'lost'}",
            f"at most {GOAL:.0f} x, layout kept, linear",
            pairs.ratio,
            GOAL,
            kept and growing.ratio <= 10 * LINEAR,
            {**pairs.as_dict(), "tenfold": growing.ratios, "tenfold_jproperties": peer.ratios},
        )
    ]


def _file(directory: pathlib.Path, lines: int) -> pathlib.Path:
    """Comments, blank lines and keys in turn, as files have them."""
    shapes = ("# remark {n}", "key-{n}=value {n}", "", "other.{n}=some value", "empty-{n}=")
    path = directory / f"{lines}.properties"
    path.write_text("".join(shapes[n % len(shapes)].format(n=n) + "\n" for n in range(lines)))
    return path


def _ours(path: pathlib.Path) -> Callable[[], float]:
    def run() -> float:
        start = time.perf_counter()
        before = file.read(str(path))
        file.write(before.edit({"key-1": f"edited {start}"}), was=before)
        return time.perf_counter() - start

    return run


def _jproperties(path: pathlib.Path) -> Callable[[], float]:
    def run() -> float:
        start = time.perf_counter()
        loaded = jproperties.Properties()
        with path.open("rb") as source:
            loaded.load(source, "utf-8")
        loaded["key-1"] = "edited"
        with path.with_suffix(".copy").open("wb") as target:
            loaded.store(target, encoding="utf-8")
        return time.perf_counter() - start

    return run


def _kept(path: pathlib.Path) -> bool:
    """Whether an edit changes one line and nothing else."""
    before = path.read_bytes().splitlines(keepends=True)
    _ours(path)()
    after = path.read_bytes().splitlines(keepends=True)
    changed = [n for n, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    return len(before) == len(after) and changed == [1]
