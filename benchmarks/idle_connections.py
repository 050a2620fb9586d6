"""The memory that 10,000 idle keep-alive connections take of the gateway's process, beside nginx.

Each of them has made one request and stays open. Measured is the growth of the process's resident memory, by the
number of connections, after a start in which a few hundred came and went. What the kernel keeps for a socket is not in
it, for both; nor is what nginx takes for all its connections when it starts. A machine that does not allow so many open
files is asked for fewer: the row says how many there were.

    python -m benchmarks.idle_connections [--quick]
"""

from __future__ import annotations

import contextlib
import socket
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.proxies import Proxy, gateway, nginx, nginx_proxy, raise_file_limit
from benchmarks.table import Row, at_most, markdown

CONNECTIONS = 10_000
WARM_UP = 500
SPARE_FILES = 200
MOST_KILOBYTES = 10
PER_ADDRESS = 2_000
"""Connections from one source address: with many, the kernel looks long for a free port."""

_SETTLED_SECONDS = 0.5
_IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; Python has had a name for it since 3.12


def bytes_per_connection(proxy: Proxy, count: int) -> float:
    """How much the process grows with each connection that idles.

    Raises:
        SystemExit: one was refused or closed.
    """
    _open(proxy, WARM_UP)
    before = _settled(proxy)
    idle = _open(proxy, count, keep=True)
    grown = _settled(proxy) - before
    for sock in idle:
        with sock, contextlib.suppress(BlockingIOError):
            sock.setblocking(False)
            raise SystemExit(f"{proxy.name} sent {sock.recv(1)!r} on an idle connection, or closed it")
    return grown / count


def _open(proxy: Proxy, count: int, *, keep: bool = False) -> list[socket.socket]:
    request = f"GET / HTTP/1.1\r\nHost: {proxy.host}\r\n\r\n".encode()
    kept = []
    for number in range(count):
        sock = _connect(proxy, f"127.0.0.{1 + number // PER_ADDRESS}")
        sock.sendall(request)
        answer = sock.recv(65536)
        while not answer.endswith(b"Hello from VM\n"):
            more = sock.recv(65536)
            if not more:
                raise SystemExit(f"{proxy.name} closed connection {number} after {answer!r}")
            answer += more
        if keep:
            kept.append(sock)
        else:
            sock.close()
    return kept


def _connect(proxy: Proxy, source: str) -> socket.socket:
    sock = socket.socket()
    # The port is chosen by connect(2), by which one may be shared among destinations (ip(7)).
    sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((source, 0))
    sock.connect(("127.0.0.1", proxy.port))
    return sock


def _settled(proxy: Proxy) -> int:
    """The resident memory once it does not change any more."""
    last, since = proxy.resident_bytes(), time.monotonic()
    while time.monotonic() - since < _SETTLED_SECONDS:
        time.sleep(0.02)
        now = proxy.resident_bytes()
        if now != last:
            last, since = now, time.monotonic()
    return last


def run(quick: bool = False) -> list[Row]:
    """One row. Quick: fewer connections, for a first look."""
    count = 1_000 if quick else CONNECTIONS
    # The sockets are in one process, and their other ends and the upstream's connections in another.
    count = min(count, raise_file_limit(CONNECTIONS + SPARE_FILES) - SPARE_FILES)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "www").mkdir()
        (folder / "www" / "index.html").write_text("Hello from VM\n")
        upstream = stack.enter_context(nginx(folder, "direct", f"root {folder}/www; etag off;"))
        ours = stack.enter_context(gateway(upstream.port))
        theirs = stack.enter_context(nginx_proxy(folder, upstream.port))
        mine, their = (bytes_per_connection(proxy, count) / 1024 for proxy in (ours, theirs))
    row = at_most(f"memory per idle connection, of {count:,}", "KB", mine, "nginx", their)
    return [row._replace(goal=f"at most {MOST_KILOBYTES} KB", met=mine <= MOST_KILOBYTES)]


if __name__ == "__main__":
    print(markdown(run("--quick" in sys.argv)), end="")
