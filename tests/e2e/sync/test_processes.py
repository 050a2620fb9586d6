# Written by tools/generate-sync-client from tests/e2e/aio/test_processes.py.
"""Every action of an agent on processes, in a real VM."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hatchway import Conflict, ConnectionFailed, HatchwayError, InvalidRequest, NotFound, SyncAgent
from hatchway.client import ProcessNode

pytestmark = pytest.mark.sandbox


def pieces(*parts: bytes) -> Iterator[bytes]:
    for part in parts:
        yield part


def test_output_is_kept_and_read_by_offset(agent: SyncAgent) -> None:
    process = agent.spawn("sh", ["-c", "printf one; printf two >&2; printf 'gr\\303\\274n'"])
    assert process.wait() == 0
    kept = process.read_output()
    assert (kept.stdout, kept.stderr, kept.dropped_bytes, kept.state) == ("onegrün", "two", 0, "exited")
    assert kept.next_offset == 11
    assert process.read_output(11) == type(kept)((), 11, "exited")
    rest = agent.process(process.pid).read_output(1)
    assert sum(len(chunk.data) for chunk in rest.chunks) == 10
    info = process.info()
    assert (info.state, info.exit_code, info.signal, info.output.bytes) == ("exited", 0, None, 11)


def test_output_comes_while_it_runs(agent: SyncAgent) -> None:
    process = agent.spawn("cat")
    seen = b""
    process.write_stdin("first")
    for chunk in process.output():
        assert chunk.stream == "stdout"
        seen += chunk.data
        if seen == b"first":
            process.write_stdin(pieces(b"sec", b"ond"))
        if seen == b"firstsecond":
            process.close_stdin()
            process.close_stdin()
    assert seen == b"firstsecond"
    assert process.wait() == 0
    with pytest.raises(Conflict) as caught:
        process.write_stdin("x")
    assert caught.value.code in {"process_ended", "stdin_closed"}


def test_what_is_dropped_is_counted_and_said(agent: SyncAgent) -> None:
    process = agent.spawn("sh", ["-c", "head -c 3000000 /dev/zero; printf end"])
    assert process.wait() == 0
    kept = process.read_output()
    assert kept.stdout.endswith("end")
    size = sum(len(chunk.data) for chunk in kept.chunks)
    assert 0 < size <= 1_048_576
    assert kept.dropped_bytes == 3_000_003 - size
    assert kept.chunks[0].data == b""
    assert kept.chunks[0].dropped_bytes == kept.dropped_bytes
    assert (process.info()).output.dropped_bytes == kept.dropped_bytes


def test_standard_input_that_comes_with_it(agent: SyncAgent) -> None:
    for given, said in (("text ü", "text ü"), (b"\x00\xff", "\x00\ufffd"), ("", "")):
        process = agent.spawn("cat", stdin=given)
        assert process.wait() == 0
        assert (process.read_output()).stdout == said


def test_surroundings_of_a_process(agent: SyncAgent) -> None:
    process = agent.spawn("sh", ["-c", "pwd; echo $OWN"], cwd="/tmp", env={"OWN": "value"})
    assert process.command == ("sh", "-c", "pwd; echo $OWN")
    process.wait()
    assert (process.read_output()).stdout == "/tmp\nvalue\n"


@pytest.mark.parametrize(("sent", "number"), [("SIGHUP", 1), ("usr1", 10), (9, 9), ("TERM", 15)])
def test_signals_reach_the_whole_group(agent: SyncAgent, sent: str | int, number: int) -> None:
    process = agent.spawn("sh", ["-c", "sleep 1000 & echo $!; wait"])
    child = 0
    for chunk in process.output():
        child = int(chunk.text)
        break
    agent.signal_process(process.pid, sent)
    assert process.wait() == 128 + number
    assert (process.info()).signal == number
    gone = agent.exec(f"while kill -0 {child} 2> /dev/null; do sleep 0.01; done", timeout=10)
    assert gone.exit_code == 0


def test_stop_and_kill(agent: SyncAgent) -> None:
    stubborn = agent.spawn("sh", ["-c", "trap '' TERM; echo ready; while :; do sleep 1; done"])
    for _ in stubborn.output():
        break
    stubborn.stop()
    with pytest.raises(ConnectionFailed) as caught:
        stubborn.wait(timeout=0.3)
    assert caught.value.code == "timeout"
    agent.kill_process(stubborn.pid)
    assert stubborn.wait() == 137
    stubborn.kill()  # once it has ended, nothing happens


def test_every_process_of_the_vm(agent: SyncAgent) -> None:
    process = agent.spawn("sh", ["-c", "sleep 1000 & wait"])
    parent = process.pid

    def children() -> list[ProcessNode]:
        trees = agent.process_tree()
        assert [tree.process.pid for tree in trees] == [1]
        (node,) = [node for node in trees[0].children if node.process.pid == parent]
        return list(node.children)

    found: list[ProcessNode] = []
    while not found:
        found = children()
    child = found[0].process
    everything = {each.pid: each for each in agent.all_processes()}
    assert everything[1].ppid == 0
    assert everything[parent].spawned
    assert not child.spawned
    assert everything[parent].memory_bytes > 0
    agent.signal_process(child.pid, "KILL")  # of what was not spawned, that process alone
    assert process.wait() == 0


def test_what_is_refused(agent: SyncAgent) -> None:
    process = agent.spawn("sleep", ["1000"])
    for signal in ("SIGNONSENSE", 0, 65, -1, ""):
        with pytest.raises(InvalidRequest) as caught:
            process.signal(signal)
        assert caught.value.code == "invalid_signal"
    with pytest.raises(HatchwayError):
        agent.signal_process(1, "KILL")
    for call in (agent.get_process, agent.stop_process, agent.wait_process, agent.close_process_stdin):
        with pytest.raises(NotFound) as missing:
            call(99_999)
        assert missing.value.code == "process_not_found"
    with pytest.raises(InvalidRequest) as beyond:
        process.read_output(10)
    assert beyond.value.code == "invalid_offset"
    assert [info.pid for info in agent.list_processes()] == [process.pid]


def test_commands_that_take_too_long(agent: SyncAgent) -> None:
    result = agent.exec("sleep 1000 & echo $!; wait", timeout=0.3)
    assert (result.timed_out, result.exit_code, result.signal) == (True, 137, 9)
    child = int(result.stdout)
    gone = agent.exec(f"while kill -0 {child} 2> /dev/null; do sleep 0.01; done", timeout=10)
    assert gone.exit_code == 0


def test_a_list_runs_without_a_shell_and_text_with_one(agent: SyncAgent) -> None:
    assert (agent.exec(["echo", "$HOME", "|", "cat"])).stdout == "$HOME | cat\n"
    assert (agent.exec("echo $HOME | cat", stdin="unread")).stdout == "/home/user\n"
    assert (agent.exec(["cat"], stdin=b"\x00\xff")).stdout_bytes == b"\x00\xff"
    assert (agent.exec("kill -9 $$")).signal == 9
    told: list[bytes] = []
    result = agent.exec("printf out; printf err >&2", on_stderr=told.append)
    assert (result.stdout, result.stderr, told) == ("out", "", [b"err"])
