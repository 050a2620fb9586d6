"""Hostile answers: what is malformed is a 502, or breaks a connection visibly; no answer is ever another request's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.conftest import Client, FakeClock, Rig, until
from gateway.hostile_answers import BROKEN, EVIL, NO_HEAD, OK, REFUSED, SURPLUS, TRUNCATED
from gateway.second_opinion import Reader
from gateway.test_cancellation import quiet
from gateway.zoo import Conversation, Script, Upstream, answers_and_closes, ok
from hatchway.gateway.limits import GatewayLimits

WHOLE, BYTE_BY_BYTE = 1 << 20, 1


class Scene:
    """A gateway before a service whose first connection is hostile and whose others are honest."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    async def start(self, hostile: Script) -> Upstream:
        """The service. Honest connections answer with the target that was asked for."""

        async def script(conversation: Conversation) -> None:
            if len(self.upstream.conversations) == 1:
                await hostile(conversation)
                return
            while True:
                target = (await conversation.head()).split(b" ", 2)[1]
                await conversation.send(ok(target))

        self.upstream = await self.rig.upstream(script)
        return self.upstream

    async def nothing_is_crossed(self) -> None:
        """Whoever asks next, alone or at once with others, gets an own answer."""
        for n in range(3):
            _, body = await self.rig.ask(self.rig.request(f"GET /own/{n} HTTP/1.1"))
            assert body == b"/own/%d" % n
        requests = [self.rig.request(f"GET /many/{n} HTTP/1.1") for n in range(5)]
        many = await asyncio.gather(*map(self.rig.ask, requests))
        assert [body for _, body in many] == [b"/many/%d" % n for n in range(5)]
        await until(lambda: self.upstream.conversations[0].writer.transport.is_closing())


@pytest.fixture
async def scene(limits: GatewayLimits) -> AsyncIterator[Scene]:
    """As `rig`, without the search for garbage after each: there are many."""
    rig = Rig(limits, FakeClock())
    await rig.start()
    yield Scene(rig)
    await rig.stop()


def sends(wire: bytes, step: int, *, then: str = "wait") -> Script:
    """Answers with `wire` in pieces of `step` bytes, and then waits, closes or resets."""

    async def script(conversation: Conversation) -> None:
        await conversation.head()
        for at in range(0, len(wire), step):
            await conversation.send(wire[at : at + step])
            await asyncio.sleep(0)
        if then == "wait":
            await conversation.rest()
        elif then == "reset":
            conversation.reset()

    return script


async def read_all(client: Client) -> tuple[bytes, bool]:
    """All until the connection's end, and whether that was an orderly one."""
    wire = b""
    try:
        async with asyncio.timeout(10):
            while part := await client.reader.read(65536):
                wire += part
    except ConnectionError:
        return wire, False
    return wire, True


@pytest.mark.parametrize("step", [WHOLE, BYTE_BY_BYTE])
@pytest.mark.parametrize("name", REFUSED)
async def test_a_malformed_answer_is_a_502(scene: Scene, name: str, step: int) -> None:
    wire = REFUSED[name]
    await scene.start(sends(wire, step if len(wire) < 1000 else 5000))
    client = await scene.rig.client()
    client.send(scene.rig.request("GET /first HTTP/1.1"))
    head = await client.head()
    while head.startswith(b"HTTP/1.1 1"):
        head = await client.head()
    assert head.startswith(b"HTTP/1.1 502 ")
    assert b"\r\nHatchway-Error: bad_answer\r\n" in head
    await client.until(b"}")
    client.send(scene.rig.request("GET /same-client HTTP/1.1"))
    assert (await client.answer())[1] == b"/same-client"
    await scene.nothing_is_crossed()


@pytest.mark.parametrize("step", [WHOLE, BYTE_BY_BYTE])
@pytest.mark.parametrize("name", NO_HEAD)
async def test_what_cannot_become_a_head_is_a_502_at_once(scene: Scene, name: str, step: int) -> None:
    await scene.start(sends(NO_HEAD[name], step))
    head, _ = await scene.rig.ask(scene.rig.request("GET /first HTTP/1.1"))
    assert head.startswith(b"HTTP/1.1 502 ")
    assert b"\r\nHatchway-Error: bad_answer\r\n" in head
    await scene.nothing_is_crossed()


@pytest.mark.parametrize("upload", [False, True])
@pytest.mark.parametrize(
    "first", [b"SSH-2.0-OpenSSH_9\r\n", EVIL, b""], ids=["a banner", "an answer", "nothing"]
)
async def test_a_service_that_speaks_or_leaves_before_it_is_asked(
    scene: Scene, first: bytes, upload: bool
) -> None:
    async def before_it_is_asked(conversation: Conversation) -> None:
        if first:
            await conversation.send(first)
            await conversation.rest()

    await scene.start(before_it_is_asked)
    client = await scene.rig.client()
    if upload:
        client.send(scene.rig.request("POST / HTTP/1.1", "Content-Length: 5", body=b"he"))
    else:
        client.send(scene.rig.request())
    head, body = await client.answer()
    if first or upload:
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"EVIL" not in body
    else:  # nothing was lost: the request went to the next connection
        assert head.startswith(b"HTTP/1.1 200 ")
        assert body == b"/"
    await scene.nothing_is_crossed()


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("name", TRUNCATED)
async def test_a_truncated_answer_breaks_the_clients_connection(scene: Scene, name: str, then: str) -> None:
    go_on = asyncio.Event()

    async def breaks_off(conversation: Conversation) -> None:
        await sends(TRUNCATED[name], WHOLE, then="nothing")(conversation)
        await go_on.wait()
        if then == "reset":
            conversation.reset()

    await scene.start(breaks_off)
    client = await scene.rig.client()
    client.send(scene.rig.request("GET /first HTTP/1.1") + scene.rig.request("GET /pipelined HTTP/1.1"))
    assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
    go_on.set()
    rest, in_order = await read_all(client)
    assert not in_order
    assert b"HTTP/1.1" not in rest
    assert not rest.endswith(b"0\r\n\r\n")
    await scene.nothing_is_crossed()


@pytest.mark.parametrize("step", [WHOLE, BYTE_BY_BYTE])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("name", BROKEN)
async def test_a_body_that_breaks_breaks_the_clients_connection(
    scene: Scene, name: str, version: str, step: int
) -> None:
    wire = BROKEN[name]
    await scene.start(sends(wire, step if len(wire) < 1000 else 5000))
    client = await scene.rig.client()
    client.send(scene.rig.request(f"GET /first HTTP/{version}"))
    rest, in_order = await read_all(client)
    assert not in_order
    assert not rest.endswith(b"0\r\n\r\n")
    assert b"EVIL" not in rest
    await scene.nothing_is_crossed()


@pytest.mark.parametrize("step", [WHOLE, BYTE_BY_BYTE])
@pytest.mark.parametrize("name", SURPLUS)
async def test_what_nobody_asked_for_reaches_nobody(scene: Scene, name: str, step: int) -> None:
    wire, body, method = SURPLUS[name]
    await scene.start(sends(wire, step))
    client = await scene.rig.client()
    client.send(scene.rig.request(f"{method} /first HTTP/1.1"))
    head = await client.head()
    while head.startswith(b"HTTP/1.1 1"):
        head = await client.head()
    if (
        step == BYTE_BY_BYTE
    ):  # what still comes when the connection serves again is the next answer, for all that is known
        await scene.upstream.until(lambda: scene.upstream.ended == 1)
    client.send(scene.rig.request("GET /same-client HTTP/1.1", "Connection: close"))
    rest, in_order = await read_all(client)
    assert in_order
    assert b"EVIL" not in rest
    answers = Reader(answers=True)
    answers.feed(rest if method == "HEAD" else head + rest)
    assert [answer.body for answer in answers.messages] == [body, b"/same-client"][method == "HEAD" :]
    await scene.nothing_is_crossed()


async def test_an_answer_sent_before_the_question_is_nobodys(scene: Scene) -> None:
    """Response queue poisoning from an idle connection: it speaks between two requests."""
    speak = asyncio.Event()

    async def speaks_early(conversation: Conversation) -> None:
        await conversation.head()
        await conversation.send(ok(b"first"))
        await speak.wait()
        await conversation.send(EVIL)
        await conversation.rest()

    upstream = await scene.start(speaks_early)
    assert (await scene.rig.ask(scene.rig.request()))[1] == b"first"
    speak.set()
    await upstream.until(lambda: upstream.ended == 1)
    await scene.nothing_is_crossed()


async def test_a_flood_of_interim_answers_stops_when_the_client_does(scene: Scene) -> None:
    """A service that sends nothing else keeps neither memory nor its client's time-out."""
    sent = 0

    async def flood(conversation: Conversation) -> None:
        nonlocal sent
        await conversation.head()
        for _ in range(200):
            await conversation.send(b"HTTP/1.1 103 Early Hints\r\nLink: </%s>\r\n\r\n" % (b"a" * 1000) * 100)
            sent += 1
        await conversation.send(ok(b"at last"))
        await conversation.rest()

    await scene.start(flood)
    client = await scene.rig.client(receive_buffer=4096)
    client.send(scene.rig.request())
    assert (await client.head()).startswith(b"HTTP/1.1 103 ")
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await until(lambda: any(one.full for one in scene.rig.gateway.connections))
    assert sent < 200
    client.writer.transport.resume_reading()  # type: ignore[attr-defined]
    while (head := await client.head()).startswith(b"HTTP/1.1 103 "):
        pass
    assert head.startswith(b"HTTP/1.1 200 ")
    assert await client.exactly(7) == b"at last"
    client.close()
    await until(lambda: quiet(scene.rig))


class TestEndlessInterim:
    @pytest.fixture
    def limits(self) -> GatewayLimits:
        return GatewayLimits(answer_seconds=0.2, timer_seconds=0.02)

    async def test_interim_answers_do_not_put_off_the_time_out(self, scene: Scene) -> None:
        async def endless(conversation: Conversation) -> None:
            await conversation.head()
            while not conversation.reader.at_eof():
                await conversation.send(b"HTTP/1.1 102 Processing\r\n\r\n")
                await asyncio.sleep(0)

        upstream = await scene.start(endless)
        client = await scene.rig.client()
        client.send(scene.rig.request())
        while (head := await client.head()).startswith(b"HTTP/1.1 102 "):
            pass
        assert head.startswith(b"HTTP/1.1 504 ")
        await upstream.until(lambda: upstream.ended == 1)


async def test_an_answer_to_a_client_that_left_is_not_the_next_ones(scene: Scene) -> None:
    asked = asyncio.Event()
    answer = asyncio.Event()

    async def late(conversation: Conversation) -> None:
        await conversation.head()
        asked.set()
        await answer.wait()
        await conversation.send(EVIL)

    await scene.start(late)
    client = await scene.rig.client()
    client.send(scene.rig.request())
    await asked.wait()
    client.close()
    await until(lambda: quiet(scene.rig))
    answer.set()
    await scene.nothing_is_crossed()


async def test_an_answer_after_its_time_out_is_nobodys(rig: Rig) -> None:
    """Two clients whose answers come in the wrong order still get their own: a connection has one request at a time."""
    turns = {b"/slow": asyncio.Event(), b"/fast": asyncio.Event()}

    async def out_of_order(conversation: Conversation) -> None:
        while True:
            target = (await conversation.head()).split(b" ", 2)[1]
            await turns[target].wait()
            await conversation.send(ok(target))

    upstream = await rig.upstream(out_of_order)
    slow, fast = await rig.client(), await rig.client()
    slow.send(rig.request("GET /slow HTTP/1.1"))
    fast.send(rig.request("GET /fast HTTP/1.1"))
    await until(lambda: upstream.received.count(b"\r\n\r\n") == 2)
    turns[b"/fast"].set()
    assert (await fast.answer())[1] == b"/fast"
    turns[b"/slow"].set()
    assert (await slow.answer())[1] == b"/slow"


async def test_an_answer_without_length_ends_with_its_connection_only(scene: Scene) -> None:
    """What looks like a second answer is a part of the first one's body."""
    await scene.start(answers_and_closes(OK + b"\r\nhello" + EVIL))
    client = await scene.rig.client()
    client.send(scene.rig.request("GET / HTTP/1.1", "Connection: close"))
    wire, in_order = await read_all(client)
    reader = Reader(answers=True)
    reader.feed(wire)
    assert in_order
    assert [answer.body for answer in reader.messages] == [b"hello" + EVIL]
    await scene.nothing_is_crossed()
