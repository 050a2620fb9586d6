"""What HTTP means beyond its framing, end to end: bodies as they come, expectations, ranges, encodings, trailers,
versions, and what may not come back by another way."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from gateway.conftest import TOKEN, Rig
from gateway.second_opinion import Reader, read_requests
from gateway.zoo import Conversation, answers, echo, ok
from hatchway.gateway.body import ChunkedDecoder

HEADS = {
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "the end of the connection": b"HTTP/1.1 200 OK\r\n\r\n",
}
PARTS = [b"one", b"-two", b"-", b"tree"]


def decoded(wire: bytes) -> bytes:
    """The content of the beginning of a chunked body."""
    return b"".join(ChunkedDecoder(1000).feed(wire))


class TestFirstByteInFirstByteOut:
    """No part of a body waits for the next: each is sent only after the one before has arrived at the other end."""

    @pytest.mark.parametrize("version", ["1.1", "1.0"])
    @pytest.mark.parametrize("framing", HEADS)
    async def test_down(self, rig: Rig, framing: str, version: str) -> None:
        arrived = asyncio.Event()

        async def drips(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(HEADS[framing])
            for part in PARTS:
                await arrived.wait()
                arrived.clear()
                await conversation.send(b"%x\r\n%s\r\n" % (len(part), part) if framing == "chunks" else part)
            await arrived.wait()
            if framing == "chunks":
                await conversation.send(b"0\r\n\r\n")

        await rig.upstream(drips)
        client = await rig.client()
        client.send(rig.request(f"GET / HTTP/{version}"))
        head = await client.head()  # it does not wait for the first byte of the body
        chunked = b"Transfer-Encoding: chunked" in head
        assert chunked == (version == "1.1" and framing != "a length")
        arrived.set()
        for part in PARTS:
            expected = b"%x\r\n%s\r\n" % (len(part), part) if chunked else part
            assert await client.exactly(len(expected)) == expected
            arrived.set()
        assert not chunked or await client.until(b"0\r\n\r\n") == b"0\r\n\r\n"

    async def test_a_chunk_does_not_wait_for_its_end(self, rig: Rig) -> None:
        arrived = asyncio.Event()

        async def half_a_chunk(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(HEADS["chunks"] + b"b\r\nhello")
            await arrived.wait()
            await conversation.send(b" world\r\n0\r\n\r\n")
            await conversation.head()

        await rig.upstream(half_a_chunk)
        client = await rig.client()
        client.send(rig.request())
        await client.until(b"hello\r\n")
        arrived.set()
        assert decoded(await client.until(b"0\r\n\r\n")) == b" world"

    @pytest.mark.parametrize("framing", ["a length", "chunks"])
    async def test_up(self, rig: Rig, framing: str) -> None:
        arrived = asyncio.Queue[bytes]()

        async def listens(conversation: Conversation) -> None:
            arrived.put_nowait(await conversation.head())
            while part := await conversation.some():
                arrived.put_nowait(part)
                if part.endswith((b"tree", b"0\r\n\r\n")):
                    await conversation.send(ok(b"all"))

        await rig.upstream(listens)
        client = await rig.client()
        field = "Content-Length: 12" if framing == "a length" else "Transfer-Encoding: chunked"
        client.send(rig.request("POST / HTTP/1.1", field))
        assert (await arrived.get()).startswith(b"POST / HTTP/1.1\r\n")  # the head does not wait for the body
        for part in PARTS:
            sent = part if framing == "a length" else b"%x\r\n%s\r\n" % (len(part), part)
            client.send(sent)
            assert await arrived.get() == sent
        if framing == "chunks":
            client.send(b"0\r\n\r\n")
        assert (await client.answer())[1] == b"all"

    @pytest.mark.parametrize(
        "accept",
        [
            (),
            ("Accept: text/event-stream",),
            ("Accept: */*",),
            ("Accept: text/html,application/xhtml+xml,*/*;q=0.8",),
            ("Accept: application/json",),
            ("Accept: text/event-stream", "Accept-Encoding: gzip, br", "Cache-Control: no-cache"),
        ],
    )
    async def test_events_whatever_is_accepted(self, rig: Rig, accept: tuple[str, ...]) -> None:
        seen = asyncio.Event()

        async def events(conversation: Conversation) -> None:
            head = await conversation.head()
            assert all(f"\r\n{field}\r\n".encode() in head for field in accept)
            await conversation.send(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n"
            )
            for number in range(3):
                await conversation.send(b"id: %d\ndata: x\n\n" % number)
                await seen.wait()
                seen.clear()

        await rig.upstream(events)
        client = await rig.client()
        client.send(rig.request("GET /events HTTP/1.1", *accept))
        head = await client.head()
        assert b"\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n" in head
        for number in range(3):
            assert decoded(await client.until(b"\n\n\r\n")) == b"id: %d\ndata: x\n\n" % number
            seen.set()
        assert await client.until(b"0\r\n\r\n") == b"0\r\n\r\n"


class TestExpectations:
    async def test_the_gateway_itself_never_says_continue(self, rig: Rig) -> None:
        """The service decides: the first that the client hears is what the service says."""

        async def refuses(conversation: Conversation) -> None:
            assert b"\r\nExpect: 100-continue\r\n" in await conversation.head()
            await conversation.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
            assert await conversation.rest() == b""

        await rig.upstream(refuses)
        client = await rig.client()
        client.send(rig.request("PUT / HTTP/1.1", "Expect: 100-continue", "Content-Length: 5"))
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 401 ")
        assert b"\r\nConnection: close\r\n" in head  # the body may come or not: nothing can follow it
        assert body == b"no"
        assert await client.ended()

    async def test_a_client_that_does_not_wait(self, rig: Rig) -> None:
        async def continues(conversation: Conversation) -> None:
            await conversation.head()
            body = await conversation.exactly(5)
            await conversation.send(b"HTTP/1.1 100 Continue\r\n\r\n" + ok(body))
            await conversation.head()

        await rig.upstream(continues)
        client = await rig.client()
        client.send(rig.request("PUT / HTTP/1.1", "Expect: 100-continue", "Content-Length: 5", body=b"hello"))
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await client.answer())[1] == b"hello"

    async def test_a_service_that_does_not_say_continue(self, rig: Rig) -> None:
        await rig.upstream(echo)
        client = await rig.client()
        client.send(rig.request("PUT / HTTP/1.1", "Expect: 100-continue", "Content-Length: 5", body=b"hello"))
        assert (await client.answer())[1].endswith(b"\r\n\r\nhello")
        client.send(rig.request("GET /next HTTP/1.1"))
        assert (await client.answer())[1].startswith(b"GET /next ")

    async def test_many_interim_answers_in_their_order(self, rig: Rig) -> None:
        interim = [b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n",
                   b"HTTP/1.1 199 Whatever\r\nX: y\r\n\r\n"]  # fmt: skip
        await rig.upstream(answers(b"".join(interim) + ok(b"end")))
        client = await rig.client()
        client.send(rig.request() * 2)
        for _ in range(2):
            assert [await client.head() for _ in interim] == interim
            assert (await client.answer())[1] == b"end"


class TestPassesUntouched:
    @pytest.mark.parametrize(
        ("status", "fields", "body"),
        [
            ("206 Partial Content", "Content-Range: bytes 1-3/10\r\nAccept-Ranges: bytes\r\n", b"bcd"),
            ("416 Range Not Satisfiable", "Content-Range: bytes */10\r\n", b""),
            (
                "206 Partial Content",
                "Content-Type: multipart/byteranges; boundary=x\r\n",
                b"--x\r\nContent-Range: bytes 0-0/9\r\n\r\na\r\n--x\r\nContent-Range: bytes 8-8/9\r\n\r\ni\r\n--x--",
            ),
        ],
    )
    async def test_ranges(self, rig: Rig, status: str, fields: str, body: bytes) -> None:
        upstream = await rig.upstream(
            answers(f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        )
        asked = ("Range: bytes=1-3,-1", 'If-Range: "tag"')
        head, got = await rig.ask(rig.request("GET / HTTP/1.1", *asked))
        assert f"\r\n{asked[0]}\r\n{asked[1]}\r\n".encode() in upstream.received
        assert head.startswith(f"HTTP/1.1 {status}\r\n{fields}".encode())
        assert got == body

    @pytest.mark.parametrize("framing", HEADS)
    async def test_encodings(self, rig: Rig, framing: str) -> None:
        content = gzip.compress(b"hello" * 1000)
        coding = b'Content-Encoding: gzip\r\nVary: Accept-Encoding\r\nETag: W/"x"\r\nContent-MD5: x\r\n'

        async def compressed(conversation: Conversation) -> None:
            assert b"\r\nAccept-Encoding: gzip;q=1.0, zstd, *;q=0\r\n" in await conversation.head()
            head = b"HTTP/1.1 200 OK\r\n" + coding
            if framing == "a length":
                await conversation.send(head + b"Content-Length: %d\r\n\r\n" % len(content) + content)
            elif framing == "chunks":
                chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)
                await conversation.send(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
            else:
                await conversation.send(head + b"\r\n" + content)

        await rig.upstream(compressed)
        client = await rig.client()
        client.send(
            rig.request("GET / HTTP/1.1", "Accept-Encoding: gzip;q=1.0, zstd, *;q=0", "Connection: close")
        )
        reader = Reader(answers=True)
        reader.feed(await client.rest())
        (answer,) = reader.messages
        assert answer.body == content
        assert [
            value for name, value in answer.fields if name in (b"content-encoding", b"vary", b"etag")
        ] == [
            b"gzip",
            b"Accept-Encoding",
            b'W/"x"',
        ]

    @pytest.mark.parametrize("method", ["QUERY", "PROPFIND", "M-SEARCH", "get", "X!#$%&'*+-.^_`|~9"])
    async def test_methods_with_bodies(self, rig: Rig, method: str) -> None:
        await rig.upstream(echo)
        client = await rig.client()
        for field, body in (
            ("Content-Length: 3", b"abc"),
            ("Transfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n"),
        ):
            client.send(rig.request(f"{method} /x HTTP/1.1", field, body=body))
            _, seen = await client.answer()
            assert seen.startswith(f"{method} /x HTTP/1.1\r\n".encode())
            assert seen.endswith(b"\r\n\r\n" + body)

    async def test_every_byte_that_a_value_may_have(self, rig: Rig) -> None:
        every = bytes(byte for byte in range(256) if byte >= 0x20 and byte != 0x7F) + b"\tx"
        await rig.upstream(answers(ok(b"", b"X-All: " + every + b"\r\n")))
        client = await rig.client()
        client.send(rig.request()[:-2] + b"X-All: " + every + b"\r\n\r\n")
        assert b"\r\nX-All: " + every + b"\r\n" in await client.head()
        assert b"\r\nX-All: " + every + b"\r\n" in rig.upstreams[0].received


class TestTrailers:
    async def test_up_and_down_in_number_and_order(self, rig: Rig) -> None:
        trailers = b"X-Sum: 1\r\nx-sum: 2\r\nX-Empty:\r\n"
        body = b"1\r\nx\r\n0\r\n" + trailers + b"\r\n"

        async def both_ways(conversation: Conversation) -> None:
            await conversation.head()
            received = await conversation.chunked()
            await conversation.send(HEADS["chunks"] + received)

        await rig.upstream(both_ways)
        client = await rig.client()
        client.send(rig.request("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Trailer: X-Sum", body=body))
        await client.head()
        assert await client.until(b"\r\n\r\n") == body

    @pytest.mark.parametrize(
        "name",
        [
            "Authorization", "Connection", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type",
            "Cookie", "Expect", "Forwarded", "Hatchway-Preview-Token", "Hatchway-Token", "Hatchway_Token", "Host",
            "Keep-Alive", "Origin", "Proxy-Authorization", "Referer", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
            "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "x_forwarded_for",
        ],
    )  # fmt: skip
    async def test_carry_nothing_that_belongs_in_a_head(self, rig: Rig, name: str) -> None:
        """A receiver may merge them into the head, behind what was checked there (RFC 9110 section 6.5.1)."""
        await rig.upstream(echo)
        body = f"1\r\nx\r\n0\r\nX-Kept: 1\r\n{name}: 6.6.6.6\r\n\r\n".encode()
        _, seen = await rig.ask(rig.request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=body))
        assert seen.endswith(b"\r\n\r\n1\r\nx\r\n0\r\nX-Kept: 1\r\n\r\n")

    async def test_are_left_out_for_http_1_0(self, rig: Rig) -> None:
        await rig.upstream(answers(HEADS["chunks"] + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"))
        client = await rig.client()
        client.send(rig.request("GET / HTTP/1.0"))
        assert (await client.rest()).endswith(b"\r\n\r\nhello")


class TestVersions:
    async def test_a_body_from_http_1_0(self, rig: Rig) -> None:
        await rig.upstream(echo)
        client = await rig.client()
        client.send(
            rig.request("POST /x HTTP/1.0", "Content-Length: 5", "Connection: keep-alive", body=b"hello")
        )
        head, _, seen = (await client.rest()).partition(b"\r\n\r\n")
        assert b"\r\nConnection: close\r\n" in head
        (request,) = read_requests(seen).messages
        assert (request.start, request.body) == (b"POST /x", b"hello")

    @pytest.mark.parametrize("framing", HEADS)
    async def test_a_head_from_http_1_0(self, rig: Rig, framing: str) -> None:
        await rig.upstream(answers(HEADS[framing]))
        client = await rig.client()
        client.send(rig.request("HEAD / HTTP/1.0"))
        answer = await client.rest()
        assert b"\r\nConnection: close\r\n" in answer
        assert answer.endswith(b"\r\n\r\n")
        assert b"Transfer-Encoding" not in answer
        assert (b"\r\nContent-Length: 12\r\n" in answer) == (framing == "a length")

    @pytest.mark.parametrize("framing", HEADS)
    async def test_a_head_leaves_the_connection_open(self, rig: Rig, framing: str) -> None:
        await rig.upstream(answers(HEADS[framing], ok(b"next")))
        client = await rig.client()
        client.send(rig.request("HEAD / HTTP/1.1"))
        head = await client.head()
        assert b"Connection: close" not in head
        client.send(rig.request())
        assert (await client.answer())[1] == b"next"

    async def test_an_http_1_0_service_is_asked_in_http_1_1_and_passed_on_as_that(self, rig: Rig) -> None:
        upstream = await rig.upstream(answers(ok(b"old").replace(b"HTTP/1.1", b"HTTP/1.0")))
        head, body = await rig.ask(rig.request())
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert body == b"old"
        assert upstream.received.startswith(b"GET / HTTP/1.1\r\n")


class TestNothingByAnotherWay:
    async def test_two_authorizations_are_refused(self, rig: Rig) -> None:
        """One of them could be the API's while another is looked at (RFC 9110 section 5.3: it is no list)."""
        upstream = await rig.upstream(echo)
        for fields in (
            ("Authorization: Bearer secret-api-token", "Authorization: Basic dTpw"),
            ("Authorization: Basic dTpw", "authorization: Bearer secret-api-token"),
        ):
            head, _ = await rig.ask(rig.request("GET / HTTP/1.1", *fields))
            assert head.startswith(b"HTTP/1.1 400 ")
        assert not upstream.received

    @pytest.mark.parametrize(
        "name", ["X_Forwarded_For", "X-Forwarded_Proto", "x_forwarded_host", "X_Real_IP", "Hatchway_Token"]
    )
    async def test_names_that_cgi_takes_for_ours_are_left_out(self, rig: Rig, name: str) -> None:
        await rig.upstream(echo)
        _, seen = await rig.ask(rig.request("GET / HTTP/1.1", f"{name}: 6.6.6.6", "X_Own: kept"))
        assert b"6.6.6.6" not in seen
        assert b"\r\nX_Own: kept\r\n" in seen

    async def test_the_token_in_no_method_and_no_upgrade(self, rig: Rig) -> None:
        upstream = await rig.upstream(echo)
        await rig.ask(rig.request("GET / HTTP/1.1", "Connection: upgrade", f"Upgrade: {TOKEN}, raw"))
        await rig.ask(rig.request(f"{TOKEN} / HTTP/1.1"))
        assert TOKEN.encode() not in upstream.received
        assert b"\r\nUpgrade: preview, raw\r\n" in upstream.received
        assert b"preview / HTTP/1.1\r\n" in upstream.received
