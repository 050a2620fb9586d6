# Written by tools/generate-sync-client from tests/typing/aio/accepted.py.
"""What a type checker must accept, and the types it must see. Checked, never run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import assert_type

import httpx
from websockets.typing import Data

from hatchway import Client, FetchResponse, HatchwayError, Preview, SyncAgent
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
    ProcessInfo,
    ProcessNode,
    ProcessOutput,
    SyncProcess,
    SyncVmKind,
    SystemProcess,
    Transferred,
    VmInfo,
)


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
    assert_type(agent.stat(b"a", follow=False), FileStat)
    assert_type(agent.readdir("a"), list[str])
    assert_type(agent.readdir_recursive("a", max_depth=2, exclude=["x", b"y"]), list[DirEntry])
    assert_type(agent.write_files({"a": "text", "b": b"bytes"}), list[FileWritten])
    assert_type((agent.read_files(["a", b"b"]))[0], FileRead)
    agent.mkdir("a", recursive=True, mode=0o700)
    agent.move("a", b"b")
    agent.delete_file("a", recursive=True)
    for piece in agent.stream_file("a"):
        assert_type(piece, bytes)
    assert_type(agent.upload(Path("a"), "b", progress=print), Transferred)
    assert_type((agent.download("a", "b")).bytes, int)


def processes(agent: SyncAgent) -> None:
    result = agent.exec(["ls", "-l"], env={"A": "b"}, cwd="/", stdin=b"x", timeout=1)
    assert_type(result, ExecResult)
    assert_type(result.stdout, str)
    assert_type(result.stdout_bytes, bytes)
    assert_type(result.signal, int | None)
    agent.exec("ls | wc", on_stdout=print)
    process = agent.spawn("node", ("x.js",), env={"A": "b"}, stdin="text")
    assert_type(process, SyncProcess)
    assert_type(process.pid, int)
    for chunk in process.output(5):
        assert_type(chunk, OutputChunk)
        assert_type(chunk.text, str)
    assert_type(process.read_output(), ProcessOutput)
    assert_type(process.wait(timeout=1.5), int)
    process.write_stdin(stream())
    process.signal("SIGHUP")
    assert_type(agent.process(1), SyncProcess)
    assert_type(agent.wait_process(1), int)
    assert_type(agent.list_processes(), list[ProcessInfo])
    assert_type(agent.all_processes(), list[SystemProcess])
    assert_type((agent.process_tree())[0].children, tuple[ProcessNode, ...])


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


def cron(agent: SyncAgent) -> None:
    job = agent.schedule_cron("@daily", ["a", "b"], id="x", overlap="queue", time_zone="UTC", timeout=1.5)
    assert_type(job, CronJob)
    assert_type(job.next_run_at, datetime | None)
    assert_type(job.last_run, CronRun | None)
    assert_type(agent.list_cron_jobs(), list[CronJob])
    assert_type(agent.cancel_cron_job(job.id), bool)


def errors(error: HatchwayError) -> None:
    assert_type(error.code, str)
    assert_type(error.message, str)
    assert_type(error.hint, str)
    assert_type(error.retry_after, int | None)
