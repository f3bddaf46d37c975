# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the emulator by itself: python -m tests.emulator [--port N] [--ready-file F]. Prints its URL; ends on Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import threading

from tests.emulator.server import Emulator


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.emulator", description="An emulated AWS on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--ready-file", type=pathlib.Path, help="file to write the URL into once it listens")
    arguments = parser.parse_args()
    with Emulator(arguments.port) as aws, contextlib.suppress(KeyboardInterrupt):
        print(aws.url, flush=True)
        if arguments.ready_file:
            arguments.ready_file.write_text(aws.url + "\n")
        threading.Event().wait()


if __name__ == "__main__":
    main()
