"""Requests as they come on the wire: framing, limits, pipelining, closing."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.conftest import TOKEN, Rig, until
from gateway.zoo import Conversation, answers, echo, ok
from hatchway.gateway.limits import GatewayLimits

HOST = f"Host: {TOKEN}.localhost\r\n".encode()

GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST

# The published families of request smuggling and head confusion: each must be refused before any upstream sees a byte.
MALFORMED = {
    "length and coding": POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "coding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "same length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "list of lengths": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "signed length": POST + b"Content-Length: +5\r\n\r\nhello",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "underscored length": POST + b"Content-Length: 1_0\r\n\r\nhellohello",
    "empty length": POST + b"Content-Length: \r\n\r\n",
    "endless length": POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
    "other coding": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "two codings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "almost chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "vertical tab before chunked": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "tab before chunked": POST + b"Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
    "tab behind chunked": POST + b"Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n",
    "coding in 1.0": b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before colon": POST + b"Content-Length : 5\r\n\r\nhello",
    "tab before colon": POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "folded field": GET + b"X-A: b\r\n c\r\n\r\n",
    "folded first field": b"GET / HTTP/1.1\r\n " + HOST + b"\r\n",
    "bare LF": GET + b"X: a\nTransfer-Encoding: chunked\r\n\r\n",
    "only LF": b"GET / HTTP/1.1\n" + HOST.replace(b"\r", b"") + b"\n",
    "bare CR": GET + b"X: a\rb\r\n\r\n",
    "CR CR LF": GET + b"X: a\r\r\n\r\n",
    "NUL in a value": GET + b"X: a\x00b\r\n\r\n",
    "NUL in a name": GET + b"X\x00: b\r\n\r\n",
    "delete in a value": GET + b"X: a\x7fb\r\n\r\n",
    "no colon": GET + b"Nonsense\r\n\r\n",
    "no name": GET + b": value\r\n\r\n",
    "name with a bracket": GET + b"X(y): value\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\nX: y\r\n\r\n",
    "two Hosts": GET + HOST + b"\r\n",
    "empty Host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "Host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "Host with a user": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "two Authorizations": GET + b"Authorization: Basic dTpw\r\nAuthorization: Bearer x\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n",
    "space at the end": b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n",
    "tab in the line": b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "space in the target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /\r\n" + HOST + b"\r\n",
    "lower-case version": b"GET / http/1.1\r\n" + HOST + b"\r\n",
    "relative target": b"GET a HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "body with an upgrade": POST
    + b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello",
    "two empty lines first": b"\r\n\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
async def test_refuses_what_is_not_http_before_any_upstream_sees_it(rig: Rig, name: str) -> None:
    upstream = await rig.upstream(echo)
    client = await rig.client()
    client.send(MALFORMED[name])
    head, _ = await client.answer()
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nHatchway-Error: bad_request\r\n" in head
    assert b"\r\nConnection: close\r\n" in head
    assert await client.ended()
    assert not upstream.received


@pytest.mark.parametrize("name", ["length and coding", "bare LF", "no Host", "NUL in a value"])
async def test_refuses_the_same_byte_by_byte(rig: Rig, name: str) -> None:
    upstream = await rig.upstream(echo)
    client = await rig.client()
    for byte in MALFORMED[name].partition(b"\r\n\r\n")[0] + b"\r\n\r\n":
        client.send(bytes((byte,)))
        await client.writer.drain()
    assert (await client.head()).startswith(b"HTTP/1.1 400 ")
    assert await client.ended()
    assert not upstream.received


BAD_CHUNKS = [
    b"5\nhello\r\n0\r\n\r\n",
    b"g\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhelloX\r\n0\r\n\r\n",
    b"5 5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"0005\t\r\nhello\r\n0\r\n\r\n",
    b"\r\nhello\r\n0\r\n\r\n",
    b"1" * 17 + b"\r\n",
    b"5;a\x00b\r\nhello\r\n0\r\n\r\n",
    b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    b"0\r\nX : y\r\n\r\n",
    b"0\r\n folded\r\n\r\n",
]


@pytest.mark.parametrize("chunks", BAD_CHUNKS)
async def test_refuses_bad_chunks_and_leaves_the_service_without_a_whole_request(
    rig: Rig, chunks: bytes
) -> None:
    upstream = await rig.upstream(echo)
    client = await rig.client()
    client.send(rig.request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=chunks))
    assert (await client.head()).startswith(b"HTTP/1.1 400 ")
    await client.ended()
    assert not upstream.received.endswith(b"0\r\n\r\n")


async def test_a_chunked_body_is_passed_on_in_chunks_of_our_own_without_extensions(rig: Rig) -> None:
    await rig.upstream(echo)
    body = b"5;ext=1\r\nhello\r\n000006 \t;x\r\n world\r\n0\r\nX-Sum: 1\r\nContent-Length: 4\r\nHost: evil\r\n\r\n"
    _, echoed = await rig.ask(rig.request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=body))
    assert echoed.endswith(b"\r\n\r\nb\r\nhello world\r\n0\r\nX-Sum: 1\r\n\r\n")
    assert b"Content-Length" not in echoed
    assert b"evil" not in echoed


async def test_a_valid_request_may_come_byte_by_byte(rig: Rig) -> None:
    await rig.upstream(echo)
    client = await rig.client()
    for byte in rig.request("POST /x HTTP/1.1", "Content-Length: 5", body=b"hello"):
        client.send(bytes((byte,)))
        await client.writer.drain()
    _, body = await client.answer()
    assert body.startswith(b"POST /x HTTP/1.1\r\n")
    assert body.endswith(b"\r\n\r\nhello")


async def test_one_empty_line_before_a_request_is_ignored(rig: Rig) -> None:
    await rig.upstream(echo)
    head, _ = await rig.ask(b"\r\n" + rig.request())
    assert head.startswith(b"HTTP/1.1 200 ")


async def test_pipelined_requests_are_answered_in_order_one_at_a_time(rig: Rig) -> None:
    upstream = await rig.upstream(echo)
    client = await rig.client()
    client.send(b"".join(rig.request(f"GET /{n} HTTP/1.1") for n in range(50)))
    for n in range(50):
        _, body = await client.answer()
        assert body.startswith(b"GET /%d " % n)
    assert len(upstream.conversations) == 1


async def test_pipelined_refusals_do_not_nest(rig: Rig) -> None:
    client = await rig.client()
    count = 2000
    client.send(f"GET /fetch/x/ HTTP/1.1\r\nHost: localhost:{rig.port}\r\n\r\n".encode() * count)
    for _ in range(count):
        head, _ = await client.answer()
        assert head.startswith(b"HTTP/1.1 403 ")


async def test_a_client_that_pipelines_refusals_and_does_not_read_them_is_not_served_without_end(
    rig: Rig,
) -> None:
    client = await rig.client(receive_buffer=4096)
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    count = 30_000
    client.send(b"GET /fetch/x/ HTTP/1.1\r\nHost: a\r\n\r\n" * count)
    await until(lambda: any(one.full for one in rig.gateway.connections))
    client.writer.transport.resume_reading()  # type: ignore[attr-defined]
    for _ in range(count):
        head, _ = await client.answer()
        assert head.startswith(b"HTTP/1.1 403 ")


async def test_what_follows_a_body_is_the_next_request(rig: Rig) -> None:
    await rig.upstream(echo)
    client = await rig.client()
    client.send(
        rig.request("POST /a HTTP/1.1", "Content-Length: 5", body=b"hello") + rig.request("GET /b HTTP/1.1")
    )
    assert (await client.answer())[1].startswith(b"POST /a ")
    assert (await client.answer())[1].startswith(b"GET /b ")
    client.send(
        rig.request("POST /c HTTP/1.1", "Transfer-Encoding: chunked", body=b"1\r\nx\r\n0\r\n\r\n")
        + rig.request("GET /d HTTP/1.1")
    )
    assert (await client.answer())[1].startswith(b"POST /c ")
    assert (await client.answer())[1].startswith(b"GET /d ")


class TestLimits:
    @pytest.fixture
    def limits(self) -> GatewayLimits:
        return GatewayLimits(head_bytes=2048, target_bytes=512, header_fields=10, timer_seconds=0.02)

    async def test_long_targets(self, rig: Rig) -> None:
        await rig.upstream(echo)
        assert (await rig.ask(rig.request(f"GET /{'a' * 511} HTTP/1.1")))[0].startswith(b"HTTP/1.1 200 ")
        head, _ = await rig.ask(rig.request(f"GET /{'a' * 512} HTTP/1.1"))
        assert head.startswith(b"HTTP/1.1 414 ")
        assert b"Hatchway-Error: target_too_long\r\n" in head

    async def test_a_target_without_end(self, rig: Rig) -> None:
        assert (await rig.ask(b"GET /" + b"a" * 600))[0].startswith(b"HTTP/1.1 414 ")

    async def test_long_heads(self, rig: Rig) -> None:
        head, _ = await rig.ask(rig.request("GET / HTTP/1.1", f"X: {'a' * 2048}"))
        assert head.startswith(b"HTTP/1.1 431 ")
        assert b"Hatchway-Error: head_too_large\r\n" in head

    async def test_a_head_without_end(self, rig: Rig) -> None:
        client = await rig.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        for _ in range(300):
            client.send(b"A: bcd\r\n")
        assert (await client.head()).startswith(b"HTTP/1.1 431 ")

    async def test_many_fields(self, rig: Rig) -> None:
        await rig.upstream(echo)
        assert (await rig.ask(rig.request("GET / HTTP/1.1", *["A: b"] * 9)))[0].startswith(b"HTTP/1.1 200 ")
        assert (await rig.ask(rig.request("GET / HTTP/1.1", *["A: b"] * 10)))[0].startswith(b"HTTP/1.1 431 ")

    async def test_long_trailers(self, rig: Rig) -> None:
        upstream = await rig.upstream(echo)
        for size, status in ((2000, b"200"), (2048, b"431")):
            body = b"0\r\nX: " + b"a" * size + b"\r\n\r\n"
            head, _ = await rig.ask(rig.request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=body))
            assert head.startswith(b"HTTP/1.1 %s " % status)
        await upstream.until(lambda: upstream.ended == 1)


class TestTimes:
    @pytest.fixture
    def limits(self) -> GatewayLimits:
        return GatewayLimits(
            head_seconds=0.1, idle_seconds=0.1, answer_seconds=0.1, linger_seconds=0.1, timer_seconds=0.02
        )

    async def test_a_slow_head_is_refused(self, rig: Rig) -> None:
        client = await rig.client()
        client.send(b"GET / HT")
        head, _ = await client.answer()
        assert head.startswith(b"HTTP/1.1 408 ")
        assert await client.ended()

    async def test_a_silent_connection_is_closed(self, rig: Rig) -> None:
        client = await rig.client()
        assert await client.ended()

    async def test_an_idle_connection_is_closed(self, rig: Rig) -> None:
        await rig.upstream(echo)
        client = await rig.client()
        client.send(rig.request())
        await client.answer()
        assert await client.ended()

    async def test_a_service_that_does_not_answer(self, rig: Rig) -> None:
        async def silent(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.rest()

        upstream = await rig.upstream(silent)
        head, _ = await rig.ask(rig.request())
        assert head.startswith(b"HTTP/1.1 504 ")
        await upstream.until(lambda: upstream.ended == 1)

    async def test_a_slow_upload_and_a_quiet_stream_are_not_cut(self, rig: Rig) -> None:
        go_on = asyncio.Event()

        async def quiet(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.exactly(10)
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            await go_on.wait()
            await conversation.send(b"done")

        await rig.upstream(quiet)
        client = await rig.client()
        client.send(rig.request("POST / HTTP/1.1", "Content-Length: 10", body=b"hello"))
        await rig.longer_than_every_timeout()
        client.send(b"world")
        await client.head()
        await rig.longer_than_every_timeout()
        go_on.set()
        assert await client.exactly(4) == b"done"

    async def test_the_control_api_may_take_its_time(self, rig: Rig) -> None:
        async def waits(conversation: Conversation) -> None:
            await conversation.head()
            await rig.longer_than_every_timeout()
            await conversation.send(ok(b"exited"))

        await rig.control(waits)
        request = rig.request(
            "GET /api/vms/v/processes/1/wait HTTP/1.1", "Hatchway-Token: secret-api-token", host="a"
        )
        assert (await rig.ask(request))[1] == b"exited"

    async def test_a_slow_reader_of_an_early_answer_gets_all_of_it(self, rig: Rig) -> None:
        async def refuses(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(ok(bytes(8 << 20)))
            await conversation.rest()

        await rig.upstream(refuses)
        client = await rig.client(receive_buffer=4096)
        client.send(rig.request("POST / HTTP/1.1", "Content-Length: 100", body=b"half"))
        await client.head()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await rig.longer_than_every_timeout()
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await client.exactly(8 << 20)) == 8 << 20

    async def test_a_client_that_goes_on_sending_after_a_refusal_is_cut(self, rig: Rig) -> None:
        client = await rig.client()
        client.send(MALFORMED["two lengths"])
        head, _ = await client.answer()
        assert head.startswith(b"HTTP/1.1 400 ")
        await client.ended()
        while rig.gateway.connections:
            client.send(b"more")
            await asyncio.sleep(0)


class TestVersions:
    async def test_http_1_0_gets_a_closed_connection_and_no_chunks(self, rig: Rig) -> None:
        await rig.upstream(
            answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")
        )
        client = await rig.client()
        client.send(rig.request("GET / HTTP/1.0"))
        answer = await client.rest()
        head, _, body = answer.partition(b"\r\n\r\n")
        assert body == b"hello!"
        assert b"Transfer-Encoding" not in head
        assert b"\r\nConnection: close" in head

    async def test_http_1_0_gets_no_interim_answers(self, rig: Rig) -> None:
        await rig.upstream(answers(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok()))
        client = await rig.client()
        client.send(rig.request("GET / HTTP/1.0", "Expect: 100-continue"))
        assert (await client.rest()).startswith(b"HTTP/1.1 200 OK\r\n")

    async def test_http_1_0_without_host(self, rig: Rig) -> None:
        await rig.upstream(echo)
        client = await rig.client()
        client.send(f"GET /fetch/{TOKEN}/x HTTP/1.0\r\n\r\n".encode())
        assert b"GET /x HTTP/1.1\r\nHost: localhost:3000\r\n" in await client.rest()

    @pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/1.2", "HTTP/3.0"])
    async def test_other_versions(self, rig: Rig, version: str) -> None:
        assert (await rig.ask(rig.request(f"GET / {version}")))[0].startswith(b"HTTP/1.1 505 ")

    async def test_the_http_2_preface(self, rig: Rig) -> None:
        assert (await rig.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))[0].startswith(b"HTTP/1.1 505 ")


class TestTargets:
    async def test_connect_is_refused(self, rig: Rig) -> None:
        head, _ = await rig.ask(b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 405 ")

    async def test_the_authority_of_an_absolute_target_is_the_host(self, rig: Rig) -> None:
        await rig.upstream(echo)
        head, body = await rig.ask(
            f"GET http://{rig.authority}/p?q HTTP/1.1\r\nHost: elsewhere\r\n\r\n".encode()
        )
        assert head.startswith(b"HTTP/1.1 200 ")
        assert body.startswith(b"GET /p?q HTTP/1.1\r\nHost: localhost:3000\r\n")
        assert b"elsewhere" not in body

    async def test_options_for_the_server_itself(self, rig: Rig) -> None:
        assert (await rig.ask(rig.request("OPTIONS * HTTP/1.1")))[0].startswith(b"HTTP/1.1 204 ")

    async def test_any_method_passes(self, rig: Rig) -> None:
        await rig.upstream(echo)
        _, body = await rig.ask(rig.request("BREW-!#$ /pot HTTP/1.1"))
        assert body.startswith(b"BREW-!#$ /pot HTTP/1.1\r\n")


async def test_a_client_that_asks_to_close_gets_its_answer_first(rig: Rig) -> None:
    await rig.upstream(answers(ok(b"x" * 300_000)))
    client = await rig.client()
    client.send(rig.request("GET / HTTP/1.1", "Connection: close"))
    answer = await client.rest()
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"x" * 300_000)


async def test_a_refusal_reaches_a_client_that_is_still_sending(rig: Rig) -> None:
    client = await rig.client()
    client.send(
        f"POST /fetch/nothing/ HTTP/1.1\r\nHost: localhost:{rig.port}\r\nContent-Length: 3000000\r\n\r\n".encode()
    )
    client.send(b"x" * 1_500_000)
    head, _ = await client.answer()
    assert head.startswith(b"HTTP/1.1 403 ")
    assert b"\r\nConnection: close\r\n" in head


async def test_defaults_are_as_documented() -> None:
    assert replace(GatewayLimits()) == GatewayLimits(head_bytes=65536, target_bytes=16384, head_seconds=30.0)
