"""The gateway beside nginx: the same upstream, the same load, in one run.

An nginx serves a small static body. Our gateway (a process of its own, in-memory backend) and an nginx proxy with
one worker stand before it. wrk drives each in short alternating rounds over 32 keep-alive connections; the medians
are printed, with the CPU time (user and system) that the proxy's process spent per request. Needs `nginx` and `wrk`.
Loopback only.

    python -m benchmarks.gateway_vs_nginx [--quick]
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.table import Row, markdown, number

TOKEN = "b" * 32
CONNECTIONS = 32
GOAL = 0.6
BIG_BYTES = 100 * 1024 * 1024

GATEWAY = """
import asyncio, sys, uvloop
from hatchway.gateway.listener import Gateway
from hatchway.gateway.memory import MemoryBackend

async def main():
    backend = MemoryBackend()
    backend.listen("vm", 3000, ("127.0.0.1", int(sys.argv[1])))
    backend.add_preview(sys.argv[2], "vm", 3000)
    gateway = Gateway(backend)
    print(*await gateway.start("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()

uvloop.run(main())
"""


class Target(NamedTuple):
    """Something to put load on."""

    pid: int
    url: str
    host: str


def _tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise SystemExit(f"this benchmark needs {name}: apt-get install {name}")
    return found


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _worker_of(master: int) -> int:
    while True:
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.01)


@contextlib.contextmanager
def _nginx(folder: Path, name: str, server: str) -> Iterator[tuple[int, int]]:
    """An nginx with one worker: its port and its worker's pid."""
    port = _free_port()
    home = folder / name
    home.mkdir()
    (home / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log crit;"
        + ("user root;" if os.geteuid() == 0 else "")
        + "events { worker_connections 4096; }"
        f"http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; default_type text/plain;"
        f"client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/f;"
        f"uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;"
        + server.replace("LISTEN", f"listen 127.0.0.1:{port} backlog=2048;")
        + "}"
    )
    process = subprocess.Popen(
        [_tool("nginx"), "-p", str(home), "-c", str(home / "nginx.conf")],
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield port, _worker_of(process.pid)
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _gateway(upstream: int) -> Iterator[tuple[int, int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", GATEWAY, str(upstream), TOKEN], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().split()[1]), process.pid
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _load(target: Target, seconds: int) -> tuple[float, float, float]:
    """Requests per second, CPU microseconds per request, and the 99th percentile in milliseconds."""
    before = _cpu_seconds(target.pid)
    output = subprocess.run(
        [
            _tool("wrk"),
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{seconds}s",
            "--latency",
            "-H",
            f"Host: {target.host}",
            target.url,
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    cpu = _cpu_seconds(target.pid) - before
    total = int(re.search(r"(\d+) requests in", output)[1])  # type: ignore[index]
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"the load met errors:\n{output}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])  # type: ignore[index]
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", output).groups()  # type: ignore[union-attr]
    return rate, cpu / total * 1e6, float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def _download(target: Target) -> float:
    """Bytes per second of one large body."""
    port = int(target.url.split(":")[2].split("/")[0])
    buffer = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        started = time.monotonic()
        sock.sendall(f"GET /big HTTP/1.1\r\nHost: {target.host}\r\nConnection: close\r\n\r\n".encode())
        total = 0
        while size := sock.recv_into(buffer):
            total += size
        if total < BIG_BYTES:
            raise SystemExit(f"a download ended after {total} bytes")
        return total / (time.monotonic() - started)


def run(quick: bool = False) -> list[Row]:
    """All rows. Quick: fewer and shorter rounds, for a first look."""
    rounds, seconds = (3, 1) if quick else (7, 2)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "www").mkdir()
        (folder / "www" / "index.html").write_text("Hello from VM\n")
        with (folder / "www" / "big").open("wb") as big:
            big.truncate(BIG_BYTES)
        upstream, _ = stack.enter_context(
            _nginx(folder, "upstream", f"server {{ LISTEN root {folder}/www; etag off; }}")
        )
        proxy = (
            f"upstream app {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}"
            "server { LISTEN location / { proxy_pass http://app; proxy_http_version 1.1;"
            'proxy_set_header Connection "";'
            "proxy_set_header Host localhost:3000; proxy_set_header X-Forwarded-For $remote_addr;"
            "proxy_set_header X-Forwarded-Proto $scheme; add_header Access-Control-Allow-Origin *;"
            "add_header Referrer-Policy same-origin; proxy_max_temp_file_size 0; } }"
        )
        nginx_port, nginx_pid = stack.enter_context(_nginx(folder, "proxy", proxy))
        our_port, our_pid = stack.enter_context(_gateway(upstream))
        host = f"{TOKEN}.localhost:{our_port}"
        targets = {
            "gateway": Target(our_pid, f"http://127.0.0.1:{our_port}/", host),
            "nginx": Target(nginx_pid, f"http://127.0.0.1:{nginx_port}/", host),
        }
        loads: dict[str, list[tuple[float, float, float]]] = {name: [] for name in targets}
        downloads: dict[str, list[float]] = {name: [] for name in targets}
        for target in targets.values():
            _load(target, 1)
        for _ in range(rounds):
            for name, target in targets.items():
                loads[name].append(_load(target, seconds))
        for _ in range(rounds):
            for name, target in targets.items():
                downloads[name].append(_download(target))
    rate, cpu, p99 = (
        [statistics.median(one[i] for one in loads[name]) for name in targets] for i in range(3)
    )
    speed = [statistics.median(downloads[name]) / 1e6 for name in targets]
    return [
        _beside("small GET, 32 connections", "requests/s", *rate, ratio=rate[0] / rate[1]),
        _beside("CPU per small GET", "µs", *cpu, ratio=cpu[1] / cpu[0]),
        _beside("small GET, 99th percentile", "ms", *p99, ratio=p99[1] / p99[0]),
        _beside("100 MB download", "MB/s", *speed, ratio=speed[0] / speed[1]),
    ]


def _beside(name: str, unit: str, ours: float, theirs: float, *, ratio: float) -> Row:
    """A row in which a ratio over 1 is better than nginx, whatever the unit."""
    return Row(
        name, ours, unit, f"nginx: {number(theirs)} {unit}", ratio, f">= {GOAL} x nginx", ratio >= GOAL
    )


if __name__ == "__main__":
    print(markdown(run("--quick" in sys.argv)), end="")
