from __future__ import annotations

import asyncio
import base64
import json

import pytest

from cli.conftest import Run
from client.stub_server import VM_ID, Received, StubServer, answer, refusal
from hatchway.cli.streams import CHUNK_BYTES

EXEC = ("POST", f"/api/vms/{VM_ID}/exec")
STDIN = ("POST", f"/api/vms/{VM_ID}/processes/7/stdin")
CLOSE = ("POST", f"/api/vms/{VM_ID}/processes/7/stdin/close")
DONE = answer({"written": 1})


def ndjson(*outputs: tuple[str, bytes], **end: object) -> bytes:
    lines: list[dict[str, object]] = [
        {"stream": stream, "data": base64.b64encode(data).decode()} for stream, data in outputs
    ]
    lines.append({"exit_code": 0, "signal": None, "timed_out": False} | end)
    return answer(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


async def test_output_goes_where_the_command_wrote_it(run: Run, server: StubServer) -> None:
    server.on(*EXEC, ndjson(("stdout", b"out\xff"), ("stderr", b"err\n"), ("stdout", b"\x00more")))
    ran = await run("exec", "key", "--", "ls", "-l")
    assert (ran.code, ran.out, ran.err) == (0, b"out\xff\x00more", "err\n")
    assert server.received[-1].json() == {"command": ["ls", "-l"]}


@pytest.mark.parametrize(
    ("end", "code"),
    [({"exit_code": 7}, 7), ({"exit_code": None, "signal": 15}, 143), ({"exit_code": 255}, 255)],
)
async def test_it_exits_as_the_command_did(
    run: Run, server: StubServer, end: dict[str, object], code: int
) -> None:
    server.on(*EXEC, ndjson(**end))
    ran = await run("exec", "key", "--", "x")
    assert (ran.code, ran.out, ran.err) == (code, b"", "")


async def test_options(run: Run, server: StubServer) -> None:
    server.on(*EXEC, ndjson(exit_code=None, signal=9, timed_out=True))
    ran = await run(
        *("exec", "-e", "A=b=c", "--env", "D=", "--cwd", "/tmp", "--timeout", "2", "--kind", "builder"),
        *("team/my\\/agent", "--", "cat"),
    )
    assert ran.code == 137
    assert ran.err == "killed after 2 s\n"
    assert server.received[0].json() == {"name": "builder", "key": ["team", "my/agent"]}
    assert server.received[-1].json() == {
        "command": ["cat"],
        "env": {"A": "b=c", "D": ""},
        "cwd": "/tmp",
        "timeout": 2.0,
    }


@pytest.mark.parametrize("variable", ["A", "=b", ""])
async def test_what_is_no_variable(run: Run, server: StubServer, variable: str) -> None:
    ran = await run("exec", "-e", variable, "key", "--", "ls")
    assert ran.code == 2
    assert "NAME=VALUE" in ran.err
    assert server.received == []


async def test_a_command_that_is_not_there(run: Run, server: StubServer) -> None:
    server.on(*EXEC, refusal("404 Not Found", "command_not_found"))
    ran = await run("exec", "key", "--", "nonsense")
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err.startswith("error: about command_not_found\n hint: ")


async def test_a_line_for_a_shell_is_told_how_it_is_run(run: Run, server: StubServer) -> None:
    server.on(*EXEC, refusal("404 Not Found", "command_not_found"))
    ran = await run("exec", "key", "--", "ls -l | wc")
    assert ran.err.endswith(" hint: a line for a shell is run by: hatchway exec key -- sh -c 'ls -l | wc'\n")


async def test_a_bad_key(run: Run, server: StubServer) -> None:
    ran = await run("exec", "x" * 129, "--", "ls")
    assert ran.code == 1
    assert "128 bytes" in ran.err


class Conversation:
    """A command that runs until its standard input has been closed."""

    def __init__(self, server: StubServer, said: bytes = DONE) -> None:
        self._server = server
        self._closed = asyncio.Event()
        self._said = said
        server.on(*EXEC, self._run)
        server.on(*STDIN, self._write)
        server.on(*CLOSE, self._close)

    @property
    def given(self) -> bytes:
        return b"".join(request.body for request in self._server.to(*STDIN))

    async def _run(self, request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b'{"pid": 7}\n')
        await writer.drain()
        await self._closed.wait()
        writer.write(b'{"exit_code": 3, "signal": null, "timed_out": false}\n')
        writer.close()

    async def _write(self, request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(self._said)
        if self._said is not DONE:
            self._closed.set()

    async def _close(self, request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(None, "204 No Content"))
        self._closed.set()


async def test_input_is_passed_on_in_pieces_and_ended(run: Run, server: StubServer) -> None:
    conversation = Conversation(server)
    content = bytes(range(256)) * 1000
    ran = await run("exec", "my-agent", "-i", "--", "cat", stdin=content)
    assert (ran.code, ran.out, ran.err) == (3, b"", "")
    assert conversation.given == content
    assert len(server.to(*STDIN)) == -(-len(content) // CHUNK_BYTES)
    assert len(server.to(*CLOSE)) == 1
    assert server.to(*EXEC)[0].json() == {"command": ["cat"], "stdin_open": True}


async def test_an_empty_input_is_ended_at_once(run: Run, server: StubServer) -> None:
    Conversation(server)
    assert (await run("exec", "my-agent", "-i", "--", "cat")).code == 3
    assert server.to(*STDIN) == []


@pytest.mark.parametrize("code", ["stdin_closed", "process_ended", "process_not_found"])
async def test_a_command_that_reads_no_more_is_no_error(run: Run, server: StubServer, code: str) -> None:
    Conversation(server, refusal("409 Conflict", code))
    ran = await run("exec", "my-agent", "-i", "--", "head", stdin=bytes(CHUNK_BYTES * 3))
    assert (ran.code, ran.out, ran.err) == (3, b"", "")
    assert len(server.to(*STDIN)) == 1


async def test_input_that_cannot_be_passed_on_ends_the_command(run: Run, server: StubServer) -> None:
    left = asyncio.Event()

    async def until_left(request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b'{"pid": 7}\n')
        await writer.drain()
        while not writer.is_closing():
            writer.write(b"\n")
            await asyncio.sleep(0.01)
        left.set()

    server.on(*EXEC, until_left)
    server.on(*STDIN, refusal("502 Bad Gateway", "vm_stopped"))
    ran = await run("exec", "my-agent", "-i", "--", "cat", stdin=b"x")
    assert (ran.code, ran.out, ran.err) == (1, b"", "error: about vm_stopped\n hint: a hint\n")
    await asyncio.wait_for(left.wait(), 10)
