"""Connections of the npm client: events, and what becomes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from e2e.server_process import ServerProcess
from hatchway import AsyncClient
from rivet.client_process import Encoding, NpmClient
from rivet.driver_process import ClientError
from rivet.npm_client import Installed

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(120)]

ENCODINGS: tuple[Encoding, ...] = ("json", "cbor", "bare")


@pytest.fixture(params=ENCODINGS)
async def client(
    request: pytest.FixtureRequest, npm_client: Installed, server: ServerProcess
) -> AsyncIterator[NpmClient]:
    async with NpmClient(npm_client.folder, server.url, request.param) as connected:
        yield connected


async def test_what_processes_and_shells_do_is_told(client: NpmClient, key: list[str]) -> None:
    connection = await client.connect(key)
    for event in ("processOutput", "processExit", "shellData", "vmBooted"):
        await connection.subscribe(event)
    program = "process.stdout.write(Buffer.from([0, 255])); process.exitCode = 4"
    pid = (await connection.action("spawn", "node", ["-e", program]))["pid"]
    assert await connection.event("vmBooted") == [{}]
    assert await connection.event("processOutput") == [{"pid": pid, "stream": "stdout", "data": b"\x00\xff"}]
    assert await connection.event("processExit") == [{"pid": pid, "exitCode": 4}]
    shell = (await connection.action("openShell", {"command": "sh", "env": {"PS1": ""}}))["shellId"]
    await connection.action("writeShell", shell, "echo from-shell\n")
    shown = b""
    while b"from-shell\r\n" not in shown:
        [data] = await connection.event("shellData")
        assert data["shellId"] == shell
        shown += data["data"]
    await connection.unsubscribe("processExit")
    assert await connection.action("exec", "true") == {"exitCode": 0, "stdout": "", "stderr": ""}
    await connection.action("waitProcess", (await connection.action("spawn", "true"))["pid"])
    assert connection.waiting_events("processExit") == 0
    await connection.dispose()


async def test_the_end_of_a_vm_is_told_and_what_comes_after(
    client: NpmClient, key: list[str], server: ServerProcess
) -> None:
    connection = await client.connect(key)
    await connection.subscribe("vmShutdown")
    await connection.subscribe("vmPaused")
    await connection.action("exists", "/")
    async with AsyncClient(server.url) as ours:
        agent = ours.vm.get_or_create(key)
        await agent.pause()
        assert await connection.event("vmPaused") == [{}]
        await agent.sleep()
        assert await connection.event("vmShutdown") == [{"reason": "sleep"}]
        assert await connection.action("exec", "echo awake") == {
            "exitCode": 0,
            "stdout": "awake\n",
            "stderr": "",
        }
        await agent.destroy()
    assert await connection.event("vmShutdown") == [{"reason": "destroy"}]
    error = await connection.error()
    assert (error.group, error.code) == ("hatchway", "vm_destroyed")


async def test_a_connection_goes_on_after_a_restart_of_the_server(
    npm_client: Installed, key: list[str], tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        with ServerProcess(tmp_path) as first:
            client = await stack.enter_async_context(NpmClient(npm_client.folder, first.url, "bare"))
            connection = await client.connect(key)
            await connection.subscribe("processExit")
            await connection.action("writeFile", "/home/user/kept", "1")
            first.kill()
            await connection.status("disconnected")
        with ServerProcess(tmp_path, "--port", str(first.port)):
            if npm_client.version == "2.2.1":
                await connection.status("connected", times=2)
            else:  # which has given up by now: it tries once
                connection = await client.connect(key)
                await connection.subscribe("processExit")
            assert await connection.action("readFile", "/home/user/kept") == b"1"
            pid = (await connection.action("spawn", "sh", ["-c", "exit 5"]))["pid"]
            assert await connection.event("processExit") == [{"pid": pid, "exitCode": 5}]


async def test_who_may_not_or_asks_for_what_is_not_there_is_told(client: NpmClient, key: list[str]) -> None:
    handle = await client.get_for_id("nosuchvmnosuchvm0000")
    connection = await handle.connect()
    with pytest.raises(ClientError) as refused:
        await connection.action("exists", "/")
    assert (refused.value.group, refused.value.code) == ("hatchway", "vm_not_found")
    await connection.dispose()
