"""Measure everything, print the tables and write docs/performance.md: `make bench`.

`python -m benchmarks --quick` is a first look, with fewer samples, and writes nothing.
"""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from benchmarks import (
    end_of_a_grant,
    first_event,
    idle_connections,
    large_bodies,
    life_of_a_vm,
    many_vms,
    mint_previews,
    new_connections,
    small_requests,
    virtual_machines,
    websocket_round_trip,
)
from benchmarks.table import Row, markdown

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"

PARTS: tuple[tuple[str, ModuleType], ...] = (
    ("Virtual machines", virtual_machines),
    ("Virtual machines: waking, and the pool", life_of_a_vm),
    ("Virtual machines: a thousand", many_vms),
    ("The gateway: small requests", small_requests),
    ("The gateway: new connections", new_connections),
    ("The gateway: large bodies", large_bodies),
    ("The gateway: WebSocket round trip", websocket_round_trip),
    ("The gateway: first event", first_event),
    ("The gateway: idle connections", idle_connections),
    ("The gateway: the end of a grant", end_of_a_grant),
    ("Previews", mint_previews),
)
"""The parts of the page: a heading, and the module whose docstring and `run` make the part."""


def machine() -> str:
    """What the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, Linux {platform.release().split('-')[0]} on "
        f"{platform.machine()}, Python {platform.python_version()}, "
        f"{'root' if os.geteuid() == 0 else 'an ordinary user'}, {datetime.now(UTC):%Y-%m-%d}"
    )


def command(module: ModuleType) -> str:
    """The command that measures one part alone."""
    return f"python -m {module.__name__}"


def about(module: ModuleType) -> str:
    """What a part says about itself: its module's docstring, without the command, which stands above it."""
    usage = f"    {command(module)} [--quick]"
    return (module.__doc__ or "").replace(usage, "").strip()


def main() -> None:
    """Run every benchmark, one after another."""
    quick = "--quick" in sys.argv[1:]
    text = (
        "# Performance\n\n"
        "Written by `make bench`. Every figure stands beside something real that was measured in the same run, since\n"
        "absolute times differ between machines; a ratio compares ours with it. Goals are named where there are any,\n"
        "and a goal that is missed is shown as missed.\n\n"
        f"Measured on: {machine()}.\n"
    )
    for title, module in PARTS:
        print(f"measuring: {title}", file=sys.stderr)
        rows: list[Row] = module.run(quick)
        part = f"\n## {title}\n\n`{command(module)}`\n\n{about(module)}\n\n{markdown(rows)}"
        print(part)
        text += part
    if not quick:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
