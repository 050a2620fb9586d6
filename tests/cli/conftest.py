from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from client.stub_server import VM_ID, StubServer, answer
from hatchway.cli import main


@dataclass
class Ran:
    """What a command line did."""

    code: int
    out: bytes
    err: str


Run = Callable[..., Awaitable[Ran]]


class Typed(io.TextIOWrapper):
    """Standard input of a person at a terminal."""

    def isatty(self) -> bool:
        return True


def vm_entry(*key: str, kind: str = "vm", state: str = "running") -> dict[str, object]:
    """A VM as the control API lists it."""
    return {
        "id": VM_ID,
        "name": kind,
        "key": list(key),
        "state": state,
        "created_at": "2030-01-02T03:04:05Z",
    }


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StubServer]:
    stub = StubServer()
    stub.on("GET", "/api/vms", answer({"vms": [vm_entry("my-agent")]}))
    await stub.start()
    monkeypatch.setenv("HATCHWAY_URL", stub.url)
    yield stub
    await stub.stop()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs a command line in a thread, so that a server in the test's own loop can answer it."""
    for name in ("HATCHWAY_TOKEN", "HATCHWAY_DEBUG", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def blocking(arguments: tuple[str, ...]) -> int:
        try:
            main(arguments)
        except SystemExit as leaving:
            return leaving.code if isinstance(leaving.code, int) else 0
        raise AssertionError("the command line always exits")

    async def runner(*arguments: str, stdin: bytes = b"", typed: str | None = None) -> Ran:
        with tempfile.TemporaryFile() as file:
            file.write(stdin if typed is None else typed.encode())
            file.seek(0)
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file) if typed is None else Typed(file))
            code = await asyncio.to_thread(blocking, arguments)
        captured = capsysbinary.readouterr()
        return Ran(code, captured.out, captured.err.decode())

    return runner
