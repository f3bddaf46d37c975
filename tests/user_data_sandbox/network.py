# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The instance's network: a loopback with the metadata service's address, and the public download over TLS."""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import json
import pathlib
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator, Mapping

METADATA = "169.254.169.254"
DOWNLOADS = "datomic-pro-downloads.s3.amazonaws.com"
TOKEN = "a-session-token"
ACCESS_KEY = "ASIAROLEOFINSTANCE"
"""Of the role's credentials, which only the metadata service has."""

SIOCSIFADDR, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x8914, 1


def up() -> None:
    """Bring the loopback up, with the metadata service's address beside its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
        address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(METADATA))
        fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16s16s", b"lo:1", address))


@contextlib.contextmanager
def metadata(public_address: str) -> Iterator[None]:
    """Version 2 of the metadata service: nothing without a token, which only a PUT gives."""
    role = {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": ACCESS_KEY,
        "SecretAccessKey": "secret",
        "Token": "token",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    answers = {
        "/latest/meta-data/instance-id": "i-0123456789abcdef0",
        "/latest/meta-data/local-ipv4": "10.0.1.23",
        "/latest/meta-data/iam/security-credentials/": "orders-transactor",
        "/latest/meta-data/iam/security-credentials/orders-transactor": json.dumps(role),
    }
    if public_address:
        answers["/latest/meta-data/public-ipv4"] = public_address

    class Handler(_Handler):
        def do_PUT(self) -> None:  # the name that http.server asks for
            valid = self.path == "/latest/api/token" and "X-aws-ec2-metadata-token-ttl-seconds" in self.headers
            self.answer(200 if valid else 400, TOKEN if valid else "")

        def do_GET(self) -> None:
            if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
                self.answer(401, "")
            else:
                self.answer(200 if self.path in answers else 404, answers.get(self.path, ""))

    with _serving(http.server.ThreadingHTTPServer((METADATA, 80), Handler)):
        yield


@contextlib.contextmanager
def downloads(stage: pathlib.Path, files: Mapping[str, bytes]) -> Iterator[None]:
    """Datomic's public download, under its own name and with a certificate that only this instance trusts."""
    with pathlib.Path("/etc/hosts").open("a") as hosts:
        hosts.write(f"127.0.0.1 {DOWNLOADS}\n")
    key, certificate = stage / "key.pem", stage / "ca.pem"
    subject = ["-subj", "/CN=download", "-addext", f"subjectAltName=DNS:{DOWNLOADS}"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    subprocess.run(
        ["openssl", "req", "-x509", *curve, "-nodes", "-days", "2", *subject, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )

    class Handler(_Handler):
        def do_GET(self) -> None:
            self.answer(200 if self.path in files else 403, files.get(self.path, b""))

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with _serving(server):
        yield


class _Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status: int, body: str | bytes) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def _serving(server: http.server.HTTPServer) -> Iterator[None]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
