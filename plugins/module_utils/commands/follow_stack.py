# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The events of a stack as lines, while something else changes the stack."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..aws import stack
from ..aws.client import Clients
from ..steps.stack import operations
from ..steps.stack.events import Event, Progress, created
from ..util import clock

POLL_SECONDS = 5.0
"""As amazon.aws.cloudformation."""
LAST_LOOK_SECONDS = 30.0
"""How long the last events may take."""

Show = Callable[[str], None]


class Follower:
    """Inside, a thread shows the events of the operation. What cannot be read is not shown, and fails nothing.

    aws: None if this process cannot ask AWS. template: its content. resources: as Progress, for an update.
    note: shows a line with -v. running: the events of an operation that was under way before, the oldest first. Then
    nothing is shown. Afterwards: events, the oldest first; stack_id, empty if it is not known; begun: the events with
    which operations began; knows: whether these are all.
    """

    def __init__(
        self, aws: Clients | None, name: str, template: Any, resources: Sequence[str], show: Show, note: Show
    ) -> None:
        self.events: list[Event] = []
        self.running: list[Event] = []
        self.stack_id = ""
        self.knows = aws is not None
        self._client = aws.client("cloudformation") if aws else None
        self._name, self._template, self._resources, self._show, self._note = name, template, resources, show, note
        self._progress = Progress(())
        self._newest_before = ""
        self._look_lock = threading.Lock()
        self._over = aws is None

    @property
    def begun(self) -> list[Event]:
        return [event for event in self.events if operations.begins(event)]

    def __enter__(self) -> Follower:
        if self._over:
            return self
        with self._forgiving():
            newest = stack.events(self._client, self._name)
            before = next(newest, None)
            self._progress = Progress(self._resources if before else created(self._template))
            if before:
                self._newest_before, self.stack_id = before.event_id, before.stack_id
                self.running = operations.running(itertools.chain([before], newest))
                self._over = bool(self.running)
        if self._over:
            return self
        threading.Thread(target=self._poll, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        # A thread shows these too: the main one can be interrupted by a signal, and waits so long only.
        last = threading.Thread(target=self._look, daemon=True)
        last.start()
        last.join(LAST_LOOK_SECONDS)
        self._over = True

    def _poll(self) -> None:
        while not self._over:
            clock.sleep(POLL_SECONDS)
            self._look()

    def _look(self) -> None:
        with self._look_lock, self._forgiving():
            if self._over:
                return
            seen = {event.event_id for event in self.events}
            for event in reversed(list(stack.events(self._client, self._name, self._newest_before))):
                if event.event_id not in seen:
                    self.events.append(event)
                    self.stack_id = event.stack_id
                    if line := self._progress.line(event):
                        self._show(line)

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever it is: the operation goes on
            self._over, self.knows = True, False
            self._note(f"The events of the stack {self._name} are not shown: {error}")
