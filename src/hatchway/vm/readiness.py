"""Whether a declared service is ready: its port accepts connections, or a path on it answers well."""

from __future__ import annotations

import asyncio
import re
import socket

from hatchway.errors import HatchwayError
from hatchway.vm.machine import Machine
from hatchway.vm.service_spec import ServiceSpec

CONNECT_SECONDS = 5.0
WAIT_SECONDS = 30.0
"""How long one attempt waits for the port to be listened on; another follows."""
ANSWER_SECONDS = 10.0
STEADY_SECONDS = 0.2
"""How long a service without a port must have run."""
_PAUSE_SECONDS = 0.1
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: .*)?\r?\n")


async def wait_ready(machine: Machine, spec: ServiceSpec) -> None:
    """Wait until the service is ready, for as long as it takes; cancelled when it has ended."""
    if spec.port is None:
        await asyncio.sleep(STEADY_SECONDS)
        return
    while True:
        try:
            sock = await machine.dial(spec.port, connect_seconds=CONNECT_SECONDS, wait_seconds=WAIT_SECONDS)
        except HatchwayError:
            await asyncio.sleep(_PAUSE_SECONDS)
            continue
        if spec.ready is None:
            sock.close()
            return
        if await _answers_well(sock, spec.port, spec.ready):
            return
        await asyncio.sleep(_PAUSE_SECONDS)


async def _answers_well(sock: socket.socket, port: int, path: str) -> bool:
    """Whether a GET of `path` is answered with a status below 400. Closes the socket."""
    try:
        reader, writer = await asyncio.open_connection(sock=sock, limit=8192)
    except BaseException:
        sock.close()
        raise
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode()
            )
            status = _STATUS.fullmatch(await reader.readline())
        return status is not None and 200 <= int(status[1]) < 400
    except (OSError, ValueError, TimeoutError):
        return False
    finally:
        writer.transport.abort()
