# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the stand-in's bin/datomic runs. The environment decides how it fails:

STANDIN_STORAGE: directory of the databases that exist, one file DATABASE.json with its points in time each.
STANDIN_EXIT, STANDIN_PRINT: exit at once with this code, after printing this text on standard error.
STANDIN_STARTED: a file that it makes first. STANDIN_SLEEP: seconds before it begins.
STANDIN_DIE: be killed after this many calls of AWS, 0: before the first; OPERATION:N counts the calls of one operation.
"""

from __future__ import annotations

import os
import sys
import time

COMMANDS = (
    "ensure-transactor",
    "ensure-cf",
    "create-cf-template",
    "backup-db",
    "restore-db",
    "list-backups",
    "verify-backup",
)
SDK_V2 = (1, 0, 7556)


def main() -> int:
    arguments = [word for word in sys.argv[1:] if not word.startswith(("-X", "-D"))]
    if "STANDIN_STARTED" in os.environ:
        open(os.environ["STANDIN_STARTED"], "w").close()
    if "STANDIN_SLEEP" in os.environ:
        time.sleep(float(os.environ["STANDIN_SLEEP"]))
    if "STANDIN_PRINT" in os.environ:
        print(os.environ["STANDIN_PRINT"], file=sys.stderr, flush=True)
    if "STANDIN_EXIT" in os.environ:
        return int(os.environ["STANDIN_EXIT"])
    with open("VERSION", encoding="utf-8") as file:
        version = file.read().strip()
    release = tuple(int(part) for part in version.split("."))
    known = [name for name in COMMANDS if name != "ensure-cf" or release < SDK_V2]
    if not arguments or arguments[0] not in known:
        print("Available commands:", *known, sep="\n  ", file=sys.stderr)
        return 1
    command, *rest = arguments
    if command.endswith(("-db", "-backups", "-backup")):
        import backups

        return int(backups.run(command, rest))
    import provisioning

    return int(provisioning.run(command, rest, version))


if __name__ == "__main__":
    sys.exit(main())
