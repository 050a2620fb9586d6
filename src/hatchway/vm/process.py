"""One process that the server has started in a VM: a command of `exec`, or a spawned one that runs on by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

from hatchway.vm.followed_output import FollowedOutput
from hatchway.vm.input import InputPipe, Refusal, process_ended
from hatchway.vm.output import OutputQueue
from hatchway.vm.records import Exit, OutputEnd, OutputEvent, OutputInfo, ProcessInfo
from hatchway.vm.sandbox.channel import vm_stopped
from hatchway.vm.tail import TAIL_BYTES, last_lines

_READ_BYTES = 64 * 1024
"""How much of a log a follower is given at once."""


class Process:
    """What both kinds have in common.

    Args:
        pid: inside the VM.
        command: the program and its arguments.
        output: its stdout and stderr.
        stdin: its standard input; None: it has none.
    """

    def __init__(
        self, pid: int, command: list[str], output: OutputQueue | FollowedOutput, stdin: InputPipe | None
    ) -> None:
        loop = asyncio.get_running_loop()
        self.pid = pid
        self.command = command
        self.output: OutputQueue | FollowedOutput = output
        self.stdin = stdin
        self.left = False
        """Whether nobody cares for it any more: it is killed, and forgotten once it has ended."""
        self.started_at = time.time()
        self.started = loop.time()
        """The same by the event loop's clock, which nobody sets."""
        self.exit: asyncio.Future[Exit] = loop.create_future()

    def end(self, outcome: Exit, refusal: Refusal = process_ended) -> None:
        """It has ended; `refusal` is what those are told who write to it."""
        if not self.exit.done():
            self.exit.set_result(outcome)
            self.output.end()
            if self.stdin is not None:
                self.stdin.end(refusal)

    def end_with_vm(self, outcome: Exit) -> None:
        """The VM has ended, and with it this process if it still ran."""
        self.end(outcome, lambda _written: vm_stopped())


class Command(Process):
    """A process whose one reader waits for its end."""

    def __init__(self, pid: int, command: list[str], output: OutputQueue, stdin: InputPipe | None) -> None:
        super().__init__(pid, command, output, stdin)
        self.queue = output


class Spawned(Process):
    """A process that runs on by itself. It is listed, and remembered after its end."""

    def __init__(self, pid: int, command: list[str], output: FollowedOutput, stdin: InputPipe) -> None:
        super().__init__(pid, command, output, stdin)
        self.written = output
        self.input = stdin
        self._vm_stopped = False

    def info(self) -> ProcessInfo:
        """Its state now."""
        ended = self.exit.result() if self.exit.done() else None
        log = self.written.log
        return ProcessInfo(
            pid=self.pid,
            command=self.command,
            state="running" if ended is None else "exited",
            exit_code=ended.exit_code if ended else None,
            signal=ended.signal if ended else None,
            started_at=self.started_at,
            output=OutputInfo(bytes=log.end, kept_from=log.start),
        )

    def last_words(self) -> str:
        """The last lines it wrote to stderr, printable."""
        return last_lines(*self.written.log.tail("stderr", TAIL_BYTES))

    def end_with_vm(self, outcome: Exit) -> None:
        """As for any process, and those who follow its output are told."""
        self._vm_stopped = not self.exit.done()
        super().end_with_vm(outcome)

    async def read(self, offset: int, *, follow: bool) -> AsyncGenerator[OutputEvent, None]:
        """What it has written, then where that ends.

        Args:
            offset: where to begin.
            follow: go on with what it writes from now on, until it has ended; else stop at what is there now. What it
                left running may write on: that is there for whoever reads on.

        Raises:
            Unavailable: `vm_stopped`, when the VM ended while it was followed.
        """
        log = self.written.log
        there = log.end
        while True:
            end = self.written.end_offset
            stop = there if not follow else None if end is None else max(there, end)
            if stop is not None and offset >= stop:
                break
            pieces = log.read(offset, _READ_BYTES if stop is None else min(_READ_BYTES, stop - offset))
            for piece in pieces:
                yield piece
                offset = piece.next_offset
            if not pieces:
                await self.written.more()
        if follow and self._vm_stopped:
            raise vm_stopped()
        yield self._end_at(offset)

    def _end_at(self, offset: int) -> OutputEnd:
        """Where reading ends. Whoever has not read all that it wrote is not told its end yet."""
        end = self.written.end_offset
        if end is None or offset < end:
            return OutputEnd(offset, "running", None, None)
        outcome = self.exit.result()
        return OutputEnd(offset, "exited", outcome.exit_code, outcome.signal)
