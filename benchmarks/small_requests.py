"""Small GET over 32 keep-alive connections: beside nginx, beside aiohttp as a proxy, and without a proxy.

An nginx serves a small static file. The proxies stand before it: our gateway (a process of its own, in-memory
backend), nginx with one worker and keep-alive connections, and a plain streaming proxy made of aiohttp. wrk drives
each in short alternating rounds; the medians are printed. CPU is the user and system time of the proxy's process. The
first rows repeat one short head. The gateway remembers what it found out about heads it saw before, so the rows of
distinct heads are the ones to look at for real traffic: 140,000 different ones like those of browsers and programs,
answered with a field that differs each time. A ratio above 1 is better than the other, whatever the unit. Load
generator, proxy and upstream share the machine's cores: with two, requests/s and times are those of all three
together, and CPU per request is the proxy's alone.

Where the rest goes, by `perf record` on either process under this load, in per cent of its own time:

    head      proxy    kernel   interpreter or nginx   event loop   C library
    one       ours         73                     20            5           3
    one       nginx        77                     19            -           4
    distinct  ours         51                     43            2           3
    distinct  nginx        73                     24            -           3

With one head both make the same system calls, two reads and two writes, and spend three quarters of their time in them;
of what is left ours is 2.7 µs of Python. A head that was never seen costs 8 to 9 µs of Python more: half of it to read
the request line and to work out where it goes, half to check the answer's head line by line and to put it together. In
nginx that is compiled. The kernel's part is the same, so no less Python than none would reach it.

    python -m benchmarks.small_requests [--quick]
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.load import Load, drive
from benchmarks.proxies import aiohttp_proxy, gateway, nginx, nginx_proxy
from benchmarks.rounds import alternate
from benchmarks.table import Row, better, markdown

GOAL = 1.0


def run(quick: bool = False) -> list[Row]:
    """All rows. Quick: fewer rounds, for a first look."""
    rounds = 2 if quick else 11
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "www").mkdir()
        (folder / "www" / "index.html").write_text("Hello from VM\n")
        direct = stack.enter_context(
            nginx(
                folder,
                "direct",
                f"root {folder}/www; etag off;"
                "location /items/ { rewrite ^ /index.html break; add_header X-Request-Id $request_id; }",
            )
        )
        ours = stack.enter_context(gateway(direct.port))
        theirs = stack.enter_context(nginx_proxy(folder, direct.port))
        library = stack.enter_context(aiohttp_proxy(direct.port))
        one = alternate(rounds, (ours, theirs, library, direct), partial(drive, seconds=1))
        many = alternate(rounds, (ours, theirs), partial(drive, seconds=1, distinct=True))
    same = {name: _median(loads) for name, loads in one.items()}
    distinct = {name: _median(loads) for name, loads in many.items()}
    return [
        *_rows("small GET, one head", same["gateway"], "nginx", same["nginx"], GOAL),
        *_rows("small GET, distinct heads", distinct["gateway"], "nginx", distinct["nginx"], GOAL),
        *_rows("small GET, one head", same["gateway"], "aiohttp", same["aiohttp"], None),
        *_rows("small GET, one head", same["gateway"], "direct", same["direct"], None, cpu=False),
    ]


def _median(loads: list[Load]) -> Load:
    return Load(*(statistics.median(values) for values in zip(*loads, strict=True)))


def _rows(
    what: str, ours: Load, other: str, theirs: Load, goal: float | None, *, cpu: bool = True
) -> list[Row]:
    rows = [better(what, "requests/s", ours.rate, other, theirs.rate, goal=goal)]
    if cpu:  # an upstream's own is not a proxy's
        rows.append(better(f"{what}: CPU each", "µs", ours.cpu, other, theirs.cpu, goal=goal, less=True))
    rows.append(better(f"{what}: median", "ms", ours.p50, other, theirs.p50, goal=goal, less=True))
    rows.append(better(f"{what}: 99th percentile", "ms", ours.p99, other, theirs.p99, goal=goal, less=True))
    return rows


if __name__ == "__main__":
    print(markdown(run("--quick" in sys.argv)), end="")
