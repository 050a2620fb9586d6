"""A VM's processes by who started whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from hatchway.client.process_answers import ProcessNode, SystemProcess
from hatchway.vm.process_tree import trees


def process_tree(processes: Iterable[SystemProcess]) -> list[ProcessNode]:
    """The processes as trees; see `trees`."""
    return trees(processes, ProcessNode)
