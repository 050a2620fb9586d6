"""A small WebSocket message there and back: through the gateway, through nginx, and without a proxy.

First between ends that do next to nothing: a blocking client that sends ready-made frames, and an echo of blocking
threads. A direct round trip is then little more than waking two processes, and a proxy has to be woken twice on top of
that: these rows show its cost bare, and nginx what there is to reach. Then between two ends made of the websockets
library, as programs are. Short alternating bursts of 16-byte messages, one at a time; a ratio of 1 would be as fast as
the other.

Where the rest goes: a direct round trip is two system calls of each end and two wake-ups. Any proxy of its own process
adds as many wake-ups again, two reads and two writes, so it is about twice as long before a single instruction of the
proxy counts: nginx, which only copies, is that far away, too. What the gateway adds to that is the event loop and two
short calls of Python, one in each direction.

    python -m benchmarks.websocket_round_trip [--quick]
"""

from __future__ import annotations

import contextlib
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop
from websockets.asyncio.client import connect

from benchmarks.programs.echo import unmask
from benchmarks.proxies import Proxy, gateway, nginx_proxy, program
from benchmarks.rounds import alternate, percentile
from benchmarks.table import Row, at_most, markdown

GOAL = 1.3
BURST = 100
WARM_UP = 10

_MASK = b"\x12\x34\x56\x78"
_MESSAGE = b"sixteen bytes..."
_FRAME = bytes((0x82, 0x80 | len(_MESSAGE))) + _MASK + unmask(_MASK, _MESSAGE)
_ECHO = bytes((0x82, len(_MESSAGE))) + _MESSAGE


def bare(proxy: Proxy) -> list[float]:
    """One connection's round trips in microseconds, with a client that does next to nothing."""
    with proxy.connect() as sock:
        sock.sendall(
            f"GET / HTTP/1.1\r\nHost: {proxy.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += _received(sock, proxy)
        if not answer.startswith(b"HTTP/1.1 101"):
            raise SystemExit(f"{proxy.name} answered the handshake with {answer!r}")
        samples = [_round_trip(sock, proxy) for _ in range(WARM_UP + BURST)]
    return samples[WARM_UP:]


def _round_trip(sock: socket.socket, proxy: Proxy) -> float:
    started = time.perf_counter_ns()
    sock.sendall(_FRAME)
    echo = sock.recv(4096)
    while len(echo) < len(_ECHO):
        echo += _received(sock, proxy)
    spent = time.perf_counter_ns() - started
    if echo != _ECHO:
        raise SystemExit(f"{proxy.name} gave {echo!r} back")
    return spent / 1000


def _received(sock: socket.socket, proxy: Proxy) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise SystemExit(f"{proxy.name} closed the connection")
    return data


def library(proxy: Proxy) -> list[float]:
    """The same with a client made of the websockets library."""

    async def burst() -> list[float]:
        samples = []
        # Its own address: the name below localhost need not resolve for other programs than browsers.
        async with connect(
            f"ws://{proxy.host}/", host="127.0.0.1", port=proxy.port, compression=None, proxy=None
        ) as connection:
            for _ in range(WARM_UP + BURST):
                started = time.perf_counter_ns()
                await connection.send(_MESSAGE)
                echo = await connection.recv()
                samples.append((time.perf_counter_ns() - started) / 1000)
                if echo != _MESSAGE:
                    raise SystemExit(f"{proxy.name} gave {echo!r} back")
        return samples[WARM_UP:]

    return uvloop.run(burst())


def run(quick: bool = False) -> list[Row]:
    """All rows. Quick: fewer bursts, for a first look."""
    rounds = 10 if quick else 100
    rows: list[Row] = []
    kinds: tuple[tuple[str, str, Callable[[Proxy], list[float]]], ...] = (
        ("bare ends", "echo", bare),
        ("websockets library", "library_echo", library),
    )
    for ends, upstream, measure in kinds:
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            direct = stack.enter_context(program(upstream, label="direct"))
            ours = stack.enter_context(gateway(direct.port))
            theirs = stack.enter_context(nginx_proxy(Path(folder), direct.port, upgrades=True))
            bursts = alternate(rounds, (ours, theirs, direct), measure)
        samples = {name: [one for burst in each for one in burst] for name, each in bursts.items()}
        rows += _rows(f"WebSocket round trip, {ends}", samples)
    return rows


def _rows(what: str, samples: dict[str, list[float]]) -> list[Row]:
    rows = []
    for other, goal in (("direct", GOAL), ("nginx", None)):
        ours, theirs = samples["gateway"], samples[other]
        rows += [
            at_most(
                f"{what}: median",
                "µs",
                statistics.median(ours),
                other,
                statistics.median(theirs),
                goal=goal,
            ),
            at_most(f"{what}: 99th percentile", "µs", percentile(ours, 99), other, percentile(theirs, 99)),
        ]
    return rows


if __name__ == "__main__":
    print(markdown(run("--quick" in sys.argv)), end="")
