# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real AWS CLI, forked off one process per instance: importing it takes longer than what it is called for.

`cli.py SOCKET`, run by the CLI's own Python, is that process; the instance's `aws` hands it its arguments, environment,
directory and files.
"""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect("{socket}")
    socket.send_fds(server, [b"."], [0, 1, 2])
    server.sendall(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode())
    server.shutdown(socket.SHUT_WR)
    sys.exit(int(server.recv(9) or b"255"))
"""


def install(stage: pathlib.Path) -> None:
    """Put `aws` into the directory bin of the stage, and let it answer."""
    from tests import tools

    program, path = tools.program("aws"), stage / "cli"
    python = program.read_bytes().split(b"\n")[0].removeprefix(b"#!").decode().strip()
    with (stage / "cli.log").open("wb") as log:
        subprocess.Popen([python, __file__, str(path)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    (stage / "bin" / "aws").write_text(CLIENT.format(python=sys.executable, socket=path))
    (stage / "bin" / "aws").chmod(0o755)
    for _look in range(1000):
        if path.exists():
            return
        time.sleep(0.01)
    raise RuntimeError(f"{program} is not the AWS CLI in Python:\n{(stage / 'cli.log').read_text()}")


def serve(path: str) -> None:
    importlib.import_module("awscli.clidriver")
    importlib.import_module("awscli.handlers")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        while True:
            client, _address = server.accept()
            if os.fork() == 0:
                server.close()
                code = run(client)
                client.sendall(str(code).encode())
                os._exit(0)
            client.close()


def run(client: socket.socket) -> int:
    """One command line, as `aws` runs it; its exit code."""
    _dot, files, _flags, _address = socket.recv_fds(client, 1, 3)
    for descriptor, file in enumerate(files):
        os.dup2(file, descriptor)
    arguments, environment, directory = json.loads(b"".join(iter(lambda: client.recv(65536), b"")))
    own = {name: os.environ[name] for name in ("AWS_DATA_PATH",)}  # the CLI sets it when it is imported
    os.environ.clear()
    os.environ.update(environment | own)
    os.chdir(directory)
    sys.argv[:] = ["aws", *arguments]
    try:
        code = importlib.import_module("awscli.clidriver").main()
    except SystemExit as end:
        code = end.code
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return int(code or 0)


if __name__ == "__main__":
    serve(sys.argv[1])
