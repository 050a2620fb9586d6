# Written by tools/generate-sync-client from tests/typing/aio/accepted.py.
"""What a type checker must accept, and the types it must see. Checked, never run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

import httpx
from websockets.typing import Data

from hatchway import Client, FetchResponse, HatchwayError, Preview, SyncAgent
from hatchway.client import ExecResult, PreviewInfo, ProcessInfo, SyncVmKind, VmInfo


def stream() -> Iterator[bytes]:
    yield b"piece"


def clients() -> None:
    with Client("http://localhost:6420", token="t", timeout=None) as client:
        assert_type(client, Client)
        assert_type(client.vm, SyncVmKind)
        assert_type(client.kind("vm"), SyncVmKind)
        assert_type(client.vm.get_or_create(["a", "b"]), SyncAgent)
        assert_type(client.vm.get_or_create("a"), SyncAgent)
        assert_type(client.list_vms(), list[VmInfo])
        assert_type(client.vm.get("a"), SyncAgent)


def files(agent: SyncAgent) -> None:
    agent.write_file("a", "text", mode=0o755)
    agent.write_file(b"\xff", memoryview(b"x"))
    agent.write_file("a", stream())
    assert_type(agent.read_file("a"), bytes)
    assert_type(agent.exists("a"), bool)


def processes(agent: SyncAgent) -> None:
    result = agent.exec(["ls", "-l"], env={"A": "b"}, cwd="/", stdin=b"x", timeout=1)
    assert_type(result, ExecResult)
    assert_type(result.stdout, str)
    assert_type(result.stdout_bytes, bytes)
    assert_type(result.signal, int | None)
    agent.exec("ls | wc", on_stdout=print)
    assert_type((agent.spawn("node", ("x.js",), env={"A": "b"})).pid, int)
    assert_type(agent.wait_process(1), int)
    assert_type(agent.list_processes(), list[ProcessInfo])


def services(agent: SyncAgent) -> None:
    response = agent.vm_fetch(3000, method="POST", headers=[("a", "b")], body=stream(), timeout=1.5)
    assert_type(response, FetchResponse)
    assert_type(response.headers, httpx.Headers)
    with agent.http(3000, follow_redirects=True) as http:
        assert_type(http, httpx.Client)
        assert_type(http.get("/"), httpx.Response)
    with agent.websocket(3000, "/x", subprotocols=["a"]) as socket:
        assert_type(socket.recv(), Data)
    socket = agent.websocket(3000)
    socket.close()


def previews(agent: SyncAgent) -> None:
    preview = agent.create_signed_preview_url(3000, 60, cors="app", forward_host=True, label="x")
    assert_type(preview, Preview)
    assert_type(preview.url, str)
    assert_type(agent.list_previews(), list[PreviewInfo])
    assert_type(agent.expire_signed_preview_url(preview.token), bool)
    assert_type(agent.expire_preview(preview.id), bool)
    assert_type(agent.expire_all_previews(), int)


def errors(error: HatchwayError) -> None:
    assert_type(error.code, str)
    assert_type(error.message, str)
    assert_type(error.hint, str)
    assert_type(error.retry_after, int | None)
