"""All that a choice of software needs, each once. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hatchway.errors import InvalidRequest
from hatchway.software.software import Software
from hatchway.software.sources import NodeJs
from hatchway.software.versions import is_at_least


def resolve(chosen: Iterable[Software]) -> tuple[Software, ...]:
    """`chosen` and whatever it needs, each once and behind what it needs itself.

    Where several Node.js are asked for, the newest of them takes the place of all.

    Raises:
        InvalidRequest: `invalid_option`: two that differ have the same name.
    """
    found: dict[str, Software] = {}

    def add(software: Software) -> None:
        for need in software.needs:
            add(need)
        earlier = found.get(software.name)
        found[software.name] = software if earlier is None else _one_of(earlier, software)

    # Frozen values hold only values that were there before them, so this ends.
    for software in chosen:
        add(software)
    return tuple(found.values())


def _one_of(first: Software, second: Software) -> Software:
    if first == second:
        return first
    if isinstance(first.source, NodeJs) and isinstance(second.source, NodeJs):
        newest = second if is_at_least(second.source.at_least or "0", first.source.at_least) else first
        if replace(first, source=second.source) == second:
            return newest
    raise InvalidRequest(
        "invalid_option",
        f"two different software are named {first.name!r}, and both are asked for in one VM",
        "give one of them another name, or leave it out",
    )
