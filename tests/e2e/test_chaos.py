"""Random work of several clients while the server is killed again and again; then it is held against a ledger.

What was acknowledged must be there, what was revoked or destroyed must not work, and nothing may be left of what is
gone.
What was asked for when a server was killed may have happened or not: the ledger knows those as in doubt.

`make chaos` lets it run for minutes; CHAOS_SECONDS and CHAOS_SEED say for how long, and with which random numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from e2e.host_processes import HostProcess, descendants
from e2e.server_process import ServerProcess
from e2e.waiting import eventually
from hatchway import Agent, AsyncClient, Conflict, ConnectionFailed, HatchwayError, NotFound

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

SECONDS = float(os.environ.get("CHAOS_SECONDS", "12"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.randrange(1, 2**32)
CLIENTS, KEYS = 3, 3
WAITS = ("--limit", "wait_seconds=3")
VISITS = 3
"""Of the previews of a VM that must work. Each may wait for a service to start, and those of the dead are all tried."""
ENDED = {"vm_stopped", "stopping", "store_closed", "upstream_closed"}
"""What is told when the VM or the server ends under an action."""
SERVE = "require('http').createServer((q, s) => s.end('here')).listen(3000)"


@dataclass
class Vm:
    """What must be true of one key's VM; only its own client changes it."""

    agent: Agent
    files: dict[str, set[bytes | None]] = field(default_factory=dict)
    """What each may hold; None: it may be missing."""
    previews: dict[str, bool | None] = field(default_factory=dict)
    """By token: whether it must work; None: in doubt."""
    service: bool | None = False
    """Whether it is declared."""

    def forget(self, *, surely: bool) -> None:
        """It was destroyed, surely or perhaps."""
        self.service = False if surely else None
        for path in self.files:
            self.files[path] = {None} if surely else self.files[path] | {None}
        for token, works in self.previews.items():
            self.previews[token] = False if surely or works is False else None


class Chaos:
    """A server that is killed and started again, and clients that do not know it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.random = random.Random(SEED)
        self.server = ServerProcess(folder, *WAITS)
        self.port = self.server.port
        self.seen: set[HostProcess] = set()
        self.kills = 0
        self.done: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    async def kill_and_start(self) -> None:
        """SIGKILL for the server, and another on the same data and port."""
        self.seen |= descendants(self.server.pid)
        with self.server:
            self.server.kill()
        self.kills += 1
        self.server = await asyncio.to_thread(ServerProcess, self.folder, *WAITS, "--port", str(self.port))

    async def kill_now_and_then(self, ends: float) -> None:
        while asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(self.random.uniform(0.3, 2.0))  # how long a server has is part of the chaos
            await self.kill_and_start()

    async def work(self, vms: list[Vm], ends: float) -> None:
        """Random actions on a client's own VMs until `ends`."""
        actions: list[Callable[[Vm], Awaitable[None]]] = [
            self.write,
            self.write,
            self.mint,
            self.mint,
            self.revoke,
            self.spawn,
            self.sleep,
            self.pause,
            self.wake,
            self.declare,
            self.undeclare,
            self.destroy,
        ]
        loop = asyncio.get_running_loop()
        while loop.time() < ends:
            action = self.random.choice(actions)
            try:
                await action(self.random.choice(vms))
            except (ConnectionFailed, Conflict):
                await asyncio.sleep(0.01)  # there is no server right now, or the VM is in use
            except HatchwayError as error:
                if error.code not in ENDED:
                    raise
            else:
                self.done[action.__name__] = self.done.get(action.__name__, 0) + 1

    async def write(self, vm: Vm) -> None:
        path = f"/home/user/{self.random.randrange(3)}"
        content = self.random.randbytes(self.random.randrange(20_000))
        vm.files[path] = vm.files.get(path, {None}) | {content}
        await vm.agent.write_file(path, content)
        vm.files[path] = {content}

    async def mint(self, vm: Vm) -> None:
        preview = await vm.agent.create_signed_preview_url(3000)
        vm.previews[preview.token] = True

    async def revoke(self, vm: Vm) -> None:
        live = [token for token, works in vm.previews.items() if works]
        if live:
            token = self.random.choice(live)
            vm.previews[token] = None
            await vm.agent.expire_signed_preview_url(token)
            vm.previews[token] = False

    async def spawn(self, vm: Vm) -> None:
        await vm.agent.spawn("sleep", ["1000"])

    async def sleep(self, vm: Vm) -> None:
        await vm.agent.sleep()

    async def pause(self, vm: Vm) -> None:
        await vm.agent.pause()

    async def wake(self, vm: Vm) -> None:
        await vm.agent.wake()

    async def declare(self, vm: Vm) -> None:
        vm.service = vm.service or None
        await vm.agent.service("web", "node", ["-e", SERVE], port=3000, timeout=0)
        vm.service = True

    async def undeclare(self, vm: Vm) -> None:
        vm.service = None
        await vm.agent.remove_service("web")
        vm.service = False

    async def destroy(self, vm: Vm) -> None:
        if self.random.random() < 0.5:
            return  # else hardly anything would grow old
        vm.forget(surely=False)
        await vm.agent.destroy()
        vm.forget(surely=True)


@pytest.fixture
async def chaos(tmp_path: Path) -> AsyncIterator[Chaos]:
    chaos = Chaos(tmp_path)
    yield chaos
    with chaos.server:
        pass


async def test_nothing_acknowledged_is_lost_and_nothing_is_left(chaos: Chaos) -> None:
    print(f"CHAOS_SEED={SEED} CHAOS_SECONDS={SECONDS:g}")
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(AsyncClient(chaos.url, timeout=30)) for _ in range(CLIENTS)
        ]
        ledger = [
            [Vm(client.vm.get_or_create([f"client {number}", str(key)])) for key in range(KEYS)]
            for number, client in enumerate(clients)
        ]
        ends = asyncio.get_running_loop().time() + SECONDS
        await asyncio.gather(chaos.kill_now_and_then(ends), *(chaos.work(vms, ends) for vms in ledger))
        await chaos.kill_and_start()
        for vm in (vm for vms in ledger for vm in vms):
            await _check(chaos, vm)
        print(f"{chaos.kills} kills; {chaos.done}")
        assert len(chaos.done) >= 8, "hardly anything was done"
        for vm in (vm for vms in ledger for vm in vms):
            await vm.agent.destroy()
            for token in vm.previews:
                assert await _visit(chaos, token) == 403
    await _check_that_nothing_is_left(chaos)


async def _check(chaos: Chaos, vm: Vm) -> None:
    """Hold a VM against what is known of it."""
    for path, allowed in vm.files.items():
        try:
            content: bytes | None = await vm.agent.read_file(path)
        except NotFound:
            content = None
        assert content in allowed, f"{path} holds {content and len(content)} bytes, not what was acknowledged"
    names = [service.name for service in await vm.agent.list_services()]
    if vm.service is not None:
        assert names == ["web"] * vm.service
    live = [token for token, works in vm.previews.items() if works][: VISITS if names else 1]
    for token, works in vm.previews.items():
        if works is False:
            assert await _visit(chaos, token) == 403
    expected = 200 if names else 502  # it works, and nothing listens
    assert [await _visit(chaos, token) for token in live] == [expected] * len(live)


async def _visit(chaos: Chaos, token: str) -> int:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as visitor:
        answer = await visitor.get(
            f"http://127.0.0.1:{chaos.port}/fetch/{token}/", headers={"Host": f"localhost:{chaos.port}"}
        )
    return answer.status_code


async def _check_that_nothing_is_left(chaos: Chaos) -> None:
    data = chaos.server.data_dir

    async def nothing_of_the_destroyed_is_on_disk() -> bool:
        # What the server has ready for VMs to come is its own.
        with sqlite3.connect(data / "hatchway.db") as connection:
            (rows,) = connection.execute("SELECT count(*) FROM vms").fetchone()
        return rows == 0 and not list((data / "logs").glob("*"))

    await eventually(nothing_of_the_destroyed_is_on_disk, "what was destroyed is removed")
    pid = chaos.server.pid
    ours = descendants(pid)
    left = {process for process in chaos.seen - ours if process.runs}
    assert left == set(), "processes of killed servers run on"
    chaos.seen |= ours
    assert chaos.server.terminate() == 0

    async def all_have_ended() -> bool:
        return not any(process.runs for process in chaos.seen)

    await eventually(all_have_ended, "every process has ended")
    assert list((data / "vms").iterdir()) == []
    with sqlite3.connect(data / "hatchway.db") as connection:
        for table in ("vms", "previews", "services"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    assert sorted(path.name for path in data.iterdir() if path.is_socket()) == []
    assert str(data) not in Path("/proc/self/mountinfo").read_text()
    assert not list(Path("/sys/fs/cgroup").glob(f"**/hatchway-{pid}-*"))
