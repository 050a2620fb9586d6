from __future__ import annotations

import base64
import json

import pytest

from cli.conftest import Run
from client.stub_server import VM_ID, StubServer, answer, refusal

EXEC = ("POST", f"/api/vms/{VM_ID}/exec")


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
        *("exec", "-e", "A=b=c", "--env", "D=", "--cwd", "/tmp", "-i", "--timeout", "2", "--kind", "builder"),
        *("team/my\\/agent", "--", "cat"),
        stdin=b"in\xff",
    )
    assert ran.code == 137
    assert ran.err == "killed after 2 s\n"
    assert server.received[0].json() == {"name": "builder", "key": ["team", "my/agent"]}
    assert server.received[-1].json() == {
        "command": ["cat"],
        "env": {"A": "b=c", "D": ""},
        "cwd": "/tmp",
        "stdin_base64": base64.b64encode(b"in\xff").decode(),
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


async def test_a_bad_key(run: Run, server: StubServer) -> None:
    ran = await run("exec", "x" * 129, "--", "ls")
    assert ran.code == 1
    assert "128 bytes" in ran.err
