# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server: moto's application on 127.0.0.1, one call at a time, with log, faults and admin paths around it."""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import functools
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_api._internal.models import moto_api_backend
from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from tests.emulator import account, corrections, visibility, world
from tests.emulator.calls import Call, CallLog
from tests.emulator.clock import CLOCK
from tests.emulator.corrections import cloudformation_status, operations
from tests.emulator.faults import Fault, Faults, kill_tree
from tests.emulator.settings import SETTINGS
from tests.emulator.transactors import FLEET
from tests.emulator.wire import Request

StartResponse = Callable[..., Any]
Answer = tuple[str, list[tuple[str, str]], bytes]

ADMIN = "/emulator/"
BACKSTAGE = "backstage"
"""The access key whose calls are not logged, do not fail and see everything at once."""
JSON = [("Content-Type", "application/json")]


@functools.cache
def _regions() -> frozenset[str]:
    """Those that there are. An endpoint answers a request that is signed for another one with a refusal.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
    """
    session = botocore.session.get_session()
    partitions = session.get_available_partitions()
    return frozenset(name for each in partitions for name in session.get_available_regions("ec2", each))


def _of_the_service(request: Request, answer: Answer) -> Answer:
    """moto's answer, or AWS's where moto has a page of HTML for an operation that is not there."""
    if answer[0].startswith("404") and answer[2].lstrip()[: len(operations.PAGE)].lower() == operations.PAGE:
        return _refused(request, *operations.refusal(request.protocol, request.operation))
    return answer


def _refused(request: Request, code: str, status: int, message: str) -> Answer:
    headers, body = request.error(code, message)
    return f"{status} Refused", list(headers.items()), body


class _Handler(MotoRequestHandler):
    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date of every answer, by the emulated clock."""
        return email.utils.formatdate(CLOCK.now(), usegmt=True)


class Emulator:
    """An AWS on 127.0.0.1 while the context lasts. Accounts are moto's, one set a process; `with` makes them fresh."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._moto = DomainDispatcherApplication(create_backend_app)
        # moto looks through its own directory for it, twice a request.
        self._moto.get_backend_for_host = functools.cache(self._moto.get_backend_for_host)
        self._lock = threading.RLock()
        self._log = CallLog()
        self._faults = Faults()
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        self._clients: dict[tuple[str, ...], Any] = {}
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # the call log is what counts
        corrections.apply()

    def __enter__(self) -> Emulator:
        self.reset()
        self._server = make_server("127.0.0.1", self._port, self._application, True, request_handler=_Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="emulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        assert self._server is not None, "not running: use it as a context manager"
        return f"http://127.0.0.1:{self._server.server_port}"

    def client(self, service: str, region: str = "us-east-1", **config: Any) -> Any:
        """A boto3 client to it, with retries off and credentials of its own.

        config: options of botocore's Config; without any, the same client is given again.
        """
        if config:
            return self._client(service, region, "testing", config)
        return self._kept_client(service, region, "testing")

    def backstage(self, service: str, region: str = "us-east-1") -> Any:
        """A client to arrange and look with: its calls are not logged, do not fail, and see everything at once."""
        return self._kept_client(service, region, BACKSTAGE)

    def _kept_client(self, service: str, region: str, access_key: str) -> Any:
        about = (service, region, access_key)
        if about not in self._clients:
            self._clients[about] = self._client(service, region, access_key, {})
        return self._clients[about]

    def _client(self, service: str, region: str, access_key: str, config: dict[str, Any]) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=access_key,
            aws_secret_access_key="testing",
            config=Config(**{"retries": {"total_max_attempts": 1}, **config}),
        )

    def snapshot(self) -> dict[str, Any]:
        """What is in the account: see tests.emulator.account."""
        with self._lock:
            return account.read()

    def reset(self) -> None:
        """Fresh accounts, an empty log, no faults, default settings."""
        with self._lock:
            moto_api_backend.reset()
            world.reset()
            SETTINGS.reset()
            self._log.clear()
            self._faults.clear(drop=True)

    def advance(self, seconds: float) -> None:
        """Let that many seconds of the emulated clock pass at once, with all that happens in them."""
        with self._lock:
            CLOCK.advance(seconds)
            world.catch_up()

    def set_stack_status(self, name: str, status: str, region: str = "us-east-1") -> None:
        """Put a stack into a state, such as UPDATE_IN_PROGRESS."""
        with self._lock:
            cloudformation_status.set_status(DEFAULT_ACCOUNT_ID, region, name, status)

    def outage(self) -> float:
        """Milliseconds of the emulated clock: the longest time without an active transactor, 0 when there was none."""
        return max((outage["milliseconds"] for outage in self.outages()), default=0.0)

    def outages(self) -> list[dict[str, Any]]:
        """Every time without an active transactor: system, start, milliseconds."""
        with self._lock:
            world.catch_up()
            return FLEET.outages()

    def measure(self) -> None:
        """Let outages count from now on."""
        with self._lock:
            world.catch_up()
            FLEET.measure()

    def transactors(self) -> list[dict[str, Any]]:
        """Every simulated transactor, dead ones too: instance_id, system, role, since, mode, roles, log."""
        with self._lock:
            world.catch_up()
            return FLEET.shown()

    def calls(self) -> list[Call]:
        """The calls since the last reset (or clear_calls), in order."""
        return self._log()

    def clear_calls(self) -> None:
        """Forget the calls so far, and nothing else."""
        self._log.clear()

    def fault(self, match: str = ".", **options: Any) -> Fault:
        """Let calls fail: see Fault for the options."""
        return self._faults.add(Fault(match=match, **options))

    def clear_faults(self) -> None:
        self._faults.clear()

    def release(self) -> None:
        """Let calls go on that a fault holds."""
        self._faults.release()

    def configure(self, **settings: Any) -> None:
        """Set settings by name: see Settings."""
        with self._lock:
            world.catch_up()
            SETTINGS.update(settings)
            world.catch_up()  # what begins with the settings begins now

    def _application(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(ADMIN):
            status, headers, body = self._admin(environ)
        else:
            status, headers, body = self._aws(environ)
        start(status, headers)
        return [body]

    def _aws(self, environ: dict[str, Any]) -> Answer:
        request = Request(environ)
        if request.access_key == BACKSTAGE:
            with self._lock, visibility.everything():
                return self._answer(environ)
        call = self._log.add(request, CLOCK.now())
        fault = self._faults.meeting(call)
        if fault is not None:
            call.fault = fault.mode
        if fault is None and request.region in _regions():
            answer = _of_the_service(request, self._answer(environ))
        elif fault is None:
            told = f"Credential should be scoped to a valid region, not '{request.region}'."
            answer = _refused(request, "SignatureDoesNotMatch", 403, told)
        elif fault.mode in ("error", "throttle"):
            answer = _refused(request, *fault.error(call.service), fault.message)
        else:
            answer = self._suffer(environ, fault)
        call.status = int(answer[0].split()[0])
        if SETTINGS.latency:
            time.sleep(SETTINGS.latency / 1000)
        return answer

    def _suffer(self, environ: dict[str, Any], fault: Fault) -> Answer:
        """What a call meets that waits, whose answer is lost or late, or whose client dies."""
        if fault.mode == "hold" and fault.hold():
            return self._answer(environ)
        done = self._answer(environ) if fault.mode in ("drop_after", "kill_after", "timeout", "hold_after") else None
        if fault.mode == "hold_after" and done and fault.hold():
            return done
        if fault.mode == "timeout" and done:
            time.sleep(fault.seconds)
            return done
        if fault.pid:
            kill_tree(fault.pid)
        with contextlib.suppress(OSError):
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError

    def _answer(self, environ: dict[str, Any]) -> Answer:
        """moto's own answer, read to its end while no other call runs; on the emulated clock it takes no time."""
        started: list[Any] = []
        with self._lock, CLOCK.at(CLOCK.now()):
            world.catch_up()
            chunks = self._moto(environ, lambda status, headers, *_: started.extend((status, headers)))
            body = b"".join(chunks)
        return started[0], started[1], body

    def _admin(self, environ: dict[str, Any]) -> Answer:
        what = environ["PATH_INFO"].removeprefix(ADMIN)
        sent = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            result = self._administer(what, json.loads(sent or b"{}"))
        except (KeyError, TypeError, ValueError) as error:
            return "400 Bad Request", JSON, json.dumps({"error": str(error)}).encode()
        return "200 OK", JSON, json.dumps(result, default=str).encode()

    def _administer(self, what: str, sent: dict[str, Any]) -> Any:
        shown: dict[str, Callable[[], Any]] = {
            "log": lambda: [call.as_dict() for call in self.calls()],
            "account": self.snapshot,
            "clock": lambda: {"now": CLOCK.now(), "scale": CLOCK.scale},
            "settings": lambda: dataclasses.asdict(SETTINGS),
            "outages": self.outages,
            "transactors": self.transactors,
        }
        done: dict[str, Callable[..., Any]] = {
            "reset": self.reset,
            "fault": self.fault,
            "configure": self.configure,
            "clear_calls": self.clear_calls,
            "clear_faults": self.clear_faults,
            "release": self.release,
            "advance": self.advance,
            "measure": self.measure,
            "set_stack_status": self.set_stack_status,
        }
        if what in shown:
            return shown[what]()
        if what in done:
            done[what](**sent)
            return {}
        raise KeyError(f"no {ADMIN}{what}; to GET: {', '.join(shown)}; to POST: {', '.join(done)}")
