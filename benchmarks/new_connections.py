"""New connections: connect, one small GET, close; beside nginx, and without a proxy.

wrk keeps 32 connections under way and asks for the end of each with `Connection: close`; the proxies keep theirs to
the upstream, an nginx with a small static file. Short alternating rounds; the medians are printed. CPU is the user and
system time of the proxy's process. A ratio above 1 is better than the other, whatever the unit. Load generator, proxy
and upstream share the machine's cores.

Where the rest goes, by `perf record` on either process under this load: 70 % of our time is the kernel's, 20 % the
interpreter's, 7 % the event loop's and 4 % the C library's; 78 % of nginx's is the kernel's. By `strace`, uvloop
makes 15 system calls for such a connection while nothing else happens, where nginx makes 12: it asks for both addresses
of the socket, takes it out of epoll before it is closed, and looks for events once more before the close is told. The
Python part is making the objects of a connection, and setting it up and taking it down in uvloop.

    python -m benchmarks.new_connections [--quick]
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.load import Load, drive
from benchmarks.proxies import gateway, nginx, nginx_proxy
from benchmarks.rounds import alternate
from benchmarks.table import Row, better, markdown

GOAL = 1.0


def run(quick: bool = False) -> list[Row]:
    """All rows. Quick: fewer rounds, for a first look."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "www").mkdir()
        (folder / "www" / "index.html").write_text("Hello from VM\n")
        direct = stack.enter_context(nginx(folder, "direct", f"root {folder}/www; etag off;"))
        ours = stack.enter_context(gateway(direct.port))
        theirs = stack.enter_context(nginx_proxy(folder, direct.port))
        measure = partial(drive, seconds=1, headers=("Connection: close",))
        loads = alternate(2 if quick else 9, (ours, theirs, direct), measure)
    medians = {name: Load(*map(statistics.median, zip(*each, strict=True))) for name, each in loads.items()}
    mine, their, bare = medians["gateway"], medians["nginx"], medians["direct"]
    what = "connect, GET, close"
    return [
        better(what, "connections/s", mine.rate, "nginx", their.rate, goal=GOAL),
        better(f"{what}: CPU each", "µs", mine.cpu, "nginx", their.cpu, goal=GOAL, less=True),
        better(what, "connections/s", mine.rate, "direct", bare.rate, goal=None),
    ]


if __name__ == "__main__":
    print(markdown(run("--quick" in sys.argv)), end="")
