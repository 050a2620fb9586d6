"""Following, writing to and waiting for processes through everything: hostile guests, and clients that leave."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from e2e.guest import refusal_of
from e2e.host_processes import open_fds
from e2e.server_process import ServerProcess
from e2e.waiting import eventually
from hatchway import Agent, AsyncClient, ConnectionFailed, HatchwayError
from hatchway.client import Process

pytestmark = pytest.mark.sandbox

KEPT_BYTES = 1024 * 1024
PIPE_BYTES = 64 * 1024


@pytest.fixture
async def own_agent(own_server: ServerProcess) -> AsyncIterator[Agent]:
    """A VM on a server of the test's own."""
    async with AsyncClient(own_server.url) as client:
        agent = client.vm.get_or_create("own")
        await agent.exec("true")
        yield agent


async def _everything(process: Process) -> bytes:
    return b"".join([chunk.data async for chunk in process.output()])


async def _end(process: Process) -> None:
    await process.wait()


def _sockets(server: ServerProcess) -> int:
    return sum(target.startswith("socket:") for target in open_fds(server.pid))


def _pipes(server: ServerProcess) -> set[str]:
    return {target for target in open_fds(server.pid) if target.startswith("pipe:")}


# -- hostile guests


async def test_a_process_that_prints_for_ever_while_nobody_reads(agent: Agent) -> None:
    process = await agent.spawn("sh", ["-c", "yes & yes >&2"])

    async def much() -> bool:
        return (await process.info()).output.bytes > 20 * KEPT_BYTES

    await eventually(much, "it has written much more than is kept")
    counts = (await process.info()).output
    assert counts.bytes - counts.kept_from <= KEPT_BYTES
    assert counts.dropped_bytes == counts.kept_from
    assert (await agent.exec("echo still here")).stdout == "still here\n"
    kept = await process.read_output()  # comes to an end although the process does not
    assert kept.state == "running"
    assert kept.dropped_bytes > 0
    await process.kill()
    assert await process.wait() == 137


async def test_a_slow_follower_misses_some_and_slows_nobody(agent: Agent) -> None:
    size = 30 * KEPT_BYTES
    process = await agent.spawn("sh", ["-c", f"head -c {size} /dev/zero; echo done >&2; read line"])
    received = dropped = 0
    async for chunk in process.output():
        if received == 0:

            async def through() -> bool:
                return (await process.info()).output.bytes == size + 5

            await eventually(through, "it has written everything, though the follower reads nothing")
            await process.close_stdin()
        received += len(chunk.data)
        dropped += chunk.dropped_bytes
    assert dropped > 0
    assert received + dropped == size + 5
    assert chunk.text.endswith("done\n")


async def test_a_process_that_closes_its_output_early(agent: Agent) -> None:
    process = await agent.spawn("sh", ["-c", "echo before; exec >&- 2>&-; read line; exit 6"])
    following = asyncio.ensure_future(_everything(process))
    assert (await process.info()).state == "running"
    await process.write_stdin("go on\n")
    assert await following == b"before\n"
    assert await process.wait() == 6


async def test_a_daemon_that_holds_the_pipes_holds_up_nobody(agent: Agent) -> None:
    daemon = "until [ -e go ]; do sleep 0.01; done; echo later; sleep 1000"
    process = await agent.spawn("sh", ["-c", f"(setsid sh -c '{daemon}' &); echo started"])
    assert await _everything(process) == b"started\n"
    assert await process.wait() == 0
    await agent.write_file("go", "")

    async def said_more() -> bool:
        return (await process.read_output()).stdout == "started\nlater\n"

    await eventually(said_more, "what it left running is kept too")


async def test_a_name_that_is_no_text_is_told_byte_by_byte(agent: Agent) -> None:
    script = (
        "name=$(printf 'odd\\n\\377'); cp /bin/sh \"$name\"\n"
        "exec \"./$name\" -c 'sleep 1000; :' \"$(printf '\\376')\""
    )
    process = await agent.spawn("sh", ["-c", script])
    odd = b"./odd\n\xff"

    async def runs() -> bool:
        return odd in {os.fsencode(each.command[0]) for each in await agent.all_processes()}

    await eventually(runs, "it runs under its name")
    (found,) = [each for each in await agent.all_processes() if each.pid == process.pid]
    assert tuple(map(os.fsencode, found.command)) == (odd, b"-c", b"sleep 1000; :", b"\xfe")
    assert found.spawned
    assert (await process.info()).command == ("sh", "-c", script)


async def test_a_fork_bomb_is_seen_and_ended(agent: Agent) -> None:
    bomb = "import os, time\nwhile True:\n try: os.fork()\n except OSError: time.sleep(0.01)"
    process = await agent.spawn("python3", ["-c", bomb])

    async def many() -> bool:
        return len(await agent.all_processes()) > 100

    await eventually(many, "it has become many")
    (tree,) = await agent.process_tree()
    assert process.pid in {node.process.pid for node in tree.children}
    await process.kill()

    async def gone() -> bool:
        return len(await agent.all_processes()) == 1

    await eventually(gone, "all of them are gone")


# -- writers


async def test_a_process_that_reads_no_more_is_told_however_much_is_sent(agent: Agent) -> None:
    for command in (["true"], ["head", "-c", "10"], ["sh", "-c", "exec <&-; sleep 1000"]):
        process = await agent.spawn(command[0], command[1:])
        refusal = await refusal_of(process.write_stdin(bytes(30_000_000)))
        assert refusal.code in {"process_ended", "stdin_closed"}
        assert refusal.details is not None
        written = refusal.details["written"]
        assert isinstance(written, int)
        assert 0 <= written <= 2 * PIPE_BYTES


async def test_a_process_that_does_not_read_yet_is_waited_for(server: ServerProcess, agent: Agent) -> None:
    size = 30_000_000  # far above what all buffers on the way hold
    process = await agent.spawn("sh", ["-c", "until [ -e go ]; do sleep 0.01; done; wc -c"])
    async with AsyncClient(server.url, timeout=0.2) as hasty:
        writing = asyncio.ensure_future(
            hasty.vm.get_or_create(list(agent.key)).write_process_stdin(process.pid, bytes(size))
        )
        with pytest.raises(ConnectionFailed):
            await process.wait(timeout=0.5)  # longer than the writer's client waits for anything else
        assert not writing.done()
        await agent.write_file("go", "")
        await writing
    await process.close_stdin()
    assert await _everything(process) == f"{size}\n".encode()


async def test_many_writers_one_after_another(agent: Agent) -> None:
    process = await agent.spawn("sh", ["-c", "tr -s a-t"])  # one letter for each run of the same
    letters = [bytes([letter]) for letter in b"abcdefghijklmnopqrst"]
    await asyncio.gather(*(process.write_stdin(letter * 300_000) for letter in letters))
    await process.close_stdin()
    assert sorted(await _everything(process)) == sorted(b"".join(letters))


async def test_a_writer_that_leaves_stops_where_it_is(agent: Agent) -> None:
    process = await agent.spawn("sh", ["-c", "until [ -e go ]; do sleep 0.01; done; tr -s ab"])
    first = asyncio.ensure_future(process.write_stdin(b"a" * 500_000))
    with pytest.raises(ConnectionFailed):
        await process.wait(timeout=0.2)  # the pipe is full by then
    first.cancel()
    await asyncio.wait([first])
    await agent.write_file("go", "")
    await process.write_stdin(
        b"b"
    )  # the server has noticed that the first is gone, or this would wait for ever
    await process.close_stdin()
    assert await _everything(process) == b"ab"


# -- clients that leave, and ends


async def test_clients_that_leave_leave_nothing(own_server: ServerProcess, own_agent: Agent) -> None:
    before = _pipes(own_server)
    deaf = await own_agent.spawn("sh", ["-c", "echo ready; exec sleep 1000"])
    pipes, sockets = _pipes(own_server), _sockets(own_server)
    seen = asyncio.Semaphore(0)

    async def follow() -> None:
        async for _ in deaf.output():
            seen.release()

    tasks = [asyncio.ensure_future(follow()) for _ in range(30)]
    tasks += [asyncio.ensure_future(_end(deaf)) for _ in range(30)]
    tasks += [asyncio.ensure_future(deaf.write_stdin(bytes(200_000))) for _ in range(30)]
    for _ in range(30):
        await seen.acquire()

    async def connected() -> bool:
        return _sockets(own_server) >= sockets + 2 * len(tasks)  # of the client, and of the control API

    await eventually(connected, "all of them are there")
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    async def settled() -> bool:
        return _sockets(own_server) <= sockets + 10 and _pipes(own_server) == pipes

    await eventually(settled, "nothing of them is left")
    await deaf.write_stdin(b"")  # nobody holds its standard input
    assert (await deaf.info()).state == "running"
    await deaf.kill()
    await deaf.wait()
    assert _pipes(own_server) == before


async def test_the_end_of_the_vm_is_told(agent: Agent) -> None:
    process = await agent.spawn("sh", ["-c", "echo last words; exec sleep 1000"])
    seen: list[bytes] = []
    first = asyncio.Event()

    async def follow() -> None:
        async for chunk in process.output():
            seen.append(chunk.data)
            first.set()

    following = asyncio.ensure_future(follow())
    writing = asyncio.ensure_future(process.write_stdin(bytes(500_000)))
    waiting = asyncio.ensure_future(process.wait())
    await first.wait()
    await agent.destroy()
    assert (await refusal_of(following)).code == "vm_stopped"
    # Its end shows first where it closes its input; a VM of many processes takes a moment more.
    assert (await refusal_of(writing)).code in {"vm_stopped", "stdin_closed"}
    assert await waiting == 137
    assert b"".join(seen) == b"last words\n"
    # The key finds a new VM, and the process is not in it.
    assert (await refusal_of(process.info())).code == "vm_not_found"
    assert await agent.list_processes() == []
    assert (await refusal_of(process.kill())).code == "vm_not_found"


async def test_a_server_stops_although_clients_follow_write_and_wait(
    own_server: ServerProcess, own_agent: Agent
) -> None:
    process = await own_agent.spawn("sh", ["-c", "echo ready; exec sleep 1000"])
    sockets = _sockets(own_server)
    tasks = [
        asyncio.ensure_future(call)
        for call in (_everything(process), process.wait(), process.write_stdin(bytes(500_000)))
    ]

    async def connected() -> bool:
        return _sockets(own_server) >= sockets + 2 * len(tasks) - 2  # one connection was there before

    await eventually(connected, "all of them are there")
    assert await asyncio.to_thread(own_server.terminate) == 0
    for task in tasks:
        try:
            await task
        except HatchwayError as error:
            assert error.code in {"connection_lost", "vm_stopped"}  # noqa: PT017


async def test_a_server_that_is_killed_is_a_lost_connection(
    own_server: ServerProcess, own_agent: Agent
) -> None:
    process = await own_agent.spawn("sh", ["-c", "echo ready; exec sleep 1000"])

    async def follow() -> None:
        async for _ in process.output():
            own_server.kill()

    assert (await refusal_of(follow())).code == "connection_lost"
