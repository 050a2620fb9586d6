"""Running the work of one command to its end, or until a signal asks for an earlier one."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

import typer

T = TypeVar("T")

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""What ends a command besides SIGINT, which asyncio itself takes for a wish to cancel."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end.

    SIGINT (Ctrl-C), SIGTERM and SIGHUP cancel it, so that it can tidy up: commands are killed in their VM, half files
    deleted. A second signal does not wait for that. The command's exit code is as a shell says it, 128 and the
    signal's number.
    """
    received: list[int] = []

    async def cancellable() -> T:
        with _cancelled_by_signals(received):
            return await work

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        if not received:
            raise
        raise typer.Exit(128 + received[0]) from None


@contextmanager
def _cancelled_by_signals(received: list[int]) -> Iterator[None]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def stop(number: int, _frame: FrameType | None) -> None:
        if received:
            raise SystemExit(128 + number)  # the event loop lets nothing else through
        received.append(number)
        loop.call_soon_threadsafe(task.cancel)

    # Signals are the main thread's; and who started this with one ignored (nohup) wants it so.
    ours = threading.current_thread() is threading.main_thread()
    taken = [number for number in _SIGNALS if ours and signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
