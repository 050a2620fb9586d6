"""A thread that owns one SQLite connection, and the way between it and the event loop.

Jobs go in through a queue and are run in batches: whatever has gathered while the last batch was on its way
to the disk. Their outcomes come back in one call into the loop per batch, in the order in which they were
run. A waiter that is cancelled is simply not told; its job runs all the same, since somebody else may already
stand on its effect.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hatchway.store.failures import store_closed, translate

T = TypeVar("T")
MAX_BATCH = 1024


@dataclass(slots=True, eq=False)
class Job:
    """One function to call with the connection, and what came of it."""

    run: Callable[[sqlite3.Connection], Any]
    done: asyncio.Future[Any]
    then: Callable[[Any], None] | None
    """Called in the event loop with the result in the step that wakes the waiter, cancelled or not."""
    result: Any = None
    error: BaseException | None = field(default=None)

    def settle(self) -> None:
        """Tell the waiter. Runs in the event loop."""
        error = self.error
        if error is None and self.then is not None:
            try:
                self.then(self.result)
            except Exception as raised:  # noqa: BLE001 - it belongs to this job's waiter, not to its neighbours
                error = raised
        if self.done.done():
            return
        if error is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(translate(error))


RunBatch = Callable[[sqlite3.Connection, list[Job]], None]
"""Runs jobs and fills in their `result` or `error`; never raises."""


class Worker:
    """A thread with a connection of its own, bound to the event loop that starts it."""

    def __init__(self, name: str, connect: Callable[[], sqlite3.Connection], run_batch: RunBatch) -> None:
        self._connect = connect
        self._run_batch = run_batch
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._closing = False

    async def start(self) -> None:
        """Open the connection, in the thread.

        Raises:
            HatchwayError: what `connect` raised, translated.
        """
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._thread.start()
        try:
            await asyncio.shield(self._opened)
        except asyncio.CancelledError:
            await self.close()
            raise

    async def submit(self, run: Callable[[sqlite3.Connection], T], then: Callable[[T], None] | None) -> T:
        """Run `run` in the thread and wait for its outcome.

        Args:
            run: called with the connection. It may be called a second time if its first effect was undone.
            then: called in the loop with the result before anything else can happen there; keep it short.
        """
        if self._closing:
            raise store_closed()
        job = Job(run, self._loop.create_future(), then)
        self._queue.put(job)
        result: T = await job.done
        return result

    async def close(self) -> None:
        """Finish what is queued, close the connection and end the thread. May be called again."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        await asyncio.shield(self._closed)
        self._thread.join()

    def _main(self) -> None:
        try:
            connection = self._connect()
        except BaseException as error:  # noqa: BLE001 - the waiter of start() gets it
            self._post(self._fail_to_open, translate(error))
            return
        self._post(self._opened.set_result, None)
        try:
            last = False
            while not last:
                jobs, last = self._next_batch()
                if jobs:
                    self._run_batch(connection, jobs)
                    self._post(_settle, jobs)
        finally:
            with contextlib.suppress(
                sqlite3.Error
            ):  # nothing is left to lose: all that was acknowledged is on disk
                connection.close()
            self._post(self._closed.set_result, None)

    def _next_batch(self) -> tuple[list[Job], bool]:
        """Wait for a job, then take all that are there. True if no more will come."""
        jobs: list[Job] = []
        job = self._queue.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == MAX_BATCH:
                return jobs, False
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return jobs, False
        return jobs, True

    def _fail_to_open(self, error: BaseException) -> None:
        self._thread.join()  # it had nothing left to do but to post this
        self._closing = True
        self._closed.set_result(None)
        self._opened.set_exception(error)

    def _post(self, function: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed under us: nobody is left to tell
            self._loop.call_soon_threadsafe(function, *args)


def _settle(jobs: list[Job]) -> None:
    for job in jobs:
        job.settle()
