# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Part 2: Datomic's own peer library opens the tables that ensure_transactor made, and no other.

Its classes hold the names of the metrics that alarms and dashboard watch, but for those that only the transactor has.
"""

from __future__ import annotations

import pathlib
import subprocess
import zipfile
from collections.abc import Iterable, Mapping, Set

from tests.metrics import CLASSES, SOURCES, constants
from tests.verify import jvm, steps, table
from tests.verify.tally import Tally

RELEASES = ("1.0.7277", "1.0.7622")
"""The last documented release on the AWS SDK v1, and one on v2."""
OPENS = ("--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED")


def run(release: str, local: str) -> Tally:
    """One release against the tables on DynamoDB Local at that URL, all in one JVM."""
    tally = Tally(
        "Datomic's peer library",
        jvm.release(f"peer-{release}", "peer"),
        "get-database-names on every table of ensure_transactor, on tables with another key and on a missing one; the "
        "metrics of alarms and dashboard",
        python="any (Java)",
    )
    good = steps.good_tables()
    foreign = [f"{prefix}-{kind}" for prefix in steps.NAMES.values() for kind in (steps.FOREIGN, "number", "sorted")]
    missing = ["no-such-table"]
    heard = _ask(release, local, [*good, *foreign, *missing, table.BROKEN])
    _opened(tally, heard, good)
    for name in (*foreign, *missing):
        tally.same(f"the peer on {name} ({heard[name]})", heard[name].split()[0], "refused")
    # The peer refuses a table that is not there as well: the broken build has to have made it.
    made = [table.BROKEN] if "key" in table.described(table.client(local), table.BROKEN) else []
    tally.mistake(table.MISTAKE, lambda broken: _opened(broken, heard, made), "refused")
    names = _constants(release)
    shared = [name for (_namespace, name), source in SOURCES.items() if source == CLASSES]
    _known(tally, names, shared)
    tally.mistake("an alarm on StorageBackoff", lambda broken: _known(broken, names, ["StorageBackoff"]), "no class")
    return tally


def _known(tally: Tally, constants: Set[str], names: Iterable[str]) -> None:
    for name in names:
        tally.same(f"the metric {name}", name if name in constants else "in no class", name)


def _constants(release: str) -> set[str]:
    """The texts of all classes of the peer library itself."""
    (jar,) = pathlib.Path(jvm.classpath(f"peer-{release}")).parent.glob(f"peer-{release}.jar")
    with zipfile.ZipFile(jar) as classes:
        named = [name for name in classes.namelist() if name.endswith(".class")]
        return {text for name in named for text in constants(classes.read(name))}


def _opened(tally: Tally, heard: Mapping[str, str], names: Iterable[str]) -> None:
    for name in names:
        tally.same(f"the peer on {name}", heard[name], "opened nil")


def _ask(release: str, local: str, names: list[str]) -> dict[str, str]:
    """What the peer says of each table."""
    host = local.partition("://")[2].replace("127.0.0.1", "localhost")
    uris = [f"datomic:ddb-local://{host}/{name}/*?aws_access_key_id=testing&aws_secret_key=testing" for name in names]
    script = pathlib.Path(__file__).with_name("peer.clj")
    command = ["java", *OPENS, "-cp", jvm.classpath(f"peer-{release}"), "clojure.main", str(script), *uris]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("opened ", "refused "))]
    if len(lines) != len(names):
        raise SystemExit(f"The peer {release} did not answer for each table:\n{(done.stdout + done.stderr)[-3000:]}")
    return dict(zip(names, lines, strict=True))
