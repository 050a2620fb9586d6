from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from hatchway.client.process_answers import ProcessNode, SystemProcess
from hatchway.client.process_tree import process_tree

THEN = datetime(2026, 1, 1, tzinfo=UTC)


def process(pid: int, ppid: int) -> SystemProcess:
    return SystemProcess(pid, ppid, ("x",), "sleeping", THEN, 0, spawned=False)


def pids(nodes: list[ProcessNode] | tuple[ProcessNode, ...]) -> Iterator[int]:
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node.process.pid
        waiting += node.children


def test_who_started_whom() -> None:
    one, two, three, four = process(1, 0), process(7, 1), process(8, 7), process(9, 1)
    assert process_tree([four, three, two, one]) == [
        ProcessNode(one, (ProcessNode(two, (ProcessNode(three),)), ProcessNode(four)))
    ]


def test_a_parent_that_is_not_there() -> None:
    assert process_tree([process(5, 99)]) == [ProcessNode(process(5, 99))]


def test_circles_are_cut() -> None:
    one, two, own = process(2, 3), process(3, 2), process(4, 4)
    assert process_tree([two, one, own]) == [ProcessNode(one, (ProcessNode(two),)), ProcessNode(own)]


def test_a_deep_tree() -> None:
    trees = process_tree([process(pid, pid - 1) for pid in range(1, 5000)])
    assert sorted(pids(trees)) == list(range(1, 5000))
    assert "pid=1," in repr(trees)


@given(st.dictionaries(st.integers(-2, 30), st.integers(-2, 30)))
def test_each_process_is_there_once(parents: dict[int, int]) -> None:
    trees = process_tree([process(pid, ppid) for pid, ppid in parents.items()])
    assert sorted(pids(trees)) == sorted(parents)
    waiting = list(trees)
    while waiting:
        node = waiting.pop()
        assert all(child.process.ppid == node.process.pid for child in node.children)
        waiting += node.children
