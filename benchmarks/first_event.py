"""From a request to the first of a stream's events: through the gateway, through nginx, and without a proxy.

The service sends the head and the first event at once and in one piece, and the next ones half a second apart. Every
sample is a connection of its own, which has made one short request before: so the proxies have a connection to the
service ready, and what is measured is passing on a request and the beginning of an answer that does not end. nginx
runs with `proxy_buffering off`, or events would wait in its buffers. Alternating; a ratio of 1 would be as fast as the
other. By `strace` the gateway makes no system call too many: it reads the request, writes it, reads the answer, and
writes head and event at once. What it needs more than nginx is Python's time and the event loop's.

    python -m benchmarks.first_event [--quick]
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.programs.events import EVENT
from benchmarks.proxies import Proxy, gateway, nginx_proxy, program
from benchmarks.rounds import alternate, percentile
from benchmarks.table import Row, at_most, markdown


def first_event(proxy: Proxy) -> float:
    """Microseconds from sending the request to having the whole first event.

    Raises:
        SystemExit: it did not come.
    """
    with proxy.connect() as sock:
        sock.sendall(f"GET / HTTP/1.1\r\nHost: {proxy.host}\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += sock.recv(65536) or _fail(proxy, answer)
        request = f"GET /events HTTP/1.1\r\nHost: {proxy.host}\r\nAccept: text/event-stream\r\n\r\n".encode()
        answer = b""
        started = time.perf_counter_ns()
        sock.sendall(request)
        while EVENT not in answer:
            answer += sock.recv(65536) or _fail(proxy, answer)
        return (time.perf_counter_ns() - started) / 1000


def _fail(proxy: Proxy, answer: bytes) -> bytes:
    raise SystemExit(f"{proxy.name} closed the connection after {answer!r}")


def run(quick: bool = False) -> list[Row]:
    """All rows. Quick: fewer connections, for a first look."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        direct = stack.enter_context(program("events", label="direct"))
        ours = stack.enter_context(gateway(direct.port))
        theirs = stack.enter_context(nginx_proxy(Path(folder), direct.port, "proxy_buffering off;"))
        samples = alternate(200 if quick else 3000, (ours, theirs, direct), first_event)
    rows = []
    for other in ("nginx", "direct"):
        mine, their = samples["gateway"], samples[other]
        what = "request to first event"
        rows += [
            at_most(f"{what}: median", "µs", statistics.median(mine), other, statistics.median(their)),
            at_most(f"{what}: 99th percentile", "µs", percentile(mine, 99), other, percentile(their, 99)),
        ]
    return rows


if __name__ == "__main__":
    print(markdown(run("--quick" in sys.argv)), end="")
