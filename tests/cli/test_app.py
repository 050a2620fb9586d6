from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from cli.conftest import Run
from client.stub_server import StubServer, refusal
from hatchway import __version__


async def test_version(run: Run) -> None:
    ran = await run("--version")
    assert (ran.code, ran.out) == (0, f"hatchway {__version__}\n".encode())


async def test_help_names_every_command(run: Run) -> None:
    ran = await run("--help")
    assert ran.code == 0
    for command in (b"serve", b"demo", b"doctor", b"exec", b"vm", b"preview"):
        assert command in ran.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["exec"],
        ["preview", "create", "key"],
        ["preview", "create", "key", "http"],
        ["serve", "--port", "x"],
    ],
)
async def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    ran = await run(*arguments)
    assert ran.code == 2
    assert ran.out == b""
    assert "Traceback" not in ran.err


async def test_no_server(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        ran = await run("exec", "--url", url, "key", "--", "ls")
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err == f"error: no Hatchway server answers at {url}\n hint: start one with: hatchway serve\n"


async def test_a_refusal_is_a_cause_and_a_hint(run: Run, server: StubServer) -> None:
    server.on("POST", "/api/vms", refusal("401 Unauthorized", "unauthorized", "set [bold]HATCHWAY_TOKEN"))
    ran = await run("exec", "key", "--", "ls")
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err == "error: about unauthorized\n hint: set [bold]HATCHWAY_TOKEN\n"


async def test_what_nobody_foresaw_is_no_traceback(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_server.py").write_text(
        "def __getattr__(name):\n    raise RuntimeError('/a/host/path')\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    ran = await run("serve", "odd_server:registry")
    assert (ran.code, ran.out) == (1, b"")
    assert "error: something went wrong inside Hatchway (RuntimeError)" in ran.err
    assert "Traceback" not in ran.err
    assert "/a/host/path" not in ran.err


async def test_colour_only_where_it_is_wanted(
    run: Run, server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("POST", "/api/vms", refusal("401 Unauthorized", "unauthorized"))
    assert "\x1b" not in (await run("exec", "key", "--", "ls")).err
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "31merror" in (await run("exec", "key", "--", "ls")).err
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31m" not in (await run("exec", "key", "--", "ls")).err
