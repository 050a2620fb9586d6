"""Every action of an agent on processes, in a real VM."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hatchway import Agent, Conflict, ConnectionFailed, HatchwayError, InvalidRequest, NotFound
from hatchway.client import ProcessNode

pytestmark = pytest.mark.sandbox


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_output_is_kept_and_read_by_offset(agent: Agent) -> None:
    process = await agent.spawn("sh", ["-c", "printf one; printf two >&2; printf 'gr\\303\\274n'"])
    assert await process.wait() == 0
    kept = await process.read_output()
    assert (kept.stdout, kept.stderr, kept.dropped_bytes, kept.state) == ("onegrün", "two", 0, "exited")
    assert kept.next_offset == 11
    assert await process.read_output(11) == type(kept)((), 11, "exited")
    rest = await agent.process(process.pid).read_output(1)
    assert sum(len(chunk.data) for chunk in rest.chunks) == 10
    info = await process.info()
    assert (info.state, info.exit_code, info.signal, info.output.bytes) == ("exited", 0, None, 11)


async def test_output_comes_while_it_runs(agent: Agent) -> None:
    process = await agent.spawn("cat")
    seen = b""
    await process.write_stdin("first")
    async for chunk in process.output():
        assert chunk.stream == "stdout"
        seen += chunk.data
        if seen == b"first":
            await process.write_stdin(pieces(b"sec", b"ond"))
        if seen == b"firstsecond":
            await process.close_stdin()
            await process.close_stdin()
    assert seen == b"firstsecond"
    assert await process.wait() == 0
    with pytest.raises(Conflict) as caught:
        await process.write_stdin("x")
    assert caught.value.code in {"process_ended", "stdin_closed"}


async def test_what_is_dropped_is_counted_and_said(agent: Agent) -> None:
    process = await agent.spawn("sh", ["-c", "head -c 3000000 /dev/zero; printf end"])
    assert await process.wait() == 0
    kept = await process.read_output()
    assert kept.stdout.endswith("end")
    size = sum(len(chunk.data) for chunk in kept.chunks)
    assert 0 < size <= 1_048_576
    assert kept.dropped_bytes == 3_000_003 - size
    assert kept.chunks[0].data == b""
    assert kept.chunks[0].dropped_bytes == kept.dropped_bytes
    assert (await process.info()).output.dropped_bytes == kept.dropped_bytes


async def test_standard_input_that_comes_with_it(agent: Agent) -> None:
    for given, said in (("text ü", "text ü"), (b"\x00\xff", "\x00\ufffd"), ("", "")):
        process = await agent.spawn("cat", stdin=given)
        assert await process.wait() == 0
        assert (await process.read_output()).stdout == said


async def test_surroundings_of_a_process(agent: Agent) -> None:
    process = await agent.spawn("sh", ["-c", "pwd; echo $OWN"], cwd="/tmp", env={"OWN": "value"})
    assert process.command == ("sh", "-c", "pwd; echo $OWN")
    await process.wait()
    assert (await process.read_output()).stdout == "/tmp\nvalue\n"


@pytest.mark.parametrize(("sent", "number"), [("SIGHUP", 1), ("usr1", 10), (9, 9), ("TERM", 15)])
async def test_signals_reach_the_whole_group(agent: Agent, sent: str | int, number: int) -> None:
    process = await agent.spawn("sh", ["-c", "sleep 1000 & echo $!; wait"])
    child = 0
    async for chunk in process.output():
        child = int(chunk.text)
        break
    await agent.signal_process(process.pid, sent)
    assert await process.wait() == 128 + number
    assert (await process.info()).signal == number
    gone = await agent.exec(f"while kill -0 {child} 2> /dev/null; do sleep 0.01; done", timeout=10)
    assert gone.exit_code == 0


async def test_stop_and_kill(agent: Agent) -> None:
    stubborn = await agent.spawn("sh", ["-c", "trap '' TERM; echo ready; while :; do sleep 1; done"])
    async for _ in stubborn.output():
        break
    await stubborn.stop()
    with pytest.raises(ConnectionFailed) as caught:
        await stubborn.wait(timeout=0.3)
    assert caught.value.code == "timeout"
    await agent.kill_process(stubborn.pid)
    assert await stubborn.wait() == 137
    await stubborn.kill()  # once it has ended, nothing happens


async def test_every_process_of_the_vm(agent: Agent) -> None:
    process = await agent.spawn("sh", ["-c", "sleep 1000 & wait"])
    parent = process.pid

    async def children() -> list[ProcessNode]:
        trees = await agent.process_tree()
        assert [tree.process.pid for tree in trees] == [1]
        (node,) = [node for node in trees[0].children if node.process.pid == parent]
        return list(node.children)

    found: list[ProcessNode] = []
    while not found:
        found = await children()
    child = found[0].process
    everything = {each.pid: each for each in await agent.all_processes()}
    assert everything[1].ppid == 0
    assert everything[parent].spawned
    assert not child.spawned
    assert everything[parent].memory_bytes > 0
    await agent.signal_process(child.pid, "KILL")  # of what was not spawned, that process alone
    assert await process.wait() == 0


async def test_what_is_refused(agent: Agent) -> None:
    process = await agent.spawn("sleep", ["1000"])
    for signal in ("SIGNONSENSE", 0, 65, -1, ""):
        with pytest.raises(InvalidRequest) as caught:
            await process.signal(signal)
        assert caught.value.code == "invalid_signal"
    with pytest.raises(HatchwayError):
        await agent.signal_process(1, "KILL")
    for call in (agent.get_process, agent.stop_process, agent.wait_process, agent.close_process_stdin):
        with pytest.raises(NotFound) as missing:
            await call(99_999)
        assert missing.value.code == "process_not_found"
    with pytest.raises(InvalidRequest) as beyond:
        await process.read_output(10)
    assert beyond.value.code == "invalid_offset"
    assert [info.pid for info in await agent.list_processes()] == [process.pid]


async def test_commands_that_take_too_long(agent: Agent) -> None:
    result = await agent.exec("sleep 1000 & echo $!; wait", timeout=0.3)
    assert (result.timed_out, result.exit_code, result.signal) == (True, 137, 9)
    child = int(result.stdout)
    gone = await agent.exec(f"while kill -0 {child} 2> /dev/null; do sleep 0.01; done", timeout=10)
    assert gone.exit_code == 0


async def test_a_list_runs_without_a_shell_and_text_with_one(agent: Agent) -> None:
    assert (await agent.exec(["echo", "$HOME", "|", "cat"])).stdout == "$HOME | cat\n"
    assert (await agent.exec("echo $HOME | cat", stdin="unread")).stdout == "/home/user\n"
    assert (await agent.exec(["cat"], stdin=b"\x00\xff")).stdout_bytes == b"\x00\xff"
    assert (await agent.exec("kill -9 $$")).signal == 9
    told: list[bytes] = []
    result = await agent.exec("printf out; printf err >&2", on_stderr=told.append)
    assert (result.stdout, result.stderr, told) == ("out", "", [b"err"])
