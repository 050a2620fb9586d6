"""100 MB down and up through the gateway, beside nginx.

Downloads are a file that an nginx serves; uploads go to a small program that reads and counts every byte, the same for
all. nginx stands there three times. The goals are about the one that is set up as docs/deploy.md says, with
`proxy_buffering off` and `proxy_request_buffering off`: it passes on what it has as soon as it has it, as the gateway
must, too, or events would wait. The others may collect: with buffers of 256 KB, as much as our event loop reads at
once, and with the default ones. They stand beside it for comparison, without a goal, since a program that may wait for
full buffers does not do the same work. Blocking
clients send and receive; rounds alternate, and the medians are printed. CPU is the user and system time of the
proxy's process for one body. A ratio above 1 is better than the other, whatever the unit. Client, proxy and upstream
share the machine's cores, so MB/s is what all three reach together.

    python -m benchmarks.large_bodies [--quick]
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.proxies import Proxy, gateway, nginx, nginx_proxy, program
from benchmarks.rounds import alternate
from benchmarks.table import Row, better, markdown

GOAL = 1.0
MEGABYTE = 1 << 20
BIG_BYTES = 100 * MEGABYTE

LARGE_BUFFERS = (
    "proxy_buffer_size 256k; proxy_buffers 8 256k; proxy_busy_buffers_size 512k;client_body_buffer_size 256k;"
)
STREAMED = "proxy_request_buffering off;"
PEERS = (
    ("nginx, unbuffered", "proxy_buffering off;"),
    ("nginx, 256 KB buffers", LARGE_BUFFERS),
    ("nginx, default buffers", ""),
)


class Body(NamedTuple):
    """One body that was moved."""

    speed: float
    """MB a second."""
    cpu: float
    """Milliseconds of the proxy's CPU."""


def download(proxy: Proxy) -> Body:
    """Fetch the file.

    Raises:
        SystemExit: it did not come whole.
    """
    buffer = bytearray(MEGABYTE)
    before = proxy.cpu_seconds()
    with proxy.connect() as sock:
        started = time.monotonic()
        sock.sendall(f"GET /big HTTP/1.1\r\nHost: {proxy.host}\r\nConnection: close\r\n\r\n".encode())
        total = 0
        while size := sock.recv_into(buffer):
            total += size
        seconds = time.monotonic() - started
    if total < BIG_BYTES:
        raise SystemExit(f"a download through {proxy.name} ended after {total} bytes")
    return Body(BIG_BYTES / seconds / 1e6, (proxy.cpu_seconds() - before) * 1000)


def upload(proxy: Proxy) -> Body:
    """Send as much, and wait for the answer that says how much came.

    Raises:
        SystemExit: it did not come whole.
    """
    piece = bytes(MEGABYTE)
    before = proxy.cpu_seconds()
    with proxy.connect() as sock:
        started = time.monotonic()
        sock.sendall(f"POST / HTTP/1.1\r\nHost: {proxy.host}\r\nContent-Length: {BIG_BYTES}\r\n\r\n".encode())
        for _ in range(BIG_BYTES // MEGABYTE):
            sock.sendall(piece)
        answer = b""
        while not answer.endswith(str(BIG_BYTES).encode()):
            more = sock.recv(65536)
            if not more:
                raise SystemExit(f"an upload through {proxy.name} was answered with {answer!r}")
            answer += more
        seconds = time.monotonic() - started
    return Body(BIG_BYTES / seconds / 1e6, (proxy.cpu_seconds() - before) * 1000)


def run(quick: bool = False) -> list[Row]:
    """All rows. Quick: fewer rounds, for a first look."""
    rounds = 5 if quick else 25
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "www").mkdir()
        with (folder / "www" / "big").open("wb") as big:
            big.truncate(BIG_BYTES)
        files = stack.enter_context(nginx(folder, "direct", f"root {folder}/www;"))
        downloads = alternate(rounds, _subjects(stack, folder / "down", files), download)
        sink = stack.enter_context(program("discard", label="direct"))
        uploads = alternate(rounds, _subjects(stack, folder / "up", sink, STREAMED), upload)
    return [*_rows("100 MB download", downloads), *_rows("100 MB upload", uploads)]


def _subjects(
    stack: contextlib.ExitStack, folder: Path, upstream: Proxy, directives: str = ""
) -> list[Proxy]:
    """Our gateway, each nginx, and the upstream itself."""
    subjects = [stack.enter_context(gateway(upstream.port))]
    for number, (name, buffers) in enumerate(PEERS):
        home = folder / str(number)
        home.mkdir(parents=True)
        proxy = stack.enter_context(nginx_proxy(home, upstream.port, directives + buffers))
        subjects.append(proxy._replace(name=name))
    return [*subjects, upstream]


def _rows(what: str, bodies: dict[str, list[Body]]) -> list[Row]:
    def median(name: str, value: Callable[[Body], float]) -> float:
        samples: Sequence[float] = [value(body) for body in bodies[name]]
        return statistics.median(samples)

    def speed(name: str, goal: float | None) -> Row:
        values = [median(each, lambda body: body.speed) for each in ("gateway", name)]
        return better(what, "MB/s", values[0], name, values[1], goal=goal)

    def cpu(name: str, goal: float | None) -> Row:
        values = [median(each, lambda body: body.cpu) for each in ("gateway", name)]
        return better(f"{what}: CPU", "ms", values[0], name, values[1], goal=goal, less=True)

    rows = []
    for number, (name, _) in enumerate(PEERS):
        goal = None if number else GOAL
        rows += [speed(name, goal), cpu(name, goal)]
    return [*rows, speed("direct", None)]


if __name__ == "__main__":
    print(markdown(run("--quick" in sys.argv)), end="")
