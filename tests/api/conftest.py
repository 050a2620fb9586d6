"""The API on an in-memory system. Every answer that a test gets is held against the OpenAPI document."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import jsonschema
import pytest
from starlette.applications import Starlette

from api.memory_cron import MemoryCron
from api.memory_disks import MemoryDisks
from api.memory_life import MemoryLife
from api.memory_shells import MemoryShells
from hatchway.api.app import create_app
from hatchway.api.targets import preview_not_found
from hatchway.errors import Conflict, HatchwayError, NotFound, Unavailable
from hatchway.options import PreviewOptions
from hatchway.preview.grant import CorsMode, validate_expiry
from hatchway.vm.key import Key
from hatchway.vm.records import (
    ExecRequest,
    Exit,
    FileEntry,
    FileInfo,
    ListingEnd,
    MintedPreview,
    Output,
    OutputEnd,
    OutputEvent,
    OutputInfo,
    PreviewInfo,
    ProcessEvent,
    ProcessInfo,
    SpawnRequest,
    SystemProcess,
    Unpacked,
    VmInfo,
)

BASE = "http://localhost"


class MemoryFile:
    def __init__(self, content: bytes, size: int) -> None:
        self.content, self.size = content, size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.content), 7):
            await asyncio.sleep(0)  # as a real file, it gives others their turn
            yield self.content[start : start + 7]


class MemoryServices(MemoryCron, MemoryDisks, MemoryLife, MemoryShells):
    """One kind of VM, `vm`. Commands play a script: events, and exceptions to raise."""

    version = "1.2.3"

    def __init__(self) -> None:
        super().__init__()
        self.vms: dict[tuple[str, Key], VmInfo] = {}
        self.files: dict[tuple[str, bytes], bytes] = {}
        self.modes: dict[tuple[str, bytes], int | None] = {}
        self.processes: dict[int, ProcessInfo] = {}
        self.system_processes: list[SystemProcess] = []
        self.signals: list[tuple[int, int]] = []
        self.stdin = b""
        self.closed_stdin: list[int] = []
        self.output_asked: list[tuple[int, int, bool]] = []
        self.output_script: list[OutputEvent | BaseException | asyncio.Event] = [
            OutputEnd(0, "running", None, None)
        ]
        self.previews: dict[str, tuple[str, PreviewInfo]] = {}
        """By token: the VM, and what is listed."""
        self.script: list[ProcessEvent | BaseException | asyncio.Event] = [Exit(0, None)]
        self.refusal: BaseException | None = None
        self.executed: list[ExecRequest] = []
        self.spawned: list[SpawnRequest] = []
        self.running, self.left = asyncio.Event(), asyncio.Event()
        self.exited = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.size_error = 0
        self.done: list[tuple[object, ...]] = []
        """What was asked for about files, with all its options."""
        self.listing: list[list[FileEntry] | ListingEnd | BaseException] = [ListingEnd(0, 0)]

    def _check(self, vm_id: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        if vm_id not in {info.id for info in self.vms.values()}:
            raise NotFound("vm_not_found", "there is no VM with this id")

    async def get_or_create_vm(self, name: str, key: Key) -> tuple[VmInfo, bool]:
        if self.refusal is not None:
            raise self.refusal
        if name != "vm":
            raise NotFound("unknown_vm_kind", "this server has no such kind of VM")
        if (name, key) in self.vms:
            return self.vms[name, key], False
        info = VmInfo(f"{len(self.vms):a>20}".replace("0", "z"), name, key, "running", 1_000_000.5)
        self.vms[name, key] = info
        return info, True

    async def list_vms(self, name: str | None = None, key: Key | None = None) -> list[VmInfo]:
        return [
            info
            for info in self.vms.values()
            if (name is None or info.name == name) and (key is None or info.key == key)
        ]

    async def get_vm(self, vm_id: str) -> VmInfo:
        self._check(vm_id)
        return next(info for info in self.vms.values() if info.id == vm_id)

    def put_vm(self, info: VmInfo) -> VmInfo:
        self.vms[info.name, info.key] = info
        return info

    async def destroy_vm(self, vm_id: str) -> None:
        self._check(vm_id)
        self.vms = {key: info for key, info in self.vms.items() if info.id != vm_id}

    async def write_file(
        self,
        vm_id: str,
        path: bytes,
        chunks: AsyncIterator[bytes],
        mode: int | None,
        *,
        parents: bool = False,
    ) -> int:
        self._check(vm_id)
        content = b"".join([chunk async for chunk in chunks])
        self.files[vm_id, path] = content
        self.modes[vm_id, path] = mode
        self.done.append(("write", path, parents))
        return len(content)

    @asynccontextmanager
    async def read_file(self, vm_id: str, path: bytes) -> AsyncIterator[MemoryFile]:
        self._check(vm_id)
        if (vm_id, path) not in self.files:
            raise NotFound("file_not_found", "there is no such file")
        content = self.files[vm_id, path]
        yield MemoryFile(content, len(content) + self.size_error)

    async def file_exists(self, vm_id: str, path: bytes) -> bool:
        self._check(vm_id)
        return (vm_id, path) in self.files

    async def file_info(self, vm_id: str, path: bytes, *, follow: bool) -> FileInfo:
        self._check(vm_id)
        if path.endswith(b"link"):
            return FileInfo("symlink", 3, 0o777, 0, 0, 1_000_000.5, b"a\xff")
        if (vm_id, path) not in self.files:
            raise NotFound("file_not_found", "there is no such file")
        self.done.append(("stat", path, follow))
        return FileInfo("file", len(self.files[vm_id, path]), 0o644, 1, 2, 1_000_000.5)

    async def make_directory(self, vm_id: str, path: bytes, *, recursive: bool, mode: int | None) -> None:
        self._check(vm_id)
        self.done.append(("mkdir", path, recursive, mode))

    async def move_file(self, vm_id: str, source: bytes, target: bytes) -> None:
        self._check(vm_id)
        self.done.append(("move", source, target))

    async def delete_file(self, vm_id: str, path: bytes, *, recursive: bool = False) -> None:
        self._check(vm_id)
        self.done.append(("delete", path, recursive))
        if self.files.pop((vm_id, path), None) is None:
            raise NotFound("file_not_found", "there is no such file")

    @asynccontextmanager
    async def list_folder(
        self, vm_id: str, path: bytes, max_depth: int | None, exclude: Sequence[bytes]
    ) -> AsyncIterator[AsyncIterator[list[FileEntry] | ListingEnd]]:
        self._check(vm_id)
        self.done.append(("list", path, max_depth, *exclude))
        try:
            yield self._play_list()
        finally:
            self.left.set()

    async def _play_list(self) -> AsyncIterator[list[FileEntry] | ListingEnd]:
        for step in self.listing:
            if isinstance(step, BaseException):
                raise step
            await asyncio.sleep(0)  # as a real VM, it gives others their turn
            yield step

    @asynccontextmanager
    async def archive(self, vm_id: str, path: bytes) -> AsyncIterator[AsyncIterator[bytes]]:
        self._check(vm_id)
        if (vm_id, path) not in self.files:
            raise NotFound("file_not_found", "there is no such file")
        yield self._pieces(self.files[vm_id, path])

    async def _pieces(self, content: bytes) -> AsyncIterator[bytes]:
        yield content
        if self.size_error:
            raise Unavailable("vm_failed", "the VM gave a wrong answer")

    async def unpack(self, vm_id: str, path: bytes, chunks: AsyncIterator[bytes]) -> Unpacked:
        self._check(vm_id)
        content = b"".join([chunk async for chunk in chunks])
        self.files[vm_id, path] = content
        return Unpacked(1, len(content), 2)

    @asynccontextmanager
    async def exec(self, vm_id: str, request: ExecRequest) -> AsyncIterator[AsyncIterator[ProcessEvent]]:
        self._check(vm_id)
        self.executed.append(request)
        try:
            yield self._play()
        finally:
            self.left.set()

    async def _play(self) -> AsyncIterator[ProcessEvent]:
        self.running.set()
        for step in self.script:
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, asyncio.Event):
                await step.wait()
            else:
                yield step

    async def spawn(self, vm_id: str, request: SpawnRequest) -> int:
        self._check(vm_id)
        self.spawned.append(request)
        pid = 2 + len(self.processes)
        command = [request.command, *request.args]
        self.processes[pid] = ProcessInfo(
            pid, command, "running", None, None, 1_000_001.25, OutputInfo(300, 100)
        )
        return pid

    async def list_processes(self, vm_id: str) -> list[ProcessInfo]:
        self._check(vm_id)
        return list(self.processes.values())

    async def all_processes(self, vm_id: str) -> list[SystemProcess]:
        self._check(vm_id)
        return self.system_processes

    async def get_process(self, vm_id: str, pid: int) -> ProcessInfo:
        self._check(vm_id)
        self._check_pid(pid)
        return self.processes[pid]

    async def write_process_stdin(self, vm_id: str, pid: int, chunks: AsyncIterator[bytes]) -> int:
        self._check(vm_id)
        self._check_pid(pid)
        self.running.set()
        try:
            async for chunk in chunks:
                await self.reads.wait()
                self.stdin += chunk
        finally:
            self.left.set()
        return len(self.stdin)

    async def close_process_stdin(self, vm_id: str, pid: int) -> None:
        self._check(vm_id)
        self._check_pid(pid)
        self.closed_stdin.append(pid)

    @asynccontextmanager
    async def process_output(
        self, vm_id: str, pid: int, offset: int, *, follow: bool
    ) -> AsyncIterator[AsyncIterator[OutputEvent]]:
        self._check(vm_id)
        self._check_pid(pid)
        self.output_asked.append((pid, offset, follow))
        try:
            yield self._play_output()
        finally:
            self.left.set()

    async def _play_output(self) -> AsyncIterator[OutputEvent]:
        self.running.set()
        for step in self.output_script:
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, asyncio.Event):
                await step.wait()
            else:
                yield step

    async def wait_process(self, vm_id: str, pid: int) -> ProcessInfo:
        self._check(vm_id)
        self._check_pid(pid)
        self.running.set()
        try:
            await self.exited.wait()
        finally:
            self.left.set()
        info = self.processes[pid]
        return ProcessInfo(pid, info.command, "exited", None, 15, info.started_at, info.output)

    async def signal_spawned(self, vm_id: str, pid: int, signal: int) -> None:
        self._check(vm_id)
        self._check_pid(pid)
        self.signals.append((pid, signal))
        self.exited.set()

    async def signal_process(self, vm_id: str, pid: int, signal: int) -> None:
        self._check(vm_id)
        if pid == 1:
            raise Conflict("not_permitted", "PID 1 is the VM itself")
        if pid not in {each.pid for each in self.system_processes}:
            self._check_pid(pid)
        self.signals.append((pid, signal))

    def _check_pid(self, pid: int) -> None:
        if pid not in self.processes:
            raise NotFound("process_not_found", "there is no such process")

    async def create_preview(
        self,
        vm_id: str,
        port: int,
        expires_in_seconds: object,
        *,
        forward_host: bool = False,
        cors: CorsMode = "open",
        label: str = "",
        wake: bool = True,
    ) -> MintedPreview:
        self._check(vm_id)
        seconds = validate_expiry(expires_in_seconds, PreviewOptions())
        number = len(self.previews)
        token, ends = f"{number:0>32}", 2_000_000.0 + seconds
        info = PreviewInfo(f"{number:0>20}", port, 2_000_000.0, ends, forward_host, cors, label, wake)
        self.previews[token] = vm_id, info
        url = f"http://{token}.localhost:6420/"
        return MintedPreview(
            info.id, token, f"/fetch/{token}", port, ends, url, forward_host, cors, label, wake
        )

    async def list_previews(self, vm_id: str) -> list[PreviewInfo]:
        self._check(vm_id)
        return [info for vm, info in self.previews.values() if vm == vm_id]

    async def renew_preview(self, vm_id: str, preview_id: str, expires_in_seconds: object) -> PreviewInfo:
        self._check(vm_id)
        seconds = validate_expiry(expires_in_seconds, PreviewOptions())
        token = self._token(vm_id, preview_id)
        info = replace(self.previews[token][1], expires_at=3_000_000.0 + seconds)
        self.previews[token] = vm_id, info
        return info

    async def expire_preview(self, vm_id: str, token: str) -> bool:
        self._check(vm_id)
        return self.previews.pop(token, None) is not None

    async def expire_preview_by_id(self, vm_id: str, preview_id: str) -> None:
        self._check(vm_id)
        del self.previews[self._token(vm_id, preview_id)]

    async def expire_previews(self, vm_id: str) -> int:
        self._check(vm_id)
        gone = [token for token, (vm, _) in self.previews.items() if vm == vm_id]
        for token in gone:
            del self.previews[token]
        return len(gone)

    def _token(self, vm_id: str, preview_id: str) -> str:
        for token, (vm, info) in self.previews.items():
            if (vm, info.id) == (vm_id, preview_id):
                return token
        raise preview_not_found()


class Contract:
    """Holds answers against the document, and remembers which of its answers were seen."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.seen: set[tuple[str, str, str]] = set()
        self._patterns = {
            path: re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))) for path in document["paths"]
        }

    def validate(self, value: object, schema: dict[str, Any]) -> None:
        components = {"components": self.document["components"]}
        jsonschema.Draft202012Validator(
            {**schema, **components}, format_checker=jsonschema.FormatChecker()
        ).validate(value)

    async def check(self, response: httpx.Response) -> None:
        await response.aread()
        problem = {"$ref": "#/components/schemas/Problem"}
        path = next(
            (path for path, p in self._patterns.items() if p.fullmatch(response.request.url.path)), None
        )
        method = response.request.method.lower()
        if method == "head":
            assert response.content == b""
            return
        if path is None or method not in self.document["paths"][path]:
            assert response.status_code in {404, 405}
            self.validate(response.json(), problem)
            return
        responses = self.document["paths"][path][method]["responses"]
        status = str(response.status_code)
        self.seen.add((method, path, status))
        described = responses.get(status, responses["default"])
        if "content" not in described:
            assert response.content == b""
            return
        media_type = response.headers["content-type"]
        schema = described["content"][media_type]["schema"]
        if media_type == "application/json":
            self.validate(response.json(), schema)
        elif media_type == "application/x-ndjson":
            for line in response.content.split(b"\n")[:-1]:  # splitlines() would cut at U+2028 too
                self.validate(json.loads(line), schema)
        if response.status_code >= 400:
            code = response.json()["code"]
            assert f"`{code}`" in described["description"], f"{method} {path}: {code} is not in the document"


@pytest.fixture
def services() -> MemoryServices:
    return MemoryServices()


@pytest.fixture
def app(services: MemoryServices) -> Starlette:
    return create_app(services)


@pytest.fixture
def contract(app: Starlette) -> Contract:
    return Contract(app.state.openapi)


@pytest.fixture
async def client(app: Starlette, contract: Contract) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=BASE, event_hooks={"response": [contract.check]}
    ) as opened:
        yield opened


@pytest.fixture
async def vm(client: httpx.AsyncClient) -> str:
    """The address of a VM."""
    answer = await client.post("/api/vms", json={"name": "vm", "key": "k"})
    return f"/api/vms/{answer.json()['id']}"


Refused = Callable[[httpx.Response, int, str], None]


@pytest.fixture
def refused() -> Refused:
    def check(response: httpx.Response, status: int, code: str) -> None:
        problem = response.json()
        assert (response.status_code, problem["code"]) == (status, code), problem
        assert set(problem) == {"code", "message", "hint"}
        assert response.headers["cache-control"] == "no-store"

    return check


class RawCall:
    """One ASGI call whose client a test plays by hand."""

    def __init__(self, app: Starlette, method: str, target: str, headers: dict[str, str]) -> None:
        path, _, query = target.partition("?")
        self.sent: list[dict[str, Any]] = []
        self.sent_something = asyncio.Event()
        self.received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        self.task: asyncio.Future[None] = asyncio.ensure_future(
            self._run(app(scope, self._receive, self._send))
        )

    async def _run(self, work: Awaitable[None]) -> None:
        await work

    async def _receive(self) -> Any:
        return await self.received.get()

    async def _send(self, message: Any) -> None:
        self.sent.append(message)
        if message["type"] == "http.response.body":
            self.sent_something.set()

    def body(self, data: bytes, more: bool = False) -> None:
        self.received.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def disconnect(self) -> None:
        self.received.put_nowait({"type": "http.disconnect"})


@pytest.fixture
def raw_call(app: Starlette) -> Callable[..., RawCall]:
    def call(method: str, target: str, headers: dict[str, str] | None = None) -> RawCall:
        return RawCall(app, method, target, headers or {})

    return call


@pytest.fixture
def output() -> type[Output]:
    return Output


@pytest.fixture
def broken() -> HatchwayError:
    return HatchwayError("vm_boot_failed", "the VM did not start", "try again", status=503)
