"""Processes by who started whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from hatchway.client.process_answers import ProcessNode, SystemProcess


def process_tree(processes: Iterable[SystemProcess]) -> list[ProcessNode]:
    """The processes as trees: those whose parent is not among them are the roots.

    What a VM says of itself may be wrong in any way. Each process is in the trees once; of those that say to be each
    other's parents the one with the lowest pid is a root.
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
    nodes: dict[int, ProcessNode] = {}
    seen: set[int] = set()
    trees = [_tree(root, by_pid, children, nodes, seen) for root in roots]
    # What is left goes in circles.
    trees.extend(_tree(pid, by_pid, children, nodes, seen) for pid in sorted(by_pid) if pid not in seen)
    return sorted(trees, key=lambda node: node.process.pid)


def _tree(
    root: int,
    by_pid: dict[int, SystemProcess],
    children: dict[int, list[int]],
    nodes: dict[int, ProcessNode],
    seen: set[int],
) -> ProcessNode:
    """The tree below `root`. Not recursive: a tree may be deeper than Python's stack."""
    order = [root]
    seen.add(root)
    below: dict[int, list[int]] = {}
    for pid in order:
        below[pid] = [child for child in children[pid] if child not in seen]
        seen.update(below[pid])
        order += below[pid]
    for pid in reversed(order):
        nodes[pid] = ProcessNode(by_pid[pid], tuple(nodes[child] for child in below[pid]))
    return nodes[root]
