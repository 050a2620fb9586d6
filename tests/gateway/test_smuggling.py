"""Request smuggling: the published attacks, as raw bytes.

What is refused reaches no service; what passes is one request to the service, with the meaning it had here; and
nothing of it becomes anybody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.attacks import GET, HOST, OTHER_STATUS, OWN_ANSWERS, POST, REFUSED, SMUGGLED, chunked, length
from gateway.conftest import Client, FakeClock, Rig, until
from gateway.confusions import BROKEN_BODIES, HARMLESS, Harmless
from gateway.second_opinion import Reader, Witness, read_answers
from gateway.zoo import Conversation, ok
from hatchway.gateway.limits import GatewayLimits

AFTER = (b"GET /after", b"")


class Scene:
    """A gateway before two witnesses: a service, and the control API that attackers would like to reach."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.service = Witness()
        self.control = Witness()

    async def start(self) -> None:
        self.upstream = await self.rig.upstream(self.service.script())
        await self.rig.control(self.control.script())

    async def attack(self, raw: bytes, step: int) -> Client:
        """Sends `raw` in pieces of `step` bytes, or as much of it as is taken."""
        client = await self.rig.client()
        for at in range(0, len(raw), step):
            if client.writer.transport.is_closing():
                break
            client.send(raw[at : at + step])
            await asyncio.sleep(0)
        return client

    async def answers(self, client: Client) -> Reader:
        """All answers until the end of the connection."""
        if not client.writer.transport.is_closing():
            client.writer.write_eof()
        wire = b""
        try:
            async with asyncio.timeout(10):
                while part := await client.reader.read(65536):
                    wire += part
        except ConnectionError:
            pass
        return read_answers(wire)

    async def nothing_is_left(self) -> None:
        """The next client's request is its own, on whatever connection it goes, and nobody reached the control API."""
        before = [one for one in self.service.seen if one != AFTER]
        for _ in range(2):
            _, body = await self.rig.ask(self.rig.request("GET /after HTTP/1.1"))
            assert body == b"GET /after 0"
        assert [one for one in self.service.seen if one != AFTER] == before
        assert not self.control.requests
        assert all(not reader.broken for reader in self.service.readers)


@pytest.fixture
async def scene(limits: GatewayLimits) -> AsyncIterator[Scene]:
    """As `rig`, without the search for garbage after each: there are hundreds."""
    rig = Rig(limits, FakeClock())
    await rig.start()
    scene = Scene(rig)
    await scene.start()
    yield scene
    await rig.stop()


WHOLE, BYTE_BY_BYTE = 1 << 20, 1


@pytest.mark.parametrize("name", REFUSED)
async def test_is_refused_before_a_service_sees_a_byte(scene: Scene, name: str) -> None:
    for raw in REFUSED[name]:
        for step in (WHOLE, BYTE_BY_BYTE):
            await refused(scene, raw, step, 400)
    await scene.nothing_is_left()


@pytest.mark.parametrize("name", OTHER_STATUS)
async def test_is_answered_otherwise_before_a_service_sees_a_byte(scene: Scene, name: str) -> None:
    status, raw = OTHER_STATUS[name]
    for step in (WHOLE, 1000):
        await refused(scene, raw, step, status)
    await scene.nothing_is_left()


async def refused(scene: Scene, raw: bytes, step: int, status: int) -> None:
    """One answer, the end of the connection, and no service that noticed."""
    answers = await scene.answers(await scene.attack(raw, step))
    assert [answer.start for answer in answers.messages] == [b"%d" % status]
    assert answers.messages[0].values(b"connection") == [b"close"]
    assert not answers.unfinished
    assert not answers.broken
    assert not scene.upstream.conversations


@pytest.mark.parametrize("name", OWN_ANSWERS)
async def test_the_body_of_what_the_gateway_answers_itself_is_no_request(scene: Scene, name: str) -> None:
    status, raw = OWN_ANSWERS[name]
    for step in (WHOLE, BYTE_BY_BYTE):
        answers = await scene.answers(await scene.attack(raw, step))
        assert [answer.start for answer in answers.messages] == [b"%d" % status]
        assert not scene.upstream.conversations
    await scene.nothing_is_left()


@pytest.mark.parametrize("name", BROKEN_BODIES)
async def test_a_body_that_breaks_leaves_the_service_without_a_whole_request(scene: Scene, name: str) -> None:
    for step in (WHOLE, BYTE_BY_BYTE):
        answers = await scene.answers(await scene.attack(BROKEN_BODIES[name], step))
        assert [answer.start for answer in answers.messages] == [b"400"]
        assert answers.messages[0].values(b"connection") == [b"close"]
        await scene.upstream.until(lambda: scene.upstream.ended == len(scene.upstream.conversations))
        assert not scene.service.requests
        assert all(reader.unfinished and not reader.broken for reader in scene.service.readers)
    await scene.nothing_is_left()


@pytest.mark.parametrize("name", HARMLESS)
async def test_what_is_valid_reaches_the_service_as_what_it_is(scene: Scene, name: str) -> None:
    case = HARMLESS[name]
    for step in (WHOLE, BYTE_BY_BYTE):
        scene.service.requests.clear()
        await meant(scene, await scene.attack(case.raw, step), case)
    await scene.nothing_is_left()


@pytest.mark.parametrize("name", [name for name in HARMLESS if HARMLESS[name].has_body])
async def test_a_pause_before_the_body_changes_nothing(scene: Scene, name: str) -> None:
    """A server that gives up waiting for a body, and keeps the connection, takes that body for a request."""
    case = HARMLESS[name]
    head, end, body = case.raw.partition(b"\r\n\r\n")
    client = await scene.attack(head + end, WHOLE)
    await until(lambda: scene.upstream.received.endswith(b"\r\n\r\n"))
    assert not scene.service.requests
    client.send(body)
    await meant(scene, client, case)
    await scene.nothing_is_left()


async def meant(scene: Scene, client: Client, case: Harmless) -> None:
    """The service sees what the client meant, and each request gets its own answer."""
    if case.open:
        client.send(b"GET /after HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    answers = Reader(answers=True)
    async with asyncio.timeout(10):
        while part := await client.reader.read(65536):
            answers.feed(part)
    seen = [*case.seen, AFTER] if case.open else case.seen
    assert scene.service.seen == seen
    assert [answer.body for answer in answers.messages if answer.start == b"200"] == [
        b"%s %d" % (start, len(body)) for start, body in seen
    ]
    assert answers.messages[-1].start == b"%d" % case.status


@pytest.mark.parametrize(
    "framing",
    [
        length(len(SMUGGLED)) + b"\r\n" + SMUGGLED,
        b"Transfer-Encoding: chunked\r\n\r\n" + chunked(SMUGGLED),
    ],
)
async def test_a_head_with_a_body_is_one_request(scene: Scene, framing: bytes) -> None:
    client = await scene.attack(b"HEAD /first HTTP/1.1\r\n" + HOST + framing, 1 << 20)
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 200 ")
    client.send(b"GET /after HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (await client.answer())[1] == b"GET /after 0"
    assert scene.service.seen == [(b"HEAD /first", SMUGGLED), AFTER]


@pytest.mark.parametrize("size", [b"5", b"3"])
async def test_a_request_that_its_client_leaves_unfinished_stays_unfinished(
    scene: Scene, size: bytes
) -> None:
    """What another client sends next must not become its body."""
    client = await scene.attack(POST + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\nabc", 1 << 20)
    await until(lambda: b"abc" in scene.upstream.received)
    client.close()
    await scene.upstream.until(lambda: scene.upstream.ended == 1)
    assert not scene.service.requests
    await scene.nothing_is_left()


@pytest.mark.parametrize("early", [b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", ok()])
async def test_a_service_that_answers_without_reading_the_body_never_takes_it_for_a_request(
    rig: Rig, early: bytes
) -> None:
    """0.CL and CL.0 by an expectation: the service thinks that the request is over, its client sends the body."""
    requests: list[bytes] = []

    async def hasty(conversation: Conversation) -> None:
        while True:
            requests.append(await conversation.head())
            await conversation.send(early if len(requests) == 1 else ok(b"fresh"))

    await rig.upstream(hasty)
    client = await rig.client()
    client.send(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED))
    head = await client.head()
    assert head.startswith(early[:12])
    assert b"\r\nConnection: close\r\n" in head
    client.send(SMUGGLED)
    await client.ended()
    assert (await rig.ask(GET + b"\r\n"))[1] == b"fresh"
    assert len(requests) == 2
    assert b"smuggled" not in b"".join(requests)
