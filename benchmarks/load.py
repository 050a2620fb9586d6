"""Load by wrk: how many requests a second, how long each took, and what the proxy spent on it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.proxies import Proxy, tool

CONNECTIONS = 32

_SCRIPTS = Path(__file__).parent / "wrk"


class Load(NamedTuple):
    """What one run of wrk saw."""

    rate: float
    """Requests a second."""
    cpu: float
    """Microseconds of the proxy's user and system time for each request."""
    p50: float
    """Milliseconds."""
    p99: float
    """Milliseconds."""


def drive(
    proxy: Proxy, seconds: int, *, distinct: bool = False, headers: tuple[str, ...] = (), path: str = "/"
) -> Load:
    """Puts load on a proxy: 32 connections, each with one request at a time.

    Args:
        proxy: what is asked.
        seconds: for how long.
        distinct: every request has another head, by `wrk/distinct_heads.lua`.
        headers: more header fields.
        path: the target of every request, unless they are distinct.

    Raises:
        SystemExit: a request failed.
    """
    scripts = ["distinct_heads.lua", "report.lua"] if distinct else ["report.lua"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write("\n".join((_SCRIPTS / name).read_text() for name in scripts))
        script.flush()
        fields = [part for each in (f"Host: {proxy.host}", *headers) for part in ("-H", each)]
        command = [tool("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script.name, *fields]
        before = proxy.cpu_seconds()
        output = subprocess.run(
            [*command, f"http://127.0.0.1:{proxy.port}{path}"], capture_output=True, text=True, check=True
        ).stdout
        spent = proxy.cpu_seconds() - before
    seen = json.loads(output.splitlines()[-1])
    if seen["errors"] or not seen["requests"]:
        raise SystemExit(f"the load on {proxy.name} met errors:\n{output}")
    return Load(
        seen["requests"] / seen["duration"] * 1e6,
        spent / seen["requests"] * 1e6,
        seen["p50"] / 1000,
        seen["p99"] / 1000,
    )
