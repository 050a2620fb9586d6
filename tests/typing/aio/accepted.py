"""What a type checker must accept, and the types it must see. Checked, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import assert_type

import httpx
from websockets.typing import Data

from hatchway import Agent, AsyncClient, FetchResponse, HatchwayError, Preview, create_client
from hatchway.client import (
    CronJob,
    CronRun,
    DirEntry,
    ExecResult,
    FileRead,
    FileStat,
    FileWritten,
    OutputChunk,
    PreviewInfo,
    Process,
    ProcessInfo,
    ProcessNode,
    ProcessOutput,
    SystemProcess,
    Transferred,
    VmInfo,
    VmKind,
)


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
    assert_type(await agent.stat(b"a", follow=False), FileStat)
    assert_type(await agent.readdir("a"), list[str])
    assert_type(await agent.readdir_recursive("a", max_depth=2, exclude=["x", b"y"]), list[DirEntry])
    assert_type(await agent.write_files({"a": "text", "b": b"bytes"}), list[FileWritten])
    assert_type((await agent.read_files(["a", b"b"]))[0], FileRead)
    await agent.mkdir("a", recursive=True, mode=0o700)
    await agent.move("a", b"b")
    await agent.delete_file("a", recursive=True)
    async for piece in agent.stream_file("a"):
        assert_type(piece, bytes)
    assert_type(await agent.upload(Path("a"), "b", progress=print), Transferred)
    assert_type((await agent.download("a", "b")).bytes, int)


async def processes(agent: Agent) -> None:
    result = await agent.exec(["ls", "-l"], env={"A": "b"}, cwd="/", stdin=b"x", timeout=1)
    assert_type(result, ExecResult)
    assert_type(result.stdout, str)
    assert_type(result.stdout_bytes, bytes)
    assert_type(result.signal, int | None)
    await agent.exec("ls | wc", on_stdout=print)
    process = await agent.spawn("node", ("x.js",), env={"A": "b"}, stdin="text")
    assert_type(process, Process)
    assert_type(process.pid, int)
    async for chunk in process.output(5):
        assert_type(chunk, OutputChunk)
        assert_type(chunk.text, str)
    assert_type(await process.read_output(), ProcessOutput)
    assert_type(await process.wait(timeout=1.5), int)
    await process.write_stdin(stream())
    await process.signal("SIGHUP")
    assert_type(agent.process(1), Process)
    assert_type(await agent.wait_process(1), int)
    assert_type(await agent.list_processes(), list[ProcessInfo])
    assert_type(await agent.all_processes(), list[SystemProcess])
    assert_type((await agent.process_tree())[0].children, tuple[ProcessNode, ...])


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


async def cron(agent: Agent) -> None:
    job = await agent.schedule_cron(
        "@daily", ["a", "b"], id="x", overlap="queue", time_zone="UTC", timeout=1.5
    )
    assert_type(job, CronJob)
    assert_type(job.next_run_at, datetime | None)
    assert_type(job.last_run, CronRun | None)
    assert_type(await agent.list_cron_jobs(), list[CronJob])
    assert_type(await agent.cancel_cron_job(job.id), bool)


def errors(error: HatchwayError) -> None:
    assert_type(error.code, str)
    assert_type(error.message, str)
    assert_type(error.hint, str)
    assert_type(error.retry_after, int | None)
