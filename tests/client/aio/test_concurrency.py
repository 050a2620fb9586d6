"""What only the asynchronous client can: many calls in one thread, and ending them from outside."""

from __future__ import annotations

import asyncio
import json

import pytest

from client.stub_server import VM, VMS, Received, StubServer, answer, end, ndjson, out
from hatchway.client import Agent, AsyncClient
from hatchway.errors import ConnectionFailed


async def test_the_vm_is_looked_up_once(agent: Agent, server: StubServer) -> None:
    server.on("GET", f"{VM}/files/exists", answer({"exists": True}))
    assert await asyncio.gather(*(agent.exists("/x") for _ in range(100))) == [True] * 100
    assert len(server.to("POST", "/api/vms")) == 1
    assert server.to("POST", "/api/vms")[0].json() == {"name": "vm", "key": ["my-agent"]}


async def test_exec_tells_output_as_it_comes(agent: Agent, server: StubServer) -> None:
    seen = asyncio.Event()

    async def slowly(request: Received, writer: asyncio.StreamWriter) -> None:
        first = json.dumps(out("stdout", b"first")).encode() + b"\n"
        last = json.dumps(end()).encode() + b"\n"
        writer.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(first), first)
        )
        await seen.wait()
        writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last))

    told = []

    def on_stdout(data: bytes) -> None:
        told.append(data)
        seen.set()

    server.on("POST", f"{VM}/exec", slowly)
    result = await agent.exec("x", on_stdout=on_stdout)
    assert told == [b"first"]
    assert result.stdout_bytes == b""


@pytest.mark.parametrize("patient_call", ["exec", "vm_fetch"])
async def test_what_may_wait_longer_than_the_clients_timeout(server: StubServer, patient_call: str) -> None:
    proceed = asyncio.Event()
    other_timed_out = asyncio.Event()

    async def slowly(request: Received, writer: asyncio.StreamWriter) -> None:
        await proceed.wait()
        writer.write(ndjson(end()))

    async def never(request: Received, writer: asyncio.StreamWriter) -> None:
        await other_timed_out.wait()

    server.on("POST", f"{VM}/exec", slowly)
    server.on("GET", f"{VM}/ports/1/", slowly)
    server.on("GET", f"{VM}/files", never)
    async with AsyncClient(server.url, timeout=0.05) as client:
        agent = client.vm.get_or_create("a")
        call = agent.exec("x") if patient_call == "exec" else agent.vm_fetch(1, timeout=60)
        running = asyncio.ensure_future(call)
        while len(server.received) < 2:  # noqa: ASYNC110 - the server's list is all there is to see
            await asyncio.sleep(0)
        # A call made later runs into the time-out, so the time of the first is over as well.
        with pytest.raises(ConnectionFailed) as caught:
            await agent.read_file("/x")
        assert caught.value.code == "timeout"
        other_timed_out.set()
        assert not running.done()
        proceed.set()
        await running


async def test_cancelling_a_call_closes_its_connection(agent: Agent, server: StubServer) -> None:
    arrived = asyncio.Event()
    gone = asyncio.Event()

    async def hang(request: Received, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        try:
            while True:
                writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            gone.set()
            raise

    server.on(*VMS, hang, answer({"id": "vm2"}))
    server.on("GET", "/api/vms/vm2/files/exists", answer({"exists": False}))
    task = asyncio.create_task(agent.exists("/x"))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone.wait()
    assert await agent.exists("/x") is False


async def test_a_server_without_tls() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        async with AsyncClient(f"https://127.0.0.1:{port}") as client:
            with pytest.raises(ConnectionFailed) as caught:
                await client.vm.get_or_create("a").exists("/x")
    assert caught.value.code == "tls_failed"
    assert caught.value.__suppress_context__
