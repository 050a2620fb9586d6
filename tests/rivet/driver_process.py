"""The process of `driver.mjs`: questions go to it as lines of JSON, and answers and what it tells come back as such."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Self

from rivet.npm_client import node_command
from rivet.values import from_json, to_json

DRIVER = Path(__file__).with_name("driver.mjs")

_END_SECONDS = 5.0
_LINE_BYTES = 256 * 1024 * 1024


class ClientError(Exception):
    """The client rejected a promise, or told of an error.

    Attributes:
        name: of its class in JavaScript.
        group: its group, if it has one.
        code: its code, if it has one.
        message: its message.
        metadata: what was sent with it; `UNDEFINED` if there is none.
    """

    def __init__(self, name: str, group: str | None, code: str | None, message: str, metadata: Any) -> None:
        super().__init__(f"{name}: {group}.{code}: {message}")
        self.name, self.group, self.code = name, group, code
        self.message, self.metadata = message, metadata


class ClientEndedError(Exception):
    """The process has ended before it answered; the message has what it wrote to stderr."""


def error_of(said: Mapping[str, Any]) -> ClientError:
    """An error as the driver writes it."""
    return ClientError(
        said["name"], said["group"], said["code"], said["message"], from_json(said["metadata"])
    )


class DriverProcess:
    """The process. An asynchronous context manager, which ends it.

    Args:
        folder: with the installed packages.
        options: for `createClient`, and `kind`.
        seconds: how long each question may take.
        told: called with each line that is no answer.
    """

    def __init__(
        self,
        folder: Path,
        options: Mapping[str, str],
        seconds: float,
        told: Callable[[dict[str, Any]], None],
    ) -> None:
        self.seconds = seconds
        self._folder, self._options, self._told = folder, options, told
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._stderr = bytearray()

    @property
    def stderr(self) -> str:
        """What the process has written to stderr so far: what the client logs is there."""
        return self._stderr.decode(errors="replace")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(node_command(), "--input-type=module", "--eval", DRIVER.read_text()),
            cwd=self._folder,  # where its imports are found
            env={"PATH": os.environ.get("PATH", ""), "HATCHWAY_TEST_CLIENT": json.dumps(self._options)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
        )
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        self._stdin = stdin
        self._logs = asyncio.create_task(self._read_stderr(stderr))
        self._answers = asyncio.create_task(self._read_answers(stdout))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stdin.close()  # the driver ends with it
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._answers
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._answers

    async def ask(self, what: str, **given: object) -> Any:
        """Have the driver do something; what comes of it.

        Raises:
            ClientError: the client rejected it.
            ClientEndedError: the process ended.
            TimeoutError: there was no answer in time.
        """
        number = next(self._ids)
        line = json.dumps({"id": number, "what": what, "given": to_json(given)})
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            async with asyncio.timeout(self.seconds):
                if not self._answers.done():
                    try:
                        self._stdin.write(line.encode() + b"\n")
                        await self._stdin.drain()
                    except ConnectionError:
                        await self._answers
                if self._answers.done():
                    raise self._ended()
                return await future
        except TimeoutError:
            raise TimeoutError(f"{what} took more than {self.seconds:g} s; {self.stderr[-2000:]}") from None
        finally:
            del self._waiting[number]

    def _ended(self) -> ClientEndedError:
        return ClientEndedError(f"the Node.js process has ended; {self.stderr[-4000:]}")

    async def _read_answers(self, stdout: asyncio.StreamReader) -> None:
        while line := await stdout.readline():
            try:
                said = json.loads(line)
            except ValueError:
                self._stderr += line
            else:
                self._take(said)
        await self._logs
        await self._process.wait()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(self._ended())

    async def _read_stderr(self, stderr: asyncio.StreamReader) -> None:
        while piece := await stderr.read(65536):
            self._stderr += piece

    def _take(self, said: dict[str, Any]) -> None:
        if "id" not in said:
            self._told(said)
            return
        future = self._waiting.get(said["id"])
        if future is None or future.done():
            return
        if "error" in said:
            future.set_exception(error_of(said["error"]))
        else:
            future.set_result(from_json(said["value"]))
