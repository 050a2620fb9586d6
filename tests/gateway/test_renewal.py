"""Another end for a grant: at once for its streams, tunnels, idle connections and decisions, over real sockets."""

from __future__ import annotations

import asyncio

import pytest

from gateway.conftest import TOKEN, Client, Rig
from gateway.zoo import Conversation, echo
from hatchway.gateway.seam import Allow, Verdict

KINDS = ["stream", "tunnel", "idle"]


async def _serve(conversation: Conversation) -> None:
    """Echoes: requests, what a stream's body brings, and a tunnel's bytes."""
    first = await conversation.head()
    if b"/stream" in first:
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    elif b"/tunnel" in first:
        await conversation.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
        )
    else:
        while True:
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await conversation.head()
    while data := await conversation.some():
        await conversation.send(data)  # a stream's chunks as they came


class Open:
    """Something open under the rig's preview."""

    def __init__(self, rig: Rig, kind: str) -> None:
        self._rig, self._kind = rig, kind
        self._client: Client | None = None

    async def open(self) -> None:
        client = self._client = await self._rig.client()
        if self._kind == "stream":
            fields = ("POST /stream HTTP/1.1", "Transfer-Encoding: chunked")
            client.send(self._rig.request(*fields))
        elif self._kind == "tunnel":
            client.send(self._rig.request("GET /tunnel HTTP/1.1", "Connection: upgrade", "Upgrade: raw"))
        else:
            client.send(self._rig.request())
            assert (await client.answer())[0].startswith(b"HTTP/1.1 200 ")
            return
        await client.head()
        await self.lives()

    async def lives(self) -> None:
        """Says something and hears it, on the connection that is open."""
        client = self._client
        assert client is not None
        if self._kind == "idle":
            client.send(self._rig.request())
            assert (await client.answer())[0].startswith(b"HTTP/1.1 200 ")
        elif self._kind == "stream":
            client.send(b"5\r\nhello\r\n")
            assert await client.exactly(10) == b"5\r\nhello\r\n"
        else:
            client.send(b"hello")
            assert await client.exactly(5) == b"hello"

    async def is_cut(self) -> None:
        """Returns when it has ended, as what it is must: only a connection without an exchange ends in order."""
        assert self._client is not None
        assert await self._client.ended() is (self._kind == "idle")


async def _open(rig: Rig, kind: str, seconds: float = 60) -> Open:
    """Something open under a preview that ends in `seconds`."""
    await rig.upstream(_serve)
    rig.grant = rig.backend.add_preview(TOKEN, "vm1", 3000, rig.clock.now + seconds)
    opened = Open(rig, kind)
    await opened.open()
    return opened


def _renew(rig: Rig, seconds: float) -> None:
    """As the server does, in one step: what is answered from now on, and what is open."""
    grant = rig.backend.renew(TOKEN, rig.clock.now + seconds)
    rig.gateway.renew_grant(grant.id, grant.expires_at)


async def _status(rig: Rig) -> bytes:
    return (await rig.ask(rig.request()))[0].split(b" ")[1]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_open_lives_past_the_old_end_and_is_cut_at_the_new_one(rig: Rig, kind: str) -> None:
    opened = await _open(rig, kind)
    rig.clock.now += 30
    _renew(rig, 60)
    rig.clock.now += 59.9  # the old end was at 30
    await rig.longer_than_every_timeout()
    await opened.lives()
    assert await _status(rig) == b"200"
    rig.clock.now += 0.1
    await opened.is_cut()
    assert await _status(rig) == b"403"


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_open_is_cut_at_an_end_that_is_earlier_than_before(rig: Rig, kind: str) -> None:
    opened = await _open(rig, kind, 3600)
    _renew(rig, 10)
    rig.clock.now += 9.9
    await rig.longer_than_every_timeout()
    await opened.lives()
    rig.clock.now += 0.1
    await opened.is_cut()
    assert await _status(rig) == b"403"


@pytest.mark.parametrize("kind", KINDS)
async def test_timers_of_the_loop_follow_without_a_tick(rig: Rig, kind: str) -> None:
    """The clock stands still but for a renewal's end: what fires is the grant's own timer."""
    opened = await _open(rig, kind, 3600)
    live = rig.gateway.grants._grants[rig.grant.id]
    before = live.timer
    assert before is not None
    _renew(rig, 0.05)
    assert before.cancelled()
    assert live.timer is not None
    assert live.timer.when() - asyncio.get_running_loop().time() < 1
    rig.gateway.grants.check = lambda: None  # type: ignore[method-assign]
    rig.clock.now += 0.05
    await opened.is_cut()


@pytest.mark.parametrize("kind", KINDS)
async def test_an_end_that_has_come_cuts_at_once(rig: Rig, kind: str) -> None:
    opened = await _open(rig, kind)
    _renew(rig, 0)
    await opened.is_cut()
    assert await _status(rig) == b"403"


async def test_a_grant_under_which_nothing_is_open_is_no_error(rig: Rig) -> None:
    rig.gateway.renew_grant(12345, rig.clock.now + 60)


async def test_others_keep_their_ends(rig: Rig) -> None:
    opened = await _open(rig, "stream")
    other = rig.backend.add_preview("z" * 32, "vm1", 3000, rig.clock.now + 60)
    rig.gateway.renew_grant(other.id, rig.clock.now + 5)
    rig.clock.now += 30
    await rig.longer_than_every_timeout()
    await opened.lives()


@pytest.mark.parametrize("seconds", [5.0, 600.0])
async def test_a_decision_under_way_is_asked_for_again(rig: Rig, seconds: float) -> None:
    """Its verdict has the old end, which would otherwise become that of everything open under the grant."""
    await rig.upstream(echo)
    rig.grant = rig.backend.add_preview(TOKEN, "vm1", 3000, rig.clock.now + 60)
    resolve = rig.backend.resolve
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def decide(verdict: object) -> Verdict:
        asked.set()
        await go_on.wait()
        assert isinstance(verdict, Allow)
        return verdict

    rig.backend.resolve = lambda *of: decide(resolve(*of))  # type: ignore[method-assign]
    client = await rig.client()
    client.send(rig.request())
    await asked.wait()
    rig.backend.resolve = resolve  # type: ignore[method-assign]
    _renew(rig, seconds)
    go_on.set()
    assert (await client.answer())[0].startswith(b"HTTP/1.1 200 ")
    (connection,) = rig.gateway.connections
    assert connection.grant is not None
    assert connection.grant.expires_at == rig.clock.now + seconds
