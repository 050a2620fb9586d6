"""What the kernel is asked of a transport, also of one that has ended meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway.conftest import Rig, until
from hatchway.gateway.flow import has_left, make_reset, untaken_bytes


@pytest.mark.parametrize("ask", [has_left, make_reset, untaken_bytes])
async def test_a_transport_that_has_ended_can_be_asked(
    rig: Rig, ask: Callable[[asyncio.Transport], object]
) -> None:
    """uvloop keeps a socket that was asked for once, and its number is -1 then."""
    await rig.client()
    await until(lambda: bool(rig.gateway.connections))
    (connection,) = rig.gateway.connections
    ask(connection.transport)
    connection.transport.abort()
    await until(lambda: not rig.gateway.connections)
    assert connection.transport.get_extra_info("socket").fileno() == -1
    assert not ask(connection.transport)


async def test_whether_a_peer_has_left_while_it_was_not_read_from(rig: Rig) -> None:
    client = await rig.client()
    await until(lambda: bool(rig.gateway.connections))
    (connection,) = rig.gateway.connections
    connection.transport.pause_reading()
    assert not has_left(connection.transport)
    client.writer.write_eof()
    await until(lambda: has_left(connection.transport))
    assert not has_left(connection.transport, half=False)
