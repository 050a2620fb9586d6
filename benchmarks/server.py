"""A real server in a process of its own: `hatchway serve` on a free port."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_START_SECONDS = 30.0
_LISTENING = re.compile(rb"listening on http://localhost:([0-9]+)\n")


class Served(NamedTuple):
    """A server that runs."""

    port: int
    pid: int
    data: Path
    """Its data folder."""


@contextlib.contextmanager
def served() -> Iterator[Served]:
    """A server with a data folder of its own, for as long as the context lasts.

    Raises:
        SystemExit: it did not start, with what it said.
    """
    settings = {name: value for name, value in os.environ.items() if not name.startswith("HATCHWAY_")}
    with (
        tempfile.TemporaryDirectory(prefix="hatchway-bench-", ignore_cleanup_errors=True) as name,
        open(Path(name) / "said", "w+b") as said,
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "hatchway",
                "serve",
                "--port",
                "0",
                "--data-dir",
                str(Path(name) / "data"),
            ],
            stdout=said,
            stderr=said,
            env=settings | {"XDG_RUNTIME_DIR": name, "NO_COLOR": "1"},
        ) as process,
    ):
        try:
            yield Served(_port(process, Path(said.name)), process.pid, Path(name) / "data")
        finally:
            process.terminate()


def _port(process: subprocess.Popen[bytes], said: Path) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while (found := _LISTENING.search(said.read_bytes())) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the server did not start:\n{said.read_text()}")
        time.sleep(0.02)
    return int(found[1])
