"""What a type checker must accept, and the types it must see. Checked, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import assert_type

import httpx
from websockets.typing import Data

from hatchway import Agent, AsyncClient, FetchResponse, HatchwayError, Preview, create_client
from hatchway.client import ExecResult, PreviewInfo, ProcessInfo, VmInfo, VmKind


async def stream() -> AsyncIterator[bytes]:
    yield b"piece"


async def clients() -> None:
    async with create_client("http://localhost:6420", token="t", timeout=None) as client:
        assert_type(client, AsyncClient)
        assert_type(client.vm, VmKind)
        assert_type(client.kind("vm"), VmKind)
        assert_type(client.vm.get_or_create(["a", "b"]), Agent)
        assert_type(client.vm.get_or_create("a"), Agent)
        assert_type(await client.list_vms(), list[VmInfo])
        assert_type(await client.vm.get("a"), Agent)


async def files(agent: Agent) -> None:
    await agent.write_file("a", "text", mode=0o755)
    await agent.write_file(b"\xff", memoryview(b"x"))
    await agent.write_file("a", stream())
    assert_type(await agent.read_file("a"), bytes)
    assert_type(await agent.exists("a"), bool)


async def processes(agent: Agent) -> None:
    result = await agent.exec(["ls", "-l"], env={"A": "b"}, cwd="/", stdin=b"x", timeout=1)
    assert_type(result, ExecResult)
    assert_type(result.stdout, str)
    assert_type(result.stdout_bytes, bytes)
    assert_type(result.signal, int | None)
    await agent.exec("ls | wc", on_stdout=print)
    assert_type((await agent.spawn("node", ("x.js",), env={"A": "b"})).pid, int)
    assert_type(await agent.wait_process(1), int)
    assert_type(await agent.list_processes(), list[ProcessInfo])


async def services(agent: Agent) -> None:
    response = await agent.vm_fetch(3000, method="POST", headers=[("a", "b")], body=stream(), timeout=1.5)
    assert_type(response, FetchResponse)
    assert_type(response.headers, httpx.Headers)
    async with agent.http(3000, follow_redirects=True) as http:
        assert_type(http, httpx.AsyncClient)
        assert_type(await http.get("/"), httpx.Response)
    async with agent.websocket(3000, "/x", subprotocols=["a"]) as socket:
        assert_type(await socket.recv(), Data)
    socket = await agent.websocket(3000)
    await socket.close()


async def previews(agent: Agent) -> None:
    preview = await agent.create_signed_preview_url(3000, 60, cors="app", forward_host=True, label="x")
    assert_type(preview, Preview)
    assert_type(preview.url, str)
    assert_type(await agent.list_previews(), list[PreviewInfo])
    assert_type(await agent.expire_signed_preview_url(preview.token), bool)
    assert_type(await agent.expire_preview(preview.id), bool)
    assert_type(await agent.expire_all_previews(), int)


def errors(error: HatchwayError) -> None:
    assert_type(error.code, str)
    assert_type(error.message, str)
    assert_type(error.hint, str)
    assert_type(error.retry_after, int | None)
