"""Processes by who started whom. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar


class _Process(Protocol):
    @property
    def pid(self) -> int: ...

    @property
    def ppid(self) -> int: ...


P = TypeVar("P", bound=_Process)
N = TypeVar("N")


def trees(processes: Iterable[P], node: Callable[[P, tuple[N, ...]], N]) -> list[N]:
    """The processes as trees: those whose parent is not among them are the roots, in the order of their pids.

    What a VM says of itself may be wrong in any way. Each process is in the trees once; of those that say to be each
    other's parents the one with the lowest pid is a root.

    Args:
        processes: in any order.
        node: makes a node of a process and of those below it.
    """
    by_pid = {process.pid: process for process in processes}
    children: dict[int, list[int]] = {pid: [] for pid in by_pid}
    roots = []
    for pid in sorted(by_pid):
        parent = by_pid[pid].ppid
        if parent in by_pid and parent != pid:
            children[parent].append(pid)
        else:
            roots.append(pid)
    nodes: dict[int, N] = {}
    seen: set[int] = set()
    found = {root: _tree(root, by_pid, children, node, nodes, seen) for root in roots}
    # What is left goes in circles.
    for pid in sorted(by_pid):
        if pid not in seen:
            found[pid] = _tree(pid, by_pid, children, node, nodes, seen)
    return [found[pid] for pid in sorted(found)]


def _tree(
    root: int,
    by_pid: dict[int, P],
    children: dict[int, list[int]],
    node: Callable[[P, tuple[N, ...]], N],
    nodes: dict[int, N],
    seen: set[int],
) -> N:
    """The tree below `root`. Not recursive: a tree may be deeper than Python's stack."""
    order = [root]
    seen.add(root)
    below: dict[int, list[int]] = {}
    for pid in order:
        below[pid] = [child for child in children[pid] if child not in seen]
        seen.update(below[pid])
        order += below[pid]
    for pid in reversed(order):
        nodes[pid] = node(by_pid[pid], tuple(nodes[child] for child in below[pid]))
    return nodes[root]
