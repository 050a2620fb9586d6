"""Whole servers: what keeps one from starting, what outlives it, and that nothing else does."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.host_processes import descendants
from hatchway import AsyncClient
from hatchway.errors import HatchwayError
from hatchway.options import Limits, PreviewOptions, VmOptions
from hatchway.server.file_limit import ENOUGH
from hatchway.server.server import running
from hatchway.server.settings import Settings
from server.conftest import FakeClock

pytestmark = pytest.mark.sandbox

KINDS = {"vm": VmOptions(preview=PreviewOptions(60, 600))}
TOKEN = "api-token-of-the-test"


def _settings(tmp_path: Path, **fields: object) -> Settings:
    given = {"port": 0, "data_dir": tmp_path / "data", "cache_dir": tmp_path / "cache"} | fields
    return Settings(**given)  # type: ignore[arg-type]


def _left() -> tuple[list[str], set[int]]:
    """What a server may have left in this process and on this host: fds, and processes that run."""
    processes = {process.pid for process in descendants(os.getpid()) if process.runs}
    return sorted(os.listdir("/proc/self/fd")), processes


async def _one_server(settings: Settings) -> None:
    async with running(KINDS, settings) as server, AsyncClient(server.url) as client:
        await client.vm.get_or_create("a").exec("true")


async def test_a_server_leaves_nothing(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    await _one_server(settings)  # what the event loop and libraries open once stays open
    before = _left()
    await _one_server(settings)
    assert _left() == before
    assert sorted(path.name for path in settings.data_dir.iterdir()) == [
        "hatchway.db",
        "hatchway.lock",
        "layers",
        "vms",
    ]
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700


async def test_one_data_folder_has_one_server(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    async with running(KINDS, settings) as server, AsyncClient(server.url) as client:
        agent = client.vm.get_or_create("a")
        await agent.exec("true")
        before = _left()
        with pytest.raises(HatchwayError) as caught:
            await _one_server(settings)
        assert caught.value.code == "data_dir_in_use"
        assert _left() == before
        assert (await agent.exec("echo undisturbed")).stdout == "undisturbed\n"
    await _one_server(settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1", "no-such-host.invalid", "a" * 70])
async def test_an_address_that_cannot_be_used(tmp_path: Path, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = _settings(tmp_path, host=host, port=taken.getsockname()[1], api_token=TOKEN)
        processes = _left()[1]  # other tests' servers may be among them
        left = []
        for _ in range(2):
            with pytest.raises(HatchwayError) as caught:
                await _one_server(settings)
            assert caught.value.code == "address_unavailable"
            assert host in caught.value.message
            left.append(_left())
        assert left[0] == left[1]
        assert left[1][1] == processes


@pytest.mark.parametrize("name", ["vms", "layers", "hatchway.db"])
async def test_a_data_folder_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    settings = _settings(tmp_path)
    settings.data_dir.mkdir()
    wrong = settings.data_dir / name
    wrong.mkdir() if name.endswith(".db") else wrong.write_text("")
    before = _left()
    with pytest.raises(HatchwayError) as caught:
        await _one_server(settings)
    assert caught.value.code == "storage_failed"
    assert str(tmp_path) not in str(caught.value)
    assert _left() == before


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://localhost:"), ("127.0.0.2", "http://127.0.0.2:"), ("::1", "http://localhost:")],
)
async def test_where_it_listens(tmp_path: Path, host: str, url: str) -> None:
    async with running(KINDS, _settings(tmp_path, host=host)) as server:
        assert server.url == f"{url}{server.port}"
        with socket.create_connection((host, server.port)) as connection:
            assert connection.getpeername()[:2] == (server.host, server.port)


async def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    settings = _settings(tmp_path, tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem")
    before = _left()
    with pytest.raises(HatchwayError) as caught:
        await _one_server(settings)
    assert caught.value.code == "tls_file_unreadable"
    assert _left() == before
    assert not settings.data_dir.exists()


async def test_vms_files_and_tokens_outlive_a_server(tmp_path: Path, clock: FakeClock) -> None:
    settings = _settings(tmp_path)
    tokens = {}
    async with running(KINDS, settings, clock) as server, AsyncClient(server.url) as client:
        agent = client.vm.get_or_create("a")
        await agent.write_file("/home/user/index.html", "kept")
        for name, seconds in (("short", 100), ("long", 600), ("revoked", 600)):
            tokens[name] = (await agent.create_signed_preview_url(3000, seconds)).token
        await agent.expire_signed_preview_url(tokens["revoked"])
    clock.now += 100
    async with running(KINDS, settings, clock) as server, AsyncClient(server.url) as client:
        agent = client.vm.get_or_create("a")
        await agent.spawn("python3", ["-c", _SERVICE])
        while not await agent.exists("/tmp/ready"):
            pass
        assert (await agent.vm_fetch(3000, "/")).text == "kept"
        statuses = {}
        for name, token in tokens.items():
            statuses[name] = await _status(server.port, f"/fetch/{token}/")
        assert statuses == {"short": 403, "long": 200, "revoked": 403}


_SERVICE = """
import http.server
server = http.server.ThreadingHTTPServer(("127.0.0.1", 3000), http.server.SimpleHTTPRequestHandler)
open("/tmp/ready", "w").close()
server.serve_forever()
"""


async def _status(port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1])


_SERVE = """
import asyncio, logging, sys
from pathlib import Path
from hatchway.options import VmOptions
from hatchway.server.server import serve
from hatchway.server.settings import Settings
log = logging.getLogger("hatchway")
log.addHandler(logging.StreamHandler(sys.stdout))
log.setLevel(logging.INFO)
settings = Settings(port=0, data_dir=Path(sys.argv[1]), cache_dir=Path(sys.argv[1]))
asyncio.run(serve({"vm": VmOptions()}, settings))
"""


async def test_serve_allows_itself_more_open_files_and_its_guests_no_more(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    code = f"import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard}))\n{_SERVE}"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        str(tmp_path / "data"),
        stdout=subprocess.PIPE,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
    )
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().removeprefix("listening on ").strip()
        soft = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[0]
        assert soft == (ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH))
        assert soft > 256
        async with AsyncClient(url) as client:
            ran = await client.vm.get_or_create("a").exec("ulimit -Sn; ulimit -Hn")
        guests = min(Limits().open_files, soft)
        assert ran.stdout == f"{guests}\n{guests}\n"
        process.terminate()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _SERVE, str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("listening on http://localhost:")
            below = descendants(process.pid)
            process.send_signal(number)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert below
    assert (process.returncode, output, errors) == (0, "stopping\n", "")
    assert [each for each in below if each.runs] == []
    assert not (tmp_path / "data" / "control.sock").exists()
