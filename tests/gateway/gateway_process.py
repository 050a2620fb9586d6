"""A gateway in a process of its own, so that its memory can be looked at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAM = """
import asyncio, sys, uvloop
from hatchway.gateway.listener import Gateway
from hatchway.gateway.memory import MemoryBackend

async def main():
    backend = MemoryBackend()
    backend.listen("vm", 3000, ("127.0.0.1", int(sys.argv[1])))
    backend.add_preview(sys.argv[2], "vm", 3000)
    print(*await Gateway(backend).start("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()

uvloop.run(main())
"""


class GatewayProcess:
    """Its port, and what the kernel says of its memory."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._folder = Path(f"/proc/{process.pid}")
        self.port = int(process.stdout.readline().split()[1])

    def memory(self, name: str = "VmRSS") -> int:
        """A field of /proc/pid/status, in bytes (proc(5))."""
        lines = (self._folder / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))

    def forget_peak(self) -> None:
        """Makes `VmHWM` begin anew."""
        (self._folder / "clear_refs").write_text("5")


@contextmanager
def gateway_process(service_port: int, token: str) -> Iterator[GatewayProcess]:
    """A gateway before one service on this machine's loopback."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(service_port), token], stdout=subprocess.PIPE, text=True
    )
    try:
        yield GatewayProcess(process)
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
