"""Requests and their answers through real sockets: streaming, the pool, retries, early answers, and vanishing peers."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable

import pytest

from gateway.conftest import OTHER_TOKEN, TOKEN, Rig, until
from gateway.zoo import Conversation, answers, answers_and_closes, echo, gzipped, ok
from hatchway.gateway.body import ChunkedDecoder

MEGABYTE = 1 << 20


class TestFraming:
    async def test_an_answer_with_a_length_passes_untouched(self, rig: Rig) -> None:
        body = bytes(range(256)) * 1000
        await rig.upstream(answers(ok(body)))
        head, received = await rig.ask(rig.request())
        assert received == body
        assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 256000\r\n")

    async def test_chunks_stay_chunks_and_trailers_pass(self, rig: Rig) -> None:
        wire = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Sum: 7\r\nSet-Cookie: a=b\r\n\r\n"
        await rig.upstream(
            answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + wire)
        )
        client = await rig.client()
        client.send(rig.request() * 2)
        for _ in range(2):
            head = await client.head()
            assert b"\r\nTransfer-Encoding: chunked\r\n" in head
            assert b"\r\nTrailer: X-Sum\r\n" in head
            assert await client.until(b"\r\n\r\n") == b"b\r\nhello world\r\n0\r\nX-Sum: 7\r\n\r\n"

    async def test_an_answer_that_ends_with_its_connection_becomes_chunks(self, rig: Rig) -> None:
        upstream = await rig.upstream(answers_and_closes(b"HTTP/1.1 200 OK\r\n\r\nhello"))
        client = await rig.client()
        client.send(rig.request() * 2)
        for _ in range(2):
            assert b"\r\nTransfer-Encoding: chunked\r\n" in await client.head()
            assert await client.until(b"0\r\n\r\n") == b"5\r\nhello\r\n0\r\n\r\n"
        assert len(upstream.conversations) == 2

    async def test_an_empty_answer_that_ends_with_its_connection(self, rig: Rig) -> None:
        await rig.upstream(answers_and_closes(b"HTTP/1.0 200 OK\r\n\r\n"))
        client = await rig.client()
        client.send(rig.request())
        await client.head()
        assert await client.until(b"0\r\n\r\n") == b"0\r\n\r\n"

    @pytest.mark.parametrize(
        ("method", "wire"),
        [
            ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
            ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
            ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
            ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"),
        ],
    )
    async def test_answers_without_a_body(self, rig: Rig, method: str, wire: bytes) -> None:
        upstream = await rig.upstream(answers(wire, ok(b"next")))
        client = await rig.client()
        client.send(rig.request(f"{method} / HTTP/1.1"))
        head = await client.head()
        assert b"Transfer-Encoding" not in head
        assert (b"\r\nContent-Length: 1000\r\n" in head) == (b"1000" in wire)
        assert b"Content-Length: 5" not in head
        client.send(rig.request())
        assert (await client.answer())[1] == b"next"
        assert len(upstream.conversations) == 1

    async def test_an_answer_head_byte_by_byte(self, rig: Rig) -> None:
        async def slow(conversation: Conversation) -> None:
            while True:
                await conversation.head()
                wire = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                wire += b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n"
                for byte in wire:
                    await conversation.send(bytes((byte,)))
                    await asyncio.sleep(0)

        await rig.upstream(slow)
        client = await rig.client()
        for _ in range(2):
            client.send(rig.request())
            assert (await client.head()).startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n")
            assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
            body = await client.until(b"0\r\nX: y\r\n\r\n")
            assert b"".join(ChunkedDecoder(1000).feed(body)) == b"abc"

    @pytest.mark.parametrize(
        "wire",
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
            b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: y\x00\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/2 200\r\n\r\n",
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\n\r\n",
            b"y" * 70000,
        ],
    )
    async def test_a_malformed_answer_is_a_502_and_its_connection_is_dropped(
        self, rig: Rig, wire: bytes
    ) -> None:
        upstream = await rig.upstream(answers(wire))
        head, _ = await rig.ask(rig.request())
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"\r\nHatchway-Error: bad_answer\r\n" in head
        await upstream.until(lambda: upstream.ended == 1)

    async def test_bad_chunks_in_an_answer_break_the_connection(self, rig: Rig) -> None:
        await rig.upstream(
            answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n")
        )
        client = await rig.client()
        client.send(rig.request())
        await client.head()
        assert not await client.ended()


class TestPassesOn:
    async def test_encodings_and_redirects(self, rig: Rig) -> None:
        await rig.upstream(
            answers(
                gzipped(b"hello" * 100), b"HTTP/1.1 302 Found\r\nLocation: next\r\nContent-Length: 0\r\n\r\n"
            )
        )
        head, body = await rig.ask(rig.request())
        assert b"\r\nContent-Encoding: gzip\r\n" in head
        assert gzip.decompress(body) == b"hello" * 100
        head, _ = await rig.ask(rig.request())
        assert head.startswith(b"HTTP/1.1 302 Found\r\nLocation: next\r\n")

    async def test_repeated_headers_in_number_and_order(self, rig: Rig) -> None:
        cookies = b"".join(b"Set-Cookie: c%d=%d; Path=/; HttpOnly\r\n" % (n, n) for n in range(30))
        await rig.upstream(answers(ok(b"", cookies)))
        head, _ = await rig.ask(rig.request())
        assert cookies in head

    async def test_interim_answers(self, rig: Rig) -> None:
        async def careful(conversation: Conversation) -> None:
            head = await conversation.head()
            assert b"\r\nExpect: 100-continue\r\n" in head
            await conversation.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await conversation.exactly(5)
            await conversation.send(
                b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\nX: y\r\n\r\n" + ok(body)
            )
            await conversation.head()

        await rig.upstream(careful)
        client = await rig.client()
        client.send(rig.request("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 5"))
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"hello")
        assert await client.head() == b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        assert (await client.answer())[1] == b"hello"

    async def test_each_event_of_a_stream_at_once(self, rig: Rig) -> None:
        next_event = asyncio.Event()

        async def events(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            for n in range(3):
                await next_event.wait()
                next_event.clear()
                await conversation.send(b"data: %d\n\n" % n)

        await rig.upstream(events)
        client = await rig.client()
        client.send(rig.request())
        await client.head()
        for n in range(3):
            next_event.set()
            assert b"data: %d\n\n\r\n" % n in await client.until(b"\n\n\r\n")
        assert await client.until(b"0\r\n\r\n") == b"0\r\n\r\n"

    async def test_both_directions_at_once(self, rig: Rig) -> None:
        """An answer that begins before the request is complete streams beside it."""

        async def mirror(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
            for _ in range(10):
                await conversation.send(await conversation.exactly(1))
            await conversation.some()

        await rig.upstream(mirror)
        client = await rig.client()
        client.send(rig.request("POST / HTTP/1.1", "Content-Length: 10"))
        assert b"\r\nConnection: close\r\n" in await client.head()
        for n in range(10):
            client.send(b"%d" % n)
            assert await client.exactly(1) == b"%d" % n
        assert await client.ended()


class TestPool:
    async def test_one_connection_serves_many(self, rig: Rig) -> None:
        upstream = await rig.upstream(answers(ok()))
        for _ in range(5):
            await rig.ask(rig.request())
        assert len(upstream.conversations) == 1

    async def test_as_many_connections_as_requests_at_once(self, rig: Rig) -> None:
        all_there = asyncio.Barrier(8)

        async def together(conversation: Conversation) -> None:
            while True:
                await conversation.head()
                await all_there.wait()
                await conversation.send(ok())

        upstream = await rig.upstream(together)
        for _ in range(2):
            await asyncio.gather(*(rig.ask(rig.request()) for _ in range(8)))
        assert len(upstream.conversations) == 8

    async def test_never_shared_between_ports_or_vms(self, rig: Rig) -> None:
        await rig.upstream(answers(ok(b"one")), vm_id="vm1", port=3000, token=TOKEN)
        await rig.upstream(answers(ok(b"two")), vm_id="vm2", port=3000, token=OTHER_TOKEN)
        await rig.upstream(answers(ok(b"three")), vm_id="vm1", port=3001, token="y" * 32)
        for _ in range(2):
            for token, body in ((TOKEN, b"one"), (OTHER_TOKEN, b"two"), ("y" * 32, b"three")):
                assert (await rig.ask(rig.request(host=f"{token}.localhost")))[1] == body

    @pytest.mark.parametrize("field", [b"Connection: close\r\n", b"Connection: Close, x\r\n"])
    async def test_a_service_that_closes_is_dialled_again(self, rig: Rig, field: bytes) -> None:
        upstream = await rig.upstream(answers(ok(b"ok", field)))
        for _ in range(2):
            head, body = await rig.ask(rig.request())
            assert body == b"ok"
            assert b"close" not in head.lower()
        assert len(upstream.conversations) == 2

    async def test_http_1_0_services_are_reused_only_if_they_say_so(self, rig: Rig) -> None:
        upstream = await rig.upstream(answers(ok().replace(b"1.1", b"1.0")))
        await rig.ask(rig.request())
        await rig.ask(rig.request())
        assert len(upstream.conversations) == 2
        upstream.script = answers(ok(b"", b"Connection: keep-alive\r\n").replace(b"1.1", b"1.0"))
        for _ in range(3):
            await rig.ask(rig.request())
        assert len(upstream.conversations) == 3

    async def test_surplus_bytes_never_become_the_next_answer(self, rig: Rig) -> None:
        upstream = await rig.upstream(answers(ok(b"mine") + ok(b"stray")))
        for _ in range(3):
            assert (await rig.ask(rig.request()))[1] == b"mine"
        assert len(upstream.conversations) == 3

    async def test_unsolicited_bytes_on_an_idle_connection_drop_it(self, rig: Rig) -> None:
        speak = asyncio.Event()

        async def chatty(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(ok(b"mine"))
            await speak.wait()
            await conversation.send(ok(b"stray"))
            await conversation.rest()

        upstream = await rig.upstream(chatty)
        assert (await rig.ask(rig.request()))[1] == b"mine"
        speak.set()
        await upstream.until(lambda: upstream.ended == 1)
        upstream.script = answers(ok(b"fresh"))
        assert (await rig.ask(rig.request()))[1] == b"fresh"

    async def test_a_stale_connection_is_replaced_without_the_client_noticing(self, rig: Rig) -> None:
        async def once(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(ok(b"%d" % len(upstream.conversations)))
            await conversation.head()  # the next request is read, and dies with the connection
            conversation.reset()

        upstream = await rig.upstream(once)
        for n in range(1, 4):
            assert (await rig.ask(rig.request()))[1] == b"%d" % n

    @pytest.mark.parametrize("method", ["POST", "PATCH", "BREW"])
    async def test_what_is_not_safe_to_repeat_is_not_repeated(self, rig: Rig, method: str) -> None:
        async def once(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(ok())
            await conversation.head()
            conversation.reset()

        upstream = await rig.upstream(once)
        await rig.ask(rig.request())
        head, _ = await rig.ask(rig.request(f"{method} / HTTP/1.1"))
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"\r\nHatchway-Error: upstream_closed\r\n" in head
        assert len(upstream.conversations) == 1

    async def test_a_fresh_connection_that_dies_is_tried_again_twice(self, rig: Rig) -> None:
        async def dies(conversation: Conversation) -> None:
            await conversation.head()
            conversation.reset()

        upstream = await rig.upstream(dies)
        head, _ = await rig.ask(rig.request())
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"\r\nHatchway-Error: upstream_closed\r\n" in head
        assert len(upstream.conversations) == 3

    @pytest.mark.parametrize("deaths", [1, 2])
    async def test_a_listener_that_only_tries_its_port_is_not_noticed(self, rig: Rig, deaths: int) -> None:
        async def dies_at_first(conversation: Conversation) -> None:
            if len(upstream.conversations) <= deaths:
                conversation.reset()
                return
            await conversation.head()
            await conversation.send(ok(b"served"))

        upstream = await rig.upstream(dies_at_first)
        assert (await rig.ask(rig.request()))[1] == b"served"
        assert len(upstream.conversations) == deaths + 1

    async def test_what_the_gateway_cut_is_not_asked_for_again(self, rig: Rig) -> None:
        async def once(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(ok(b"served"))
            await conversation.head()
            asked_again.set()
            await conversation.rest()

        asked_again = asyncio.Event()
        upstream = await rig.upstream(once)
        assert (await rig.ask(rig.request()))[1] == b"served"
        second = asyncio.create_task(rig.ask(rig.request()))  # on the connection of the first
        await asked_again.wait()
        rig.gateway.forget_vm("vm1")
        assert (await second)[0].startswith(b"HTTP/1.1 502 ")
        assert len(upstream.conversations) == 1

    @pytest.mark.parametrize("line", ["POST / HTTP/1.1", "PUT / HTTP/1.1"])
    async def test_a_request_with_a_body_is_sent_once(self, rig: Rig, line: str) -> None:
        async def dies(conversation: Conversation) -> None:
            await conversation.head()
            conversation.reset()

        upstream = await rig.upstream(dies)
        head, _ = await rig.ask(rig.request(line, "Content-Length: 2") + b"hi")
        assert b"\r\nHatchway-Error: upstream_closed\r\n" in head
        assert len(upstream.conversations) == 1

    async def test_an_answer_that_has_begun_is_not_asked_for_again(self, rig: Rig) -> None:
        async def breaks_off(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            conversation.close()

        upstream = await rig.upstream(breaks_off)
        head, _ = await rig.ask(rig.request())
        assert head.startswith(b"HTTP/1.1 103 ")
        assert len(upstream.conversations) == 1

    async def test_forgetting_a_vm_drops_idle_and_busy_connections_of_it_alone(self, rig: Rig) -> None:
        begun = asyncio.Event()

        async def endless(conversation: Conversation) -> None:
            if b"/idle" not in await conversation.head():
                await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
                begun.set()
            else:
                await conversation.send(ok())
            await conversation.rest()

        one = await rig.upstream(endless)
        other = await rig.upstream(answers(ok()), vm_id="vm2", token=OTHER_TOKEN)
        await rig.ask(rig.request(host=f"{OTHER_TOKEN}.localhost"))
        busy = await rig.client()
        busy.send(rig.request())
        await begun.wait()
        await rig.ask(rig.request("GET /idle HTTP/1.1"))
        rig.gateway.forget_vm("vm1")
        await one.until(lambda: one.ended == 2)
        assert not await busy.ended()
        await rig.ask(rig.request(host=f"{OTHER_TOKEN}.localhost"))
        assert len(other.conversations) == 1


class TestVanishing:
    async def test_a_client_that_leaves_ends_the_services_connection(self, rig: Rig) -> None:
        begun = asyncio.Event()

        async def endless(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
            begun.set()
            await conversation.rest()

        upstream = await rig.upstream(endless)
        client = await rig.client()
        client.send(rig.request())
        await begun.wait()
        client.close()
        await upstream.until(lambda: upstream.ended == 1)

    async def test_a_client_that_leaves_before_the_answer(self, rig: Rig) -> None:
        asked = asyncio.Event()

        async def silent(conversation: Conversation) -> None:
            await conversation.head()
            asked.set()
            await conversation.rest()

        upstream = await rig.upstream(silent)
        client = await rig.client()
        client.send(rig.request())
        await asked.wait()
        client.writer.write_eof()
        await upstream.until(lambda: upstream.ended == 1)

    async def test_a_client_that_leaves_within_its_body(self, rig: Rig) -> None:
        upstream = await rig.upstream(echo)
        client = await rig.client()
        client.send(rig.request("POST / HTTP/1.1", "Content-Length: 100", body=b"half"))
        await upstream.until(lambda: len(upstream.conversations) == 1)
        client.close()
        await upstream.until(lambda: upstream.ended == 1)

    async def test_nobody_is_dialled_for_a_client_that_left(self, rig: Rig) -> None:
        await rig.upstream(answers(ok()))
        dial, dialling, cancelled = rig.backend.dial, asyncio.Event(), asyncio.Event()

        async def slow_dial(target: object) -> object:
            dialling.set()
            try:
                return await asyncio.Event().wait()
            finally:
                cancelled.set()

        rig.backend.dial = slow_dial  # type: ignore[method-assign, assignment]
        client = await rig.client()
        client.send(rig.request())
        await dialling.wait()
        client.close()
        async with asyncio.timeout(10):
            await cancelled.wait()
        rig.backend.dial = dial  # type: ignore[method-assign]
        assert (await rig.ask(rig.request()))[0].startswith(b"HTTP/1.1 200 ")

    async def test_stopping_while_dialling_leaves_nothing(self, rig: Rig) -> None:
        dialling = asyncio.Event()

        async def endless_dial(target: object) -> object:
            dialling.set()
            return await asyncio.Event().wait()

        await rig.upstream(echo)
        rig.backend.dial = endless_dial  # type: ignore[method-assign, assignment]
        client = await rig.client()
        client.send(rig.request("POST / HTTP/1.1", "Content-Length: 5", body=b"hel"))
        await dialling.wait()
        await rig.gateway.stop(0.0)
        assert not await client.ended()

    @pytest.mark.parametrize(
        "wire",
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        ],
    )
    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    async def test_a_truncated_answer_looks_truncated(self, rig: Rig, wire: bytes, version: str) -> None:
        await rig.upstream(answers_and_closes(wire))
        client = await rig.client()
        client.send(rig.request(f"GET / HTTP/{version}"))
        assert not await client.ended()

    async def test_a_reset_within_an_answer_without_length_looks_truncated(self, rig: Rig) -> None:
        go_on = asyncio.Event()

        async def breaks(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
            await go_on.wait()
            conversation.reset()

        await rig.upstream(breaks)
        client = await rig.client()
        client.send(rig.request())
        await client.until(b"hello\r\n")
        go_on.set()
        assert not await client.ended()

    @pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
    async def test_a_service_that_leaves_before_its_head_is_complete(self, rig: Rig, wire: bytes) -> None:
        await rig.upstream(answers_and_closes(wire))
        head, _ = await rig.ask(rig.request())
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"\r\nHatchway-Error: upstream_closed\r\n" in head

    async def test_an_early_answer_reaches_a_client_that_is_still_sending(self, rig: Rig) -> None:
        async def refuses(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
            await conversation.rest()

        await rig.upstream(refuses)
        client = await rig.client()
        client.send(rig.request("POST / HTTP/1.1", f"Content-Length: {20 * MEGABYTE}", body=b"x" * MEGABYTE))
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 413 ")
        assert b"\r\nConnection: close\r\n" in head
        assert body == b"big"


class TestBackPressure:
    async def test_a_slow_client_stops_the_service(self, rig: Rig) -> None:
        total = 64 * MEGABYTE

        async def fast(conversation: Conversation) -> None:
            await conversation.head()
            conversation.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
            for _ in range(64):
                sent.append(MEGABYTE)
                await conversation.send(bytes(MEGABYTE))
            done.set()
            await conversation.rest()

        sent: list[int] = []
        done = asyncio.Event()
        await rig.upstream(fast)
        client = await rig.client(receive_buffer=4096)
        client.send(rig.request())
        await client.head()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await settled(lambda: len(sent))
        assert sum(sent) < total // 2
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        received = 0
        while received < total:
            received += len(await client.reader.read(MEGABYTE))
        await done.wait()

    async def test_a_slow_service_stops_the_client(self, rig: Rig) -> None:
        total = 64 * MEGABYTE
        read_on = asyncio.Event()

        async def slow(conversation: Conversation) -> None:
            await conversation.head()
            await read_on.wait()
            left = total
            while left:
                left -= len(await conversation.reader.read(min(left, MEGABYTE)))
            await conversation.send(ok(b"all"))

        await rig.upstream(slow)
        client = await rig.client()
        client.send(rig.request("POST / HTTP/1.1", f"Content-Length: {total}"))
        sent = 0

        async def pour() -> None:
            nonlocal sent
            while sent < total:
                client.send(bytes(MEGABYTE))
                sent += MEGABYTE
                await client.writer.drain()

        pouring = asyncio.create_task(pour())
        await settled(lambda: sent)
        assert sent < total // 2
        read_on.set()
        await pouring
        assert (await client.answer())[1] == b"all"

    async def test_a_client_that_pipelines_and_does_not_read_is_not_served_without_end(
        self, rig: Rig
    ) -> None:
        upstream = await rig.upstream(answers(ok(b"x" * MEGABYTE)))
        client = await rig.client(receive_buffer=4096)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send(rig.request() * 100)
        await upstream.until(lambda: bool(upstream.conversations))
        served = await settled(lambda: upstream.received.count(b"GET"))
        assert served < 50
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(100):
            assert len((await client.answer())[1]) == MEGABYTE


async def settled(measure: Callable[[], int]) -> int:
    """The value of `measure` once it stays the same over many turns of the loop."""
    last, same = measure(), 0
    while same < 30:
        await asyncio.sleep(0.005)
        now = measure()
        last, same = (now, same + 1) if now == last else (now, 0)
    return last


class TestRepeating:
    async def test_what_a_service_took_its_time_for_is_not_sent_again(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may be that very request that ends the service."""
        monkeypatch.setattr("hatchway.gateway.exchange._SOON", 0.05)
        ends = asyncio.Event()

        async def works_and_ends(conversation: Conversation) -> None:
            await conversation.head()
            await ends.wait()

        upstream = await rig.upstream(works_and_ends)
        client = await rig.client()
        client.send(rig.request())
        await until(lambda: bool(upstream.received))
        asked = rig.gateway.pool.now
        await until(lambda: rig.gateway.pool.now > asked + 0.1)
        ends.set()
        head, _ = await client.answer()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert len(upstream.conversations) == 1


class TestEarlyAnswers:
    """A service that refuses an upload without reading it, and closes: its kernel sends a reset behind the answer."""

    @pytest.mark.parametrize("size", [1, 60_000])
    async def test_the_answer_reaches_the_client_whatever_is_still_sent(self, rig: Rig, size: int) -> None:
        told = asyncio.Event()

        async def refuses(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(
                b"HTTP/1.1 413 Too Much\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
            )
            conversation.writer.transport.abort()  # with unread bytes in it
            told.set()

        upstream = await rig.upstream(refuses)
        for _ in range(20):
            client = await rig.client()
            client.send(rig.request("POST / HTTP/1.1", "Content-Length: 99999999", body=b"y" * 200_000))
            await told.wait()
            told.clear()
            client.send(b"y" * 1_000_000)
            head, body = await client.answer()
            assert head.startswith(b"HTTP/1.1 413 ")
            assert len(body) == size
            client.close()
        await upstream.until(lambda: upstream.ended == 20)
