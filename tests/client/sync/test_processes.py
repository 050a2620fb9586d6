# Written by tools/generate-sync-client from tests/client/aio/test_processes.py.
from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from client.stub_server import VM, Answer, StubServer, answer, end, half, ndjson, never, out, refusal
from hatchway.client import (
    Client,
    OutputChunk,
    OutputCounts,
    ProcessInfo,
    ProcessNode,
    SyncAgent,
    SyncProcess,
    SystemProcess,
)
from hatchway.errors import Conflict, ConnectionFailed, HatchwayError, InvalidRequest, NotFound

DONE = answer(None, "204 No Content")
RUNNING = {
    "pid": 7,
    "command": ["node", "x.js"],
    "state": "running",
    "exit_code": None,
    "signal": None,
    "started_at": "2030-01-02T03:04:05.500Z",
    "output": {"bytes": 9, "kept_from": 4, "dropped_bytes": 4},
}
THEN = datetime(2030, 1, 2, 3, 4, 5, 500_000, UTC)
INFO = ProcessInfo(7, ("node", "x.js"), "running", None, None, THEN, OutputCounts(9, 4, 4))


def pieces(*parts: bytes) -> Iterator[bytes]:
    for part in parts:
        yield part


def kept(offset: int, stream: str, data: bytes) -> dict[str, object]:
    return {"stream": stream, "offset": offset, "data": base64.b64encode(data).decode()}


def test_spawn(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", f"{VM}/processes", answer({"pid": 7}, "201 Created"))
    process = agent.spawn("node", ["x.js"], env={"PORT": "3000"}, cwd="/tmp")
    assert (process.pid, process.command) == (7, ("node", "x.js"))
    assert repr(process) == f"{type(process).__name__}(pid=7, command=['node', 'x.js'])"
    assert server.received[-1].json() == {
        "command": "node",
        "args": ["x.js"],
        "env": {"PORT": "3000"},
        "cwd": "/tmp",
    }
    agent.spawn("cat", stdin="text")
    assert server.received[-1].json() == {"command": "cat", "args": [], "stdin": "text"}
    agent.spawn("cat", stdin=b"\xff")
    assert server.received[-1].json() == {"command": "cat", "args": [], "stdin_base64": "/w=="}


def test_processes_are_told_apart(agent: SyncAgent, client: Client, server: StubServer) -> None:
    server.on("POST", f"{VM}/processes", answer({"pid": 7}, "201 Created"))
    spawned = agent.spawn("node", env={"SECRET": "s3cret"}, stdin="s3cret")
    assert spawned == agent.process(7) == client.vm.get_or_create(["my-agent"]).process(7)
    assert len({spawned, agent.process(7), agent.process(8)}) == 2
    assert spawned != client.vm.get_or_create("other").process(7)
    assert spawned != 7
    assert "s3cret" not in repr(spawned)
    assert repr(agent.process(8)) == f"{type(spawned).__name__}(pid=8)"


def test_no_pid_is_used_in_another_vm(agent: SyncAgent, server: StubServer) -> None:
    gone = refusal("404 Not Found", "vm_not_found")
    server.on("POST", "/api/vms", answer({"id": VM.rpartition("/")[2]}), answer({"id": "second"}))
    server.on("POST", f"{VM}/processes", answer({"pid": 7}, "201 Created"))
    server.on("POST", f"{VM}/processes/7/kill", gone)
    server.on("POST", f"{VM}/processes/7/stdin", gone)
    server.on("GET", f"{VM}/processes/7/wait", gone)
    server.on("GET", f"{VM}/processes/7/output", gone)
    process = agent.spawn("node")

    def everything(process: SyncProcess) -> None:
        for call in (process.kill, process.wait, process.read_output):
            with pytest.raises(NotFound) as caught:
                call()
            assert caught.value.code == "vm_not_found"

    with pytest.raises(NotFound) as caught:
        agent.kill_process(7)
    assert caught.value.code == "vm_not_found"
    assert len(server.to("POST", "/api/vms")) == 1
    everything(process)
    # The agent's next action makes a new VM. The process is in none.
    server.on("GET", "/api/vms/second/processes", answer({"processes": []}))
    assert agent.list_processes() == []
    everything(process)
    with pytest.raises(NotFound):
        process.write_stdin(b"x")
    assert [one.target for one in server.received if "second" in one.target] == ["/api/vms/second/processes"]


def test_what_is_known_of_a_process(agent: SyncAgent, server: StubServer) -> None:
    server.on("GET", f"{VM}/processes", answer({"processes": [RUNNING]}))
    server.on("GET", f"{VM}/processes/7", answer(RUNNING))
    assert agent.list_processes() == [INFO]
    assert agent.get_process(7) == INFO
    assert agent.process(7).info() == INFO


def test_waiting(agent: SyncAgent, server: StubServer) -> None:
    server.on(
        "GET",
        f"{VM}/processes/7/wait",
        answer(RUNNING | {"state": "exited", "exit_code": 4}),
        answer(RUNNING | {"state": "exited", "signal": 15}),
        never,
    )
    assert agent.wait_process(7) == 4
    assert agent.process(7).wait() == 143
    with pytest.raises(ConnectionFailed) as caught:
        agent.wait_process(7, timeout=0.05)
    assert caught.value.code == "timeout"
    assert "process 7 did not end within 0.05 s" in caught.value.message


def test_waiting_outlasts_the_clients_time_out(server: StubServer) -> None:
    server.on("GET", f"{VM}/processes/7/wait", never)
    with Client(server.url, timeout=0.05) as client:
        with pytest.raises(ConnectionFailed) as caught:
            client.vm.get_or_create("a").wait_process(7, timeout=0.3)
    assert "0.3 s" in caught.value.message


def test_signals(agent: SyncAgent, server: StubServer) -> None:
    for action in ("stop", "kill", "signal", "stdin/close"):
        server.on("POST", f"{VM}/processes/7/{action}", DONE)
    agent.stop_process(7)
    agent.kill_process(7)
    agent.close_process_stdin(7)
    agent.signal_process(7, "SIGHUP")
    assert server.received[-1].json() == {"signal": "SIGHUP"}
    agent.process(7).signal(1)
    assert server.received[-1].json() == {"signal": 1}
    for action in ("stop", "kill", "stdin/close"):
        assert len(server.to("POST", f"{VM}/processes/7/{action}")) == 1
    for wrong in (True, None, 1.5):
        with pytest.raises(InvalidRequest) as caught:
            agent.signal_process(7, wrong)  # type: ignore[arg-type]
        assert caught.value.code == "invalid_signal"


def test_standard_input(agent: SyncAgent, server: StubServer) -> None:
    closed = refusal("409 Conflict", "stdin_closed")
    server.on("POST", f"{VM}/processes/7/stdin", answer({"written": 4}), answer({"written": 6}), closed)
    agent.write_process_stdin(7, "grün"[:3])
    assert server.received[-1].body == "grü".encode()
    agent.process(7).write_stdin(pieces(b"one", b"two"))
    assert server.received[-1].body == b"onetwo"
    assert server.received[-1].values("transfer-encoding") == ["chunked"]
    with pytest.raises(Conflict) as caught:
        agent.write_process_stdin(7, b"x")
    assert caught.value.code == "stdin_closed"


def test_output_until_the_end(agent: SyncAgent, server: StubServer) -> None:
    server.on(
        "GET",
        f"{VM}/processes/7/output",
        ndjson(
            {"dropped_bytes": 3, "offset": 3},
            kept(3, "stdout", b"gr\xc3"),
            kept(6, "stderr", b"oh"),
            {"next_offset": 8, "state": "exited", "exit_code": 0, "signal": None},
        ),
    )
    chunks = [chunk for chunk in agent.process(7).output(2)]
    assert chunks == [
        OutputChunk(3, None, b"", 3),
        OutputChunk(3, "stdout", b"gr\xc3"),
        OutputChunk(6, "stderr", b"oh"),
    ]
    assert [chunk.text for chunk in chunks] == ["", "gr\ufffd", "oh"]
    assert server.received[-1].target.endswith("?offset=2&follow=true")
    so_far = agent.process(7).read_output()
    assert server.received[-1].target.endswith("?offset=0&follow=false")
    assert (so_far.stdout, so_far.stderr, so_far.dropped_bytes) == ("gr\ufffd", "oh", 3)
    assert (so_far.next_offset, so_far.state, list(so_far.chunks)) == (8, "exited", chunks)


def test_output_that_breaks_off(agent: SyncAgent, server: StubServer) -> None:
    broken: list[Answer] = [
        ndjson(kept(0, "stdout", b"x")),
        half,
        ndjson({"error": {"code": "output_lost", "message": "m", "hint": "h"}}),
        refusal("404 Not Found", "process_not_found"),
        DONE,
    ]
    for one, code in zip(
        broken,
        ["connection_lost", "connection_lost", "output_lost", "process_not_found", "unexpected_answer"],
        strict=True,
    ):
        server.on("GET", f"{VM}/processes/7/output", one)
        with pytest.raises(HatchwayError) as caught:
            [chunk for chunk in agent.process(7).output()]
        assert caught.value.code == code
        with pytest.raises(HatchwayError) as caught:
            agent.process(7).read_output()
        assert caught.value.code == code


@pytest.mark.parametrize("offset", [-1, True, "0", 1.5, None])
def test_what_is_no_offset(agent: SyncAgent, server: StubServer, offset: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        agent.process(7).read_output(offset)
    assert caught.value.code == "invalid_offset"
    assert server.to("GET", f"{VM}/processes/7/output") == []


def test_every_process_of_the_vm(agent: SyncAgent, server: StubServer) -> None:
    one = {
        "pid": 1,
        "ppid": 0,
        "command": ["hatchway-init"],
        "state": "sleeping",
        "started_at": "2030-01-02T03:04:05.500Z",
        "memory_bytes": 4096,
        "spawned": False,
    }
    odd = one | {"pid": 9, "ppid": 1, "command": ["\ufffd"], "command_base64": ["/w=="]}
    server.on("GET", f"{VM}/processes/all", answer({"processes": [one, odd]}))
    parent = SystemProcess(1, 0, ("hatchway-init",), "sleeping", THEN, 4096, spawned=False)
    child = SystemProcess(9, 1, ("\udcff",), "sleeping", THEN, 4096, spawned=False)
    assert agent.all_processes() == [parent, child]
    assert agent.process_tree() == [ProcessNode(parent, (ProcessNode(child),))]


@pytest.mark.parametrize("pid", ["7", True, None, 1.5, "1/../../x"])
def test_what_is_no_pid(agent: SyncAgent, server: StubServer, pid: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        agent.process(pid)
    assert caught.value.code == "invalid_pid"
    with pytest.raises(InvalidRequest):
        agent.kill_process(pid)
    assert server.received == []


def test_a_process_that_is_not_there(agent: SyncAgent, server: StubServer) -> None:
    server.on("GET", f"{VM}/processes/7", refusal("404 Not Found", "process_not_found"))
    with pytest.raises(NotFound) as caught:
        agent.get_process(7)
    assert caught.value.code == "process_not_found"


def test_exec_says_when_its_standard_input_is_open(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", f"{VM}/exec", ndjson({"pid": 7}, out("stdout", b"x"), end()))
    told: list[int | bytes] = []
    result = agent.exec("cat", on_start=told.append, on_stdout=told.append)
    assert (told, result.exit_code) == ([7, b"x"], 0)
    assert server.to("POST", f"{VM}/exec")[0].json() == {"command": "cat", "stdin_open": True}
    server.on("POST", f"{VM}/exec", refusal("400 Bad Request", "invalid_stdin"))
    with pytest.raises(InvalidRequest):
        agent.exec("cat", stdin="x", on_start=told.append)


def test_exec_still_takes_its_standard_input_with_it(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", f"{VM}/exec", ndjson(out("stdout", b"x"), end()))
    agent.exec("cat", stdin=b"\xff")
    assert server.received[-1].json() == {"command": "cat", "stdin_base64": "/w=="}
