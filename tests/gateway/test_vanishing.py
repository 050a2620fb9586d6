"""Whoever ends, at whatever step: no task, socket, pool slot or member of a grant stays behind, nothing truncated looks
whole, and the next request is served."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme

from gateway.conftest import TOKEN, FakeClock, Rig, until
from gateway.steps import STEPS, Phase, Stage, sockets
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.tls import ListenerTls

NAME = "preview.example.org"
HELD = {"deciding", "deciding_with_a_body", "dialling", "dialling_with_a_body"}
WITHOUT_SERVICE = HELD | {"connected", "in_the_head", "refused", "a_client_that_does_not_read_the_end"}
WITH_SERVICE = [name for name in STEPS if name not in WITHOUT_SERVICE]

REPEATED = {"waiting", "pipelined", "upgrading"}
"""Steps at which a request without a body has been sent, and not a byte of its answer has come."""


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A listener's, and that of clients who trust it."""
    authority = trustme.CA()
    files = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert(NAME)
    issued.private_key_and_cert_chain_pem.write_to_path(files / "both.pem")
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return ListenerTls(files / "both.pem", files / "both.pem").context, trust


@pytest.fixture(params=["plain", "tls"])
async def stage(
    request: pytest.FixtureRequest, limits: GatewayLimits, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> AsyncIterator[Stage]:
    """As `rig`, without the search for garbage after each: there are many."""
    listener, trust = contexts
    secure = request.param == "tls"
    rig = Rig(limits, FakeClock(), tls=listener if secure else None)
    rig.dialling = {"ssl": trust, "server_hostname": NAME} if secure else {}
    await rig.start()
    stage = Stage(rig)
    await stage.start()
    yield stage
    stage.go_on.set()
    await rig.stop()


async def reach(stage: Stage, name: str) -> Phase:
    """Brings the exchange to a step."""
    step = STEPS[name]
    await step.reach(stage)
    return step.phase


async def outcome(stage: Stage) -> tuple[bytes, bool]:
    """What the client still gets, and whether its connection ends in order."""
    stage.client.writer.transport.resume_reading()  # type: ignore[attr-defined]
    wire = b""
    try:
        async with asyncio.timeout(10):
            while part := await stage.client.reader.read(1 << 20):
                wire = wire[-100_000:] + part
    except ConnectionError:
        return wire, False
    return wire, True


async def nothing_is_left(stage: Stage) -> None:
    """Neither in the gateway's books nor in the kernel's."""
    gateway = stage.rig.gateway
    await until(lambda: not gateway.connections and not gateway.tunnels and not gateway._tasks)
    if stage.has_service:
        stage.service.writer.transport.resume_reading()  # type: ignore[attr-defined]
    assert not [live for live in gateway.grants._grants.values() if live.members]
    await until(lambda: len(gateway.pool.open) == sum(map(len, gateway.pool._idle.values())))
    assert all(one.exchange is None for one in gateway.pool.open)  # type: ignore[union-attr]
    gateway.forget_vm("vm1")
    await until(lambda: not gateway.pool.open)
    await stage.upstream.until(lambda: stage.upstream.ended == len(stage.upstream.conversations))
    stage.client.close()
    await until(lambda: sockets() <= stage.sockets_before)
    ours = [task for task in asyncio.all_tasks() if "hatchway" in repr(task.get_coro())]
    assert not ours


async def the_next_request_is_served(stage: Stage, *, token: str = TOKEN) -> None:
    stage.honest = True
    head, body = await stage.rig.ask(stage.rig.request(host=f"{token}.localhost"))
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b"honest"


@pytest.mark.parametrize("how", ["in order", "by a reset"])
@pytest.mark.parametrize("name", STEPS)
async def test_a_client_vanishes(stage: Stage, name: str, how: str) -> None:
    await reach(stage, name)
    if how == "in order":
        stage.client.writer.transport.abort()  # its end is behind what it has sent, and nothing more is sent
        if "service_that_does_not_read" in name:
            stage.service.writer.transport.resume_reading()  # type: ignore[attr-defined]
    else:
        stage.reset()
    if name in HELD:
        await until(lambda: "body" in name or not stage.rig.gateway.connections)
        stage.go_on.set()
    await nothing_is_left(stage)
    await the_next_request_is_served(stage)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        (name, how)
        for name in WITH_SERVICE
        for how in ("in order", "by a reset")
        if how != "in order" or "client_that_does_not_read" not in name  # its end is behind what is not read
    ],
)
async def test_a_service_vanishes(stage: Stage, name: str, how: str) -> None:
    phase = await reach(stage, name)
    if how == "in order":
        stage.service.close()
    else:
        stage.service.reset()
    await stage.upstream.until(lambda: stage.upstream.ended == 1)
    if name == "kept_alive":
        stage.ask()
        assert (await stage.client.answer())[1] == b"honest"
    elif phase is Phase.ASKED:
        head, body = await stage.client.answer()
        if name in REPEATED:
            assert head.startswith(b"HTTP/1.1 200 ")
            assert body == b"honest"
        else:
            assert head.startswith(b"HTTP/1.1 502 ")
            assert b"\r\nHatchway-Error: upstream_closed\r\n" in head
        if name == "pipelined":
            assert (await stage.client.answer())[1] == b"honest"
    elif phase is Phase.UNTIL_CLOSE and how == "in order":
        assert await stage.client.until(b"0\r\n\r\n") == b"0\r\n\r\n"
    else:
        rest, in_order = await outcome(stage)
        assert not in_order or phase is Phase.TUNNEL
        assert not rest.endswith(b"0\r\n\r\n")
    stage.client.close()
    await nothing_is_left(stage)
    await the_next_request_is_served(stage)


@pytest.mark.parametrize("name", [name for name in STEPS if STEPS[name].phase is not Phase.IDLE])
async def test_the_grant_ends(stage: Stage, name: str) -> None:
    await reach(stage, name)
    stage.rig.backend.revoke(TOKEN)
    await stage.rig.gateway.close_grant(stage.rig.grant.id)
    if name in HELD:
        stage.go_on.set()
    if name.startswith("deciding"):
        assert (await stage.client.head()).startswith(b"HTTP/1.1 403 ")
        stage.client.close()
    else:
        rest, in_order = await outcome(stage)
        assert b"HTTP/1.1" not in rest
        assert not in_order
    await nothing_is_left(stage)
    stage.rig.backend.add_preview("n" * 32, "vm1", 3000)
    await the_next_request_is_served(stage, token="n" * 32)


@pytest.mark.parametrize("name", WITH_SERVICE)
async def test_the_vm_is_gone(stage: Stage, name: str) -> None:
    phase = await reach(stage, name)
    stage.rig.gateway.forget_vm("vm1")
    if phase is Phase.ASKED:
        assert (await stage.client.head()).startswith(b"HTTP/1.1 502 ")
        if name != "pipelined":  # whose next request is another
            assert len(stage.upstream.conversations) == 1  # not asked again
    elif phase is not Phase.IDLE:
        rest, in_order = await outcome(stage)
        assert not in_order or phase is Phase.TUNNEL
        assert not rest.endswith(b"0\r\n\r\n")
    stage.client.close()
    await nothing_is_left(stage)
    await the_next_request_is_served(stage)


@pytest.mark.parametrize("name", STEPS)
async def test_the_gateway_stops(stage: Stage, name: str) -> None:
    phase = await reach(stage, name)
    await stage.rig.gateway.stop(0.0)
    rest, in_order = await outcome(stage)
    assert b"HTTP/1.1 2" not in rest
    assert not in_order or phase in (Phase.IDLE, Phase.TUNNEL)
    stage.sockets_before -= 1  # the listener's
    await nothing_is_left(stage)
    with pytest.raises(ConnectionError):
        await stage.rig.client()
