"""`spawn`, `output` and `kill`: what they ask and what they print."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.conftest import Run
from client.stub_server import VM, StubServer, answer, ndjson, refusal
from hatchway.cli.kill import parse_signal

OUTPUT = ("GET", f"{VM}/processes/7/output")


def kept(stream: str, offset: int, data: bytes) -> dict[str, object]:
    return {"stream": stream, "offset": offset, "data": base64.b64encode(data).decode()}


async def test_spawn_prints_the_pid(run: Run, server: StubServer) -> None:
    server.on("POST", f"{VM}/processes", answer({"pid": 7}, "201 Created"))
    ran = await run("spawn", "my-agent", "-e", "A=b", "--cwd", "/tmp", "--", "sleep", "-x")
    assert (ran.code, ran.out, ran.err) == (0, b"7\n", "")
    assert server.received[-1].json() == {
        "command": "sleep",
        "args": ["-x"],
        "env": {"A": "b"},
        "cwd": "/tmp",
    }


@pytest.mark.parametrize("flags", [[], ["--follow"]])
async def test_output_goes_where_it_was_written(run: Run, server: StubServer, flags: list[str]) -> None:
    lines = [
        {"dropped_bytes": 12345, "offset": 12345},
        kept("stdout", 12345, b"out\xff"),
        kept("stderr", 12349, b"err\n"),
        {"next_offset": 12353, "state": "exited", "exit_code": 3, "signal": None},
    ]
    server.on(*OUTPUT, ndjson(*lines))
    ran = await run("output", "my-agent", "7", "--offset", "3", *flags)
    assert (ran.code, ran.out, ran.err) == (0, b"out\xff", "(12,345 bytes were dropped here)\nerr\n")
    assert server.received[-1].target.partition("?")[2] == f"offset=3&follow={'true' if flags else 'false'}"


async def test_output_that_breaks_off_is_an_error(run: Run, server: StubServer) -> None:
    server.on(*OUTPUT, ndjson(kept("stdout", 0, b"out")))
    ran = await run("output", "my-agent", "7", "-f")
    assert (ran.code, ran.out) == (1, b"out")
    assert ran.err.startswith("error: the connection broke off")


async def test_kill_asks_for_each(run: Run, server: StubServer) -> None:
    server.on("POST", f"{VM}/processes/7/signal", answer(None, "204 No Content"))
    server.on("POST", f"{VM}/processes/8/signal", refusal("404 Not Found", "process_not_found"))
    ran = await run("kill", "my-agent", "8", "7", "--signal", "hup")
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err.startswith("error: process 8: about process_not_found\n hint: hatchway ps")
    assert server.to("POST", f"{VM}/processes/7/signal")[0].json() == {"signal": "hup"}
    assert (await run("kill", "my-agent", "7")).code == 0
    assert server.received[-1].json() == {"signal": "TERM"}


@pytest.mark.parametrize(
    ("text", "signal"),
    [("9", 9), ("009", 9), ("KILL", "KILL"), ("sigkill", "sigkill"), ("²", "²"), ("-9", "-9"), ("", "")],
)
def test_signals_as_people_write_them(text: str, signal: str | int) -> None:
    assert parse_signal(text) == signal


@given(st.integers(0, 2**40))
def test_a_number_is_itself(number: int) -> None:
    assert parse_signal(str(number)) == number


@pytest.mark.parametrize(
    "arguments",
    [
        ["spawn", "my-agent"],
        ["output", "my-agent"],
        ["output", "my-agent", "0"],
        ["output", "my-agent", "x"],
        ["output", "my-agent", "7", "--offset", "-1"],
        ["kill", "my-agent"],
        ["kill", "my-agent", "0"],
    ],
)
async def test_wrong_usage(run: Run, server: StubServer, arguments: list[str]) -> None:
    ran = await run(*arguments)
    assert (ran.code, ran.out) == (2, b"")
    assert server.received == []


@pytest.mark.parametrize("verb", ["exec", "spawn"])
async def test_an_option_of_the_command_goes_behind_dashes(run: Run, server: StubServer, verb: str) -> None:
    ran = await run(verb, "my-agent", "ls", "-l")
    assert ran.code == 2
    assert "No such option: -l. What belongs to the command in the VM goes behind --" in " ".join(
        ran.err.replace("│", "").split()
    )
    ran = await run(verb, "my-agent", "-Q", "--", "ls", "-l")
    assert "goes behind" not in ran.err
    assert server.received == []
