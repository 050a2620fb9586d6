"""One process that was spawned in a VM."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx

from hatchway.client import output_stream, wire
from hatchway.client.aio.callers_body import Body, Content, content
from hatchway.client.aio.concurrency import time_limit
from hatchway.client.aio.transport import check_ok, json_body, read_answer
from hatchway.client.aio.vm_calls import VmActions, VmCalls, vm_of, vm_path
from hatchway.client.parameters import check_timeout, output_query, process_path, signal_body
from hatchway.client.process_answers import OutputChunk, ProcessInfo, ProcessOutput
from hatchway.errors import ConnectionFailed, NotFound

T = TypeVar("T")
Headers = Iterable[tuple[str, str]]


class Process(VmActions):
    """A process that was spawned in a VM. Made by `spawn`, or by `process` for one that is there already.

    It outlives this object and its client. It ends with its VM: in one that has been made anew under the same key, its
    pid may be another's, so none of its methods goes there.

    Args:
        vm: the VM.
        pid: of the process.
        command: the program and its arguments.
        place: the path in the control API of the VM that it was started in; None: that which the key finds.

    Raises:
        NotFound: `process_not_found`, or `vm_not_found` if its VM is gone, by each of its methods.
    """

    def __init__(
        self, vm: VmCalls, pid: int, command: tuple[str, ...] = (), *, place: str | None = None
    ) -> None:
        super().__init__(vm)
        self._place = place
        self.pid = pid
        """As the VM's own process tree numbers it."""
        self.command = command
        """The program and its arguments; empty for one that was found by its pid."""
        process_path(pid, "")  # raises for what can be none

    def __repr__(self) -> str:
        command = f", command={list(self.command)!r}" if self.command else ""
        return f"{type(self).__name__}(pid={self.pid}{command})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Process) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    async def info(self) -> ProcessInfo:
        """Its state now, and how much it has written."""
        answer = await self._call("GET", "", wire.Process)
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
                info = await self._call("GET", "wait", wire.Process, patient=True, within=deadline.left())
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

        Each write is whole, and follows the one before it, whoever makes them. A write that is cancelled stops where it
        is: what is in the pipe by then stays there.

        Args:
            data: text (as UTF-8), bytes, or an asynchronous iterable of bytes, which is streamed.

        Raises:
            Conflict: `stdin_closed`, `process_ended`; `details` has how many bytes were written until then (`written`).
        """
        headers = [("Content-Type", "application/octet-stream")]
        await self._do("stdin", headers=headers, body=content(data), patient=True)

    async def close_stdin(self) -> None:
        """End its standard input, behind what is being written to it. May be called again."""
        await self._do("stdin/close")

    async def stop(self) -> None:
        """Ask it and its children to end (SIGTERM)."""
        await self._do("stop")

    async def kill(self) -> None:
        """End it and its children at once (SIGKILL)."""
        await self._do("kill")

    async def signal(self, signal: str | int) -> None:
        """Send it and its children a signal.

        Args:
            signal: its name, with or without SIG, or its number.

        Raises:
            InvalidRequest: `invalid_signal`.
        """
        headers, body = json_body(signal_body(signal))
        await self._do("signal", headers=headers, body=body)

    def _identity(self) -> tuple[object, ...]:
        return (self._vm.transport.url, self._vm.kind, self._vm.key, self.pid)

    async def _call(
        self, method: str, action: str, answer: type[T], *, patient: bool = False, within: float | None = None
    ) -> T:
        place = await self._its_vm()
        try:
            return await self._vm.transport.call(
                method, place + process_path(self.pid, action), answer, patient=patient, within=within
            )
        except NotFound as error:
            self._look_at(error, place)
            raise

    async def _do(
        self, action: str, *, headers: Headers = (), body: Content | None = None, patient: bool = False
    ) -> None:
        path = process_path(self.pid, action)
        async with self._send("POST", path, headers, body, patient=patient) as answer:
            await read_answer(answer)

    @asynccontextmanager
    async def _output(self, offset: int, *, follow: bool) -> AsyncIterator[httpx.Response]:
        path = f"{process_path(self.pid, 'output')}?{output_query(offset, follow=follow)}"
        headers = [("Accept", "application/x-ndjson")]
        async with self._send("GET", path, headers, patient=follow) as answer:
            await check_ok(answer)
            yield answer

    @asynccontextmanager
    async def _send(
        self, method: str, path: str, headers: Headers, body: Content | None = None, *, patient: bool
    ) -> AsyncIterator[httpx.Response]:
        place = await self._its_vm()
        try:
            async with self._vm.transport.send(
                method, place + path, headers=headers, content=body, patient=patient
            ) as answer:
                yield answer
        except NotFound as error:
            self._look_at(error, place)
            raise

    async def _its_vm(self) -> str:
        return self._place or vm_path(await self._vm.id.get())

    def _look_at(self, error: NotFound, place: str) -> None:
        if error.code == "vm_not_found":
            self._vm.id.forget(vm_of(place))  # the agent's next action looks for its VM again


def _broken_off() -> ConnectionFailed:
    return ConnectionFailed(
        "connection_lost", "the connection broke off before the output's end", "read on by offset"
    )
