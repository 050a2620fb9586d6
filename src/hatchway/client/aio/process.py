"""One process that was spawned in a VM."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx

from hatchway.client import output_stream, wire
from hatchway.client.aio.callers_body import Body, content
from hatchway.client.aio.concurrency import time_limit
from hatchway.client.aio.transport import read_answer
from hatchway.client.aio.vm_calls import VmActions, VmCalls, vm_path
from hatchway.client.parameters import check_timeout, output_query, process_path, signal_body
from hatchway.client.problems import unexpected_answer
from hatchway.client.process_answers import OutputChunk, ProcessInfo, ProcessOutput
from hatchway.errors import ConnectionFailed


class Process(VmActions):
    """A process that was spawned in a VM. Made by `spawn`, or by `process` for one that is there already.

    It outlives this object and its client.

    Raises:
        NotFound: `process_not_found`, by each of its methods.
    """

    def __init__(self, vm: VmCalls, pid: int, command: tuple[str, ...] = ()) -> None:
        super().__init__(vm)
        self.pid = pid
        """As the VM's own process tree numbers it."""
        self.command = command
        """The program and its arguments; empty for one that was found by its pid."""
        process_path(pid, "")  # raises for what can be none

    def __repr__(self) -> str:
        command = f", command={list(self.command)!r}" if self.command else ""
        return f"{type(self).__name__}(pid={self.pid}{command})"

    async def info(self) -> ProcessInfo:
        """Its state now, and how much it has written."""
        answer = await self._vm.call("GET", process_path(self.pid), wire.Process)
        return answer.public()

    async def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended.

        Args:
            timeout: seconds after which to stop waiting, by `ConnectionFailed` `timeout`; it runs on. None: never.

        Returns:
            Its exit code; 128 plus the signal's number if a signal ended it.
        """
        limit = check_timeout(timeout)
        try:
            async with time_limit(limit) as deadline:
                info = await self._vm.call(
                    "GET",
                    process_path(self.pid, "wait"),
                    wire.Process,
                    patient=True,
                    within=deadline.left(),
                )
        except TimeoutError:
            raise ConnectionFailed(
                "timeout", f"process {self.pid} did not end within {limit:g} s", "pass a longer timeout"
            ) from None
        return wire.shell_exit_code(info.exit_code, info.signal)

    async def output(self, offset: int = 0) -> AsyncGenerator[OutputChunk, None]:
        """What it writes, as it comes, until it has ended. A slow reader never holds it up.

        Args:
            offset: where to begin: how many bytes of stdout and stderr together to leave out.

        Returns:
            The pieces of both streams in the order in which they were read. Where output is kept no more, a piece
            without data says how much that was (`dropped_bytes`).

        Raises:
            ConnectionFailed: `connection_lost`: go on from the last piece's `offset` plus its length.
        """
        parser = output_stream.EventParser()
        end: output_stream.End | None = None
        async with self._output(offset, follow=True) as answer:
            async for data in answer.aiter_raw():
                for event in parser.feed(data):
                    if isinstance(event, output_stream.Failure):
                        raise event.error.error()
                    if isinstance(event, output_stream.End):
                        end = event
                    else:
                        yield event
        if end is None:
            raise _broken_off()

    async def read_output(self, offset: int = 0) -> ProcessOutput:
        """What it has written so far, as far as it is kept.

        Args:
            offset: where to begin: how many bytes of stdout and stderr together to leave out.
        """
        parser = output_stream.EventParser()
        chunks: list[OutputChunk] = []
        async with self._output(offset, follow=False) as answer:
            async for data in answer.aiter_raw():
                for event in parser.feed(data):
                    if isinstance(event, output_stream.Failure):
                        raise event.error.error()
                    if isinstance(event, output_stream.End):
                        return ProcessOutput(tuple(chunks), event.next_offset, event.state)
                    chunks.append(event)
        raise _broken_off()

    async def write_stdin(self, data: Body) -> None:
        """Write to its standard input. Returns when all of it is in the process's pipe: a process that does not read
        holds the writer up.

        Args:
            data: text (as UTF-8), bytes, or an asynchronous iterable of bytes, which is streamed.

        Raises:
            Conflict: `stdin_closed`, `process_ended`.
        """
        body = content(data)
        headers = [("Content-Type", "application/octet-stream")]

        async def post(vm: str) -> None:
            async with self._vm.transport.send(
                "POST", vm + process_path(self.pid, "stdin"), headers=headers, content=body, patient=True
            ) as answer:
                await read_answer(answer)

        await self._vm.on_vm(post, replayable=isinstance(body, bytes))

    async def close_stdin(self) -> None:
        """End its standard input. May be called again."""
        await self._vm.do("POST", process_path(self.pid, "stdin/close"))

    async def stop(self) -> None:
        """Ask it and its children to end (SIGTERM)."""
        await self._vm.do("POST", process_path(self.pid, "stop"))

    async def kill(self) -> None:
        """End it and its children at once (SIGKILL)."""
        await self._vm.do("POST", process_path(self.pid, "kill"))

    async def signal(self, signal: str | int) -> None:
        """Send it and its children a signal.

        Args:
            signal: its name, with or without SIG, or its number.

        Raises:
            InvalidRequest: `invalid_signal`.
        """
        await self._vm.do("POST", process_path(self.pid, "signal"), body=signal_body(signal))

    @asynccontextmanager
    async def _output(self, offset: int, *, follow: bool) -> AsyncIterator[httpx.Response]:
        path = f"{process_path(self.pid, 'output')}?{output_query(offset, follow=follow)}"
        vm = await self._vm.id.get()
        async with self._vm.transport.send(
            "GET", vm_path(vm) + path, headers=[("Accept", "application/x-ndjson")], patient=follow
        ) as answer:
            if answer.status_code != 200:
                await read_answer(answer)
                raise unexpected_answer(answer.status_code)
            yield answer


def _broken_off() -> ConnectionFailed:
    return ConnectionFailed(
        "connection_lost", "the connection broke off before the output's end", "read on by offset"
    )
