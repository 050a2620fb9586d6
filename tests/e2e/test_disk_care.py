"""Nothing of a VM's disk is left, however its server ends; and what nobody owns is found by the command."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from e2e.server_process import COMMAND, ServerProcess, run_command
from e2e.waiting import wait_until
from hatchway import AsyncClient, Conflict, HatchwayError
from vm.sandbox.loop_devices import attached, is_on_the_host, needs_images

pytestmark = pytest.mark.sandbox

MIB = 1024**2
ORPHAN = "a" * 20
REGISTRY = """
from hatchway import Limits, agent_os, setup
registry = setup(use={"vm": agent_os(limits=Limits(disk_bytes=32 * 1024**2))}, port=0, data_dir="data", ready_vms=0)
"""
FILL = "for n in 1 2 3; do head -c 20M /dev/urandom >~/$n; done"


def _limited(folder: Path) -> ServerProcess:
    (folder / "server.py").write_text(REGISTRY)
    command = (*COMMAND, "serve", "server:registry")
    return ServerProcess(folder, command=command)


@needs_images
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
async def test_a_full_disk_is_told_and_nothing_is_left_of_it(tmp_path: Path, ending: int) -> None:
    with _limited(tmp_path) as server:
        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create("a")
            ran = await agent.exec(FILL)
            assert "No space left on device" in ran.stderr
            with pytest.raises(Conflict) as refused:
                await agent.write_file("/home/user/more", bytes(20 * MIB))
            assert refused.value.code == "storage_full"
            usage = await agent.disk_usage()
            assert usage.limit == 32 * MIB
            assert usage.bytes <= 33 * MIB
            await agent.delete_file("/home/user/1")
            await agent.write_file("/home/user/kept", b"kept")
            assert len(attached(tmp_path)) == 1
        if ending == signal.SIGKILL:
            server.kill()
        else:
            server.terminate()
        wait_until(lambda: not is_on_the_host(tmp_path), "the kernel has taken it all down")
    with _limited(tmp_path) as server:
        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create("a")
            if ending == signal.SIGTERM:
                assert await agent.read_file("/home/user/kept") == b"kept"
            assert (await agent.exec("ls ~")).exit_code == 0
            await agent.destroy()
            wait_until(lambda: os.listdir(tmp_path / "data" / "vms") == [], "its files are gone")
            wait_until(lambda: not is_on_the_host(tmp_path), "its disk is gone")


async def test_a_host_without_room_refuses_writes(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, "--disk-reserve-bytes", str(2**62)) as server:
        async with AsyncClient(server.url, timeout=30) as client:
            agent = client.vm.get_or_create("a")

            async def is_refused() -> bool:
                try:
                    await agent.write_file("/home/user/file", b"x")
                except HatchwayError as error:
                    return (error.code, error.status) == ("storage_full", 503)
                return False

            while not await is_refused():
                pass
            with pytest.raises(HatchwayError, match="nearly full"):
                await agent.write_file("/home/user/file", b"x")


def test_the_command_asks_a_server_that_runs(own_server: ServerProcess) -> None:
    orphan = own_server.data_dir / "vms" / ORPHAN
    (orphan / "upper").mkdir(parents=True)
    (orphan / "upper" / "file").write_bytes(bytes(MIB))
    url = ("--url", own_server.url)
    ran = run_command("gc", "--dry-run", "--json", *url)
    found = json.loads(ran.stdout)
    assert [each["name"] for each in found["items"]] == [ORPHAN]
    assert MIB <= found["bytes"] < 2 * MIB
    assert orphan.exists()
    ran = run_command("gc", "--data-dir", str(own_server.data_dir))
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert b"another Hatchway server is using this data directory" in ran.stderr
    assert orphan.exists()
    assert run_command("gc", *url).returncode == 0
    assert not orphan.exists()


def test_the_command_does_it_where_no_server_runs(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        ran = run_command("exec", "--url", server.url, "a", "--", "sh", "-c", "echo kept >~/file")
        assert ran.returncode == 0
    vms = tmp_path / "data" / "vms"
    (vms / ORPHAN).mkdir()
    ran = run_command("gc", "--data-dir", str(tmp_path / "data"), "--cache-dir", str(tmp_path / "cache"))
    assert (ran.returncode, ORPHAN.encode() in ran.stdout) == (0, True)
    assert not (vms / ORPHAN).exists()
    with ServerProcess(tmp_path) as server:
        ran = run_command("exec", "--url", server.url, "a", "--", "cat", "/home/user/file")
        assert ran.stdout == b"kept\n"
