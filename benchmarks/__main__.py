"""Measure everything, print the tables and write docs/performance.md: `make bench`.

`python -m benchmarks --quick` is a first look, with fewer samples, and writes nothing.
"""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import gateway_vs_nginx, mint_previews, virtual_machines
from benchmarks.table import Row, markdown

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"

PARTS = (
    ("Virtual machines", "python -m benchmarks.virtual_machines", virtual_machines.run, virtual_machines),
    ("The gateway", "python -m benchmarks.gateway_vs_nginx", gateway_vs_nginx.run, gateway_vs_nginx),
    ("Previews", "python -m benchmarks.mint_previews", mint_previews.run, mint_previews),
)


def machine() -> str:
    """What the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, Linux {platform.release().split('-')[0]} on "
        f"{platform.machine()}, Python {platform.python_version()}, "
        f"{'root' if os.geteuid() == 0 else 'an ordinary user'}, {datetime.now(UTC):%Y-%m-%d}"
    )


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
    for title, command, run, module in PARTS:
        print(f"measuring: {title.lower()}", file=sys.stderr)
        rows: list[Row] = run(quick)
        about = (module.__doc__ or "").strip()
        part = f"\n## {title}\n\n`{command}`\n\n{about}\n\n{markdown(rows)}"
        print(part)
        text += part
    if not quick:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
