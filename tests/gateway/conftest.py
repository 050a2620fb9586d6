"""A gateway in front of tiny real upstreams, and raw clients for it."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import uvloop

from gateway.zoo import Script, Upstream
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.listener import Gateway
from hatchway.gateway.memory import MemoryBackend

TOKEN = "0123456789abcdefghijklmnopqrstuv"
OTHER_TOKEN = "z" * 32


async def until(condition: Callable[[], bool]) -> None:
    """Waits, turn by turn of the loop, until `condition`."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0)


class FakeClock:
    """Seconds since the epoch, as the test wants them."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Client:
    """A client that sends and reads raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def exactly(self, size: int) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readexactly(size)

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readuntil(end)

    async def rest(self) -> bytes:
        """Everything until the connection's orderly end."""
        async with asyncio.timeout(10):
            return await self.reader.read()

    async def answer(self) -> tuple[bytes, bytes]:
        """The head and the body of an answer with a length."""
        head = await self.head()
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        return head, await self.exactly(int(length[0].partition(b":")[2])) if length else b""

    async def ended(self) -> bool:
        """Waits for the end. True: in order. False: by a reset."""
        try:
            async with asyncio.timeout(10):
                while await self.reader.read(65536):
                    pass
        except ConnectionError:
            return False
        return True

    def close(self) -> None:
        self.writer.transport.abort()


class Rig:
    """A running gateway; upstreams and clients made here end with the test, and nothing of the gateway outlives it."""

    def __init__(self, limits: GatewayLimits, clock: FakeClock, **options: Any) -> None:
        self.clock = clock
        self.backend = MemoryBackend(clock=clock, api_token="secret-api-token")
        self.gateway = Gateway(self.backend, limits=limits, clock=clock, **options)
        self.upstreams: list[Upstream] = []
        self.clients: list[Client] = []
        self.dialling: dict[str, Any] = {}
        """How clients connect, beside plainly: options of `asyncio.open_connection`."""

    async def start(self) -> None:
        """Starts the gateway; a callback of it that fails, fails the test."""
        self.failures: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.failures.append(context))
        self.host, self.port = await self.gateway.start("127.0.0.1", 0)

    async def upstream(
        self, script: Script, *, vm_id: str = "vm1", port: int = 3000, token: str = TOKEN
    ) -> Upstream:
        """A service in a VM, with a preview of it."""
        upstream = Upstream(script)
        self.upstreams.append(upstream)
        self.backend.listen(vm_id, port, await upstream.start())
        self.grant = self.backend.add_preview(token, vm_id, port)
        return upstream

    async def control(self, script: Script) -> Upstream:
        """The control API."""
        upstream = Upstream(script)
        self.upstreams.append(upstream)
        self.backend.serve_control(await upstream.start())
        return upstream

    async def client(self, *, receive_buffer: int = 0) -> Client:
        """A client; with `receive_buffer`, in bytes, one that takes about as much without being read from."""
        sock = socket.socket()
        sock.setblocking(False)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (self.host, self.port))
        except OSError:
            sock.close()
            raise
        limit = receive_buffer or 1 << 16
        client = Client(*await asyncio.open_connection(sock=sock, limit=limit, **self.dialling))
        self.clients.append(client)
        return client

    async def client_behind(self) -> Client:
        """A client whose answer is complete, and for the most part still in the gateway: it was read up to its head."""
        assert not self.gateway.connections
        listener = self.gateway._server.sockets[0]  # type: ignore[union-attr]
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)  # accepted sockets inherit it
        client = await self.client(receive_buffer=4096)
        await until(lambda: bool(self.gateway.connections))
        (connection,) = self.gateway.connections
        connection.transport.set_write_buffer_limits(1 << 30)  # so that it takes the answer whole
        client.send(self.request())
        await client.head()
        await until(lambda: connection.exchange is None)
        assert connection.transport.get_write_buffer_size() > 100_000
        return client

    async def longer_than_every_timeout(self) -> None:
        """Waits until the gateway's own clock has passed every time-out of a test that sets them short."""
        began = self.gateway.pool.now
        await until(lambda: self.gateway.pool.now > began + 0.3)

    @property
    def authority(self) -> str:
        """The preview's public authority in host mode."""
        return f"{TOKEN}.localhost:{self.port}"

    def request(
        self, line: str = "GET / HTTP/1.1", *fields: str, host: str | None = None, body: bytes = b""
    ) -> bytes:
        """A request to the preview by its host."""
        head = "\r\n".join((line, f"Host: {host or self.authority}", *fields))
        return head.encode("latin-1") + b"\r\n\r\n" + body

    async def ask(self, raw: bytes) -> tuple[bytes, bytes]:
        """One request on a connection of its own: the head and the body of its answer."""
        client = await self.client()
        client.send(raw)
        answer = await client.answer()
        client.close()
        return answer

    async def stop(self) -> None:
        for client in self.clients:
            client.close()
        await self.gateway.stop(0.0)
        assert not self.gateway.connections
        assert not self.gateway.tunnels
        assert not self.gateway.pool.open
        for upstream in self.upstreams:
            await upstream.stop()
        await asyncio.sleep(0)
        assert not self.failures
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not [task for task in left if "hatchway" in repr(task.get_coro())]


@asynccontextmanager
async def running_rig(limits: GatewayLimits, **options: Any) -> AsyncIterator[Rig]:
    """A rig whose gateway is made with more options."""
    rig = Rig(limits, FakeClock(), **options)
    await rig.start()
    try:
        yield rig
    finally:
        await rig.stop()


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the server runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def limits() -> GatewayLimits:
    """Quick timers for all; a test overrides what it is about."""
    return replace(GatewayLimits(), timer_seconds=0.02)


@pytest.fixture
async def rig(limits: GatewayLimits) -> AsyncIterator[Rig]:
    async with running_rig(limits) as rig:
        yield rig
    gc.collect()
