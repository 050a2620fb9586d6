"""Running pip or npm: without a terminal, with a bounded memory of what they say, and to an end in any case."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

INSTALL_SECONDS = 900.0
"""How long one may take."""

_KEPT_BYTES = 64 * 1024
_CHUNK_BYTES = 16 * 1024
_ENDED = "took longer than 15 minutes"


@dataclass(frozen=True, slots=True)
class Ran:
    """How it went."""

    exit_code: int
    stdout: str
    """The last 64 KiB of it."""
    stderr: str
    """As `stdout`."""


async def run(
    command: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str] = MappingProxyType({}),
    on_line: Callable[[str], None] = lambda _: None,
) -> Ran:
    """Run an installer to its end.

    Args:
        command: the program and its arguments.
        cwd: where.
        environment: added to this process's own. What is Hatchway's is left out of that: it holds the API token.
        on_line: called with each line of standard output.

    Raises:
        OSError: it could not be started.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HATCHWAY_")}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**inherited, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said = (bytearray(), bytearray())
    try:
        async with asyncio.timeout(INSTALL_SECONDS):
            await asyncio.gather(
                _read(process.stdout, said[0], on_line), _read(process.stderr, said[1], lambda _: None)
            )
            await process.wait()
    except TimeoutError:
        said[1].extend(f"\n{_ENDED}\n".encode())
    finally:
        if process.returncode is None:
            # With the children that it may have.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Ran(
        -1 if process.returncode is None else process.returncode,
        said[0].decode(errors="replace"),
        said[1].decode(errors="replace"),
    )


async def _read(stream: asyncio.StreamReader, kept: bytearray, on_line: Callable[[str], None]) -> None:
    line = b""
    while chunk := await stream.read(_CHUNK_BYTES):
        kept += chunk
        del kept[:-_KEPT_BYTES]
        *lines, line = (line + chunk).split(b"\n")
        line = line[-_KEPT_BYTES:]
        for each in lines:
            on_line(each.decode(errors="replace"))
