from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.conftest import Run
from client.stub_server import VM, StubServer, answer
from hatchway.cli.ps import in_tree_order, outcome
from hatchway.client import OutputCounts, ProcessInfo, SystemProcess
from hatchway.client.process_tree import process_tree

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
EVIL = "\x1b]0;title\x07\t\n"


def spawned(**fields: Any) -> dict[str, Any]:
    return {
        "pid": 7,
        "command": ["sh", "-c", "exit 3"],
        "state": "exited",
        "exit_code": 3,
        "signal": None,
        "started_at": "2030-01-02T03:04:05.678Z",
        "output": {"bytes": 0, "kept_from": 0, "dropped_bytes": 0},
    } | fields


def system(pid: int, ppid: int, *command: str, **fields: Any) -> dict[str, Any]:
    return {
        "pid": pid,
        "ppid": ppid,
        "command": list(command),
        "state": "sleeping",
        "started_at": "2030-01-02T03:04:05Z",
        "memory_bytes": 3 * 2**19,
        "spawned": False,
    } | fields


async def test_spawned_programs(run: Run, server: StubServer) -> None:
    processes = [spawned(), spawned(pid=8, command=["x", EVIL], state="running", exit_code=None)]
    server.on("GET", f"{VM}/processes", answer({"processes": processes}))
    ran = await run("ps", "my-agent")
    first, second = ran.out.decode().splitlines()
    assert first == "7\texited 3\t2030-01-02T03:04:05Z\tsh -c 'exit 3'"
    assert second.split("\t")[:2] == ["8", "running"]
    assert "\x1b" not in second
    assert second.count("\t") == 3
    listed = json.loads((await run("ps", "my-agent", "--json")).out)
    assert listed[0] == {
        "pid": 7,
        "command": ["sh", "-c", "exit 3"],
        "state": "exited",
        "exit_code": 3,
        "signal": None,
        "started_at": "2030-01-02T03:04:05Z",
    }
    assert listed[1]["command"] == ["x", EVIL]


async def test_nothing_was_spawned(run: Run, server: StubServer) -> None:
    server.on("GET", f"{VM}/processes", answer({"processes": []}))
    ran = await run("ps", "my-agent")
    assert (ran.code, ran.out) == (0, b"")
    assert "--all" in ran.err


async def test_every_process_and_the_tree(run: Run, server: StubServer) -> None:
    processes = [system(1, 0, "init"), system(4, 1, "a b"), system(5, 4, "deep"), system(6, 1, "last")]
    server.on("GET", f"{VM}/processes/all", answer({"processes": processes}))
    lines = (await run("ps", "my-agent", "--all")).out.decode().splitlines()
    assert lines[1] == "4\t1\tsleeping\t1.5\t2030-01-02T03:04:05Z\t'a b'"
    lines = (await run("ps", "my-agent", "--tree")).out.decode().splitlines()
    assert [line.split("\t")[-1] for line in lines] == ["init", "├─ 'a b'", "│  └─ deep", "└─ last"]
    for flag in ("--all", "--tree"):
        assert json.loads((await run("ps", "my-agent", flag, "--json")).out) == processes


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), unique_by=lambda pair: pair[0]))
def test_each_process_is_in_the_tree_once_below_its_parent(pairs: list[tuple[int, int]]) -> None:
    processes = [SystemProcess(pid, ppid, (str(pid),), "idle", NOW, 0, False) for pid, ppid in pairs]
    shown = list(in_tree_order(process_tree(processes)))
    assert sorted(process.pid for process, _ in shown) == sorted(pid for pid, _ in pairs)
    path: list[int] = []
    for process, words in shown:
        lines = words.removesuffix(shlex.join(process.command))
        depth = len(lines) // 3
        assert depth <= len(path)
        path = [*path[:depth], process.pid]
        if depth:
            assert process.ppid == path[-2]


def test_a_tree_may_be_deep() -> None:
    chain = [SystemProcess(pid, pid - 1, ("x",), "idle", NOW, 0, False) for pid in range(1, 5001)]
    assert len(list(in_tree_order(process_tree(chain)))) == 5000


@pytest.mark.parametrize(
    ("exit_code", "signal", "words"),
    [(0, None, "exited 0"), (None, 15, "SIGTERM"), (None, 63, "signal 63"), (None, None, "exited")],
)
def test_how_it_ended(exit_code: int | None, signal: int | None, words: str) -> None:
    counts = OutputCounts(0, 0, 0)
    assert outcome(ProcessInfo(1, ("x",), "exited", exit_code, signal, NOW, counts)) == words
