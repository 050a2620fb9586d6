"""Heads of all kinds through a gateway with real sockets, whole and byte by byte: a valid message or our error."""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from gateway.conftest import TOKEN, Client, Rig, until
from gateway.heads import API_TOKEN, answers, request_heads
from gateway.second_opinion import Reader, read_request_head
from gateway.zoo import Conversation
from hatchway.gateway.body import RequestBody
from hatchway.gateway.framing import CHUNKED, FramingError

through_sockets = settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
              b"transfer-encoding", b"upgrade", b"content-length"}  # fmt: skip
REWRITTEN = {b"host", b"origin", b"referer", b"forwarded", b"x-real-ip", b"hatchway-token", b"hatchway-preview-token",
             b"authorization", b"x-rivet-token"}  # fmt: skip
WHOLE, BYTE_BY_BYTE = 1 << 20, 1
Fields = list[tuple[bytes, bytes]]


def fields_of(head: bytes) -> Fields:
    """The fields of a head that was accepted: names in lower case, values without what surrounds them."""
    lines = head[: head.index(b"\r\n\r\n")].split(b"\r\n")[1:]
    return [(line.partition(b":")[0].lower(), line.partition(b":")[2].strip(b" \t")) for line in lines]


def named_by_connection(fields: Fields) -> set[bytes]:
    """The options of all Connection fields."""
    return {
        option.strip().lower()
        for name, value in fields
        if name == b"connection"
        for option in value.split(b",")
    }


class Service:
    """Remembers each head that it gets, and answers it at once."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    async def __call__(self, conversation: Conversation) -> None:
        head = await conversation.head()
        self.heads.append(head)
        await conversation.send(
            b"HTTP/1.1 200 OK\r\nX-Of: service\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        await conversation.rest()


class Outcome(NamedTuple):
    """What became of a request."""

    status: bytes
    error: bytes
    """The code of an error of ours."""
    seen: bytes
    """The head that the service got, but for what differs between connections."""


async def send(client: Client, wire: bytes, step: int) -> None:
    """Sends in pieces of `step` bytes, as long as anybody takes them."""
    for at in range(0, len(wire), step):
        if client.writer.transport.is_closing():
            return
        client.send(wire[at : at + step])
        await asyncio.sleep(0)


async def outcome(rig: Rig, service: Service, raw: bytes, step: int) -> Outcome:
    service.heads.clear()
    client = await rig.client()
    await send(client, raw, step)
    head = await client.head()
    client.close()
    fields = dict(fields_of(head))
    seen = service.heads[0] if b"x-of" in fields else b""
    await until(lambda: not rig.gateway.connections)
    return Outcome(head.split(b" ")[1], fields.get(b"hatchway-error", b""), seen)


@through_sockets
@given(request_heads)
async def test_a_request_head_is_passed_on_as_meant_or_refused(rig: Rig, raw: bytes) -> None:
    if not rig.upstreams:
        await rig.upstream(Service())
    service = rig.upstreams[0].script
    assert isinstance(service, Service)
    whole = await outcome(rig, service, raw, WHOLE)
    in_bytes = await outcome(rig, service, raw, BYTE_BY_BYTE)
    # Of two faults in one head either may be named, whichever is seen first.
    assert (in_bytes.seen, bool(in_bytes.error)) == (whole.seen, bool(whole.error))
    assert in_bytes.status == whole.status or whole.error
    event(whole.error.decode() or whole.status.decode())
    if whole.seen:
        check_request(raw.removeprefix(b"\r\n"), whole.seen)
    else:
        assert whole.error or whole.status in (b"204", b"308")


def check_request(raw: bytes, seen: bytes) -> None:
    """The service got the request that was meant, and nothing that is not for it."""
    head = raw[: raw.index(b"\r\n\r\n") + 4]
    method, target, _ = head.split(b"\r\n")[0].split(b" ")
    meant, got = fields_of(head), fields_of(seen)
    names = [name for name, _ in got]
    lowered = seen.lower()
    assert TOKEN.encode() not in lowered
    assert (b"authorization", b"Bearer " + API_TOKEN.encode()) not in got
    ours = {b"hatchway-token", b"hatchway-preview-token", b"x-rivet-token"}
    assert not {name.replace(b"_", b"-") for name in names} & ours
    assert seen.split(b" ")[0] == method
    assert seen.split(b" ")[1] == intended(target, dict(meant))
    assert [value for name, value in got if name == b"host"] == [b"localhost:3000"]
    for name, value in (
        (b"x-forwarded-for", b"127.0.0.1"),
        (b"x-forwarded-proto", b"http"),
        (b"forwarded", b"for=127.0.0.1;proto=http"),
    ):
        assert [said for each, said in got if each.replace(b"_", b"-") == name] == [value]
    assert not set(names) & (
        HOP_BY_HOP - {b"connection", b"upgrade", b"content-length", b"transfer-encoding"}
    )
    if b"connection" in names or b"upgrade" in names:
        assert [value for name, value in got if name == b"connection"] == [b"upgrade"]
        assert names.count(b"upgrade") == 1
    lengths = [int(value) for name, value in meant if name == b"content-length"]
    assert [int(value) for name, value in got if name == b"content-length"] == lengths
    assert (b"transfer-encoding" in names) == (b"transfer-encoding" in dict(meant))
    not_passed = HOP_BY_HOP | REWRITTEN | named_by_connection(meant)
    if head.split(b"\r\n")[0].endswith(b"1.0"):
        not_passed |= {b"expect"}

    def end_to_end(fields: Fields) -> Fields:
        return [
            (name, value)
            for name, value in fields
            if name not in not_passed
            and not name.replace(b"_", b"-").startswith((b"x-forwarded-", b"hatchway-"))
        ]

    assert end_to_end(got) == [(hidden(name), hidden(value)) for name, value in end_to_end(meant)]
    second = read_request_head(seen)
    assert second.fields == got
    assert second.start.split(b" ")[1] == intended(target, dict(meant))


def intended(target: bytes, fields: dict[bytes, bytes]) -> bytes:
    """A target as the service must see it: addressed by its host, else by a field, else by its path."""
    absolute = re.fullmatch(rb"https?://([^/?]*)(.*)", target, re.IGNORECASE | re.DOTALL)
    host = fields.get(b"host", b"")
    if absolute is not None:
        host, target = absolute.groups()
        target = target if target.startswith(b"/") else b"/" + target
    by_host = host.lower().partition(b":")[0].endswith(b".localhost")
    if not by_host and b"hatchway-preview-token" not in fields:
        for prefix in (b"/fetch/", b"/request/fetch/", b"/gateway/v/request/fetch/"):
            target = target.removeprefix(prefix + TOKEN.encode())
    return hidden(target)


def hidden(text: bytes) -> bytes:
    """Without the token, in whatever case: host names have none."""
    return re.sub(re.escape(TOKEN.encode()), b"preview", text, flags=re.IGNORECASE)


class Talker:
    """A service that answers whatever it is asked with `wire`, in pieces, and closes."""

    def __init__(self) -> None:
        self.wire = b""
        self.step = WHOLE

    async def __call__(self, conversation: Conversation) -> None:
        await conversation.head()
        for at in range(0, len(self.wire), self.step):
            await conversation.send(self.wire[at : at + self.step])
            await asyncio.sleep(0)


class Told(NamedTuple):
    """What a client is told."""

    interim: list[bytes]
    fate: str
    """`whole`, `broken`, or the code of an error of ours."""
    status: bytes
    fields: Fields
    body: bytes
    """Empty if it is broken: how far it came is nobody's promise."""


async def told(rig: Rig, talker: Talker, wire: bytes, step: int) -> Told:
    talker.wire, talker.step = wire, step
    client = await rig.client()
    client.send(rig.request("GET /x HTTP/1.1", "Connection: close"))
    received = b""
    in_order = True
    try:
        async with asyncio.timeout(10):
            while part := await client.reader.read(65536):
                received += part
    except ConnectionError:
        in_order = False
    client.close()
    await until(lambda: not rig.gateway.connections)
    reader = Reader(answers=True)
    reader.feed(received)
    assert not reader.broken
    interim = [one.start for one in reader.messages if one.start.startswith(b"1")]
    final = [one for one in reader.messages if not one.start.startswith(b"1")]
    if not in_order or not final:
        assert not in_order
        assert not final
        head = reader.head
        start = head.start if head is not None and not head.start.startswith(b"1") else b""
        return Told(interim, "broken", start, [], b"")
    (answer,) = final
    ours = answer.values(b"hatchway-error")
    if ours:
        return Told(interim, ours[0].decode(), answer.start, [], b"")
    return Told(interim, "whole", answer.start, answer.fields, answer.body)


@through_sockets
@given(answers)
async def test_an_answer_is_passed_on_as_meant_or_is_a_502_or_breaks(rig: Rig, wire: bytes) -> None:
    if not rig.upstreams:
        await rig.upstream(Talker())
    talker = rig.upstreams[0].script
    assert isinstance(talker, Talker)
    whole = await told(rig, talker, wire, WHOLE)
    in_bytes = await told(rig, talker, wire, BYTE_BY_BYTE)
    event(f"{whole.fate} {whole.status.decode()}")
    assert (in_bytes.interim, in_bytes.fields, in_bytes.body) == (whole.interim, whole.fields, whole.body)
    if whole.fate == "whole":
        assert in_bytes == whole
        check_answer(wire, whole)
    else:
        assert whole.fate in ("broken", "bad_answer", "upstream_closed")
        assert (in_bytes.fate == "broken") == (whole.fate == "broken")


def check_answer(wire: bytes, got: Told) -> None:
    """The client got the answer that was meant, with nothing of the service's connection in it."""
    for _ in got.interim:
        wire = wire.partition(b"\r\n\r\n")[2]
    head, _, rest = wire.partition(b"\r\n\r\n")
    meant = fields_of(head + b"\r\n\r\n")
    assert head.split(b" ")[1][:3] == got.status
    names = [name for name, _ in got.fields]
    assert [value for name, value in got.fields if name == b"connection"] in ([b"close"], [b"upgrade, close"])
    assert not set(names) & (
        HOP_BY_HOP - {b"connection", b"upgrade", b"content-length", b"transfer-encoding"}
    )
    assert b"hatchway-error" not in names
    assert names.count(b"access-control-allow-origin") >= 1
    assert names.count(b"referrer-policy") >= 1
    if got.status in (b"204", b"304"):
        assert got.body == b""
    elif dict(meant).get(b"transfer-encoding", b"").lower() == b"chunked":
        second = Reader(answers=True)
        second.feed(wire)
        assert second.broken or got.body == second.messages[0].body
    elif b"content-length" in dict(meant):
        assert got.body == rest[: int(dict(meant)[b"content-length"])]
    else:
        assert got.body == rest
    added = {b"access-control-allow-origin", b"access-control-expose-headers", b"referrer-policy", b"date"}
    assert b"date" in names
    mapped = {b"location", b"content-location", b"set-cookie", b"hatchway-error"}
    not_passed = HOP_BY_HOP | named_by_connection(meant) | mapped

    def end_to_end(fields: Fields) -> Fields:
        return [(name, value) for name, value in fields if name not in not_passed]

    sent = end_to_end(meant)
    count = len(sent)
    passed = end_to_end(got.fields)
    assert passed[:count] == sent
    assert all(name in added or b"\n%s:" % name in rest.lower() for name, _ in passed[count:])
    for name in (b"set-cookie", b"location", b"content-location"):
        if name not in named_by_connection(meant):
            assert names.count(name) == [name for name, _ in meant].count(name)
    cookies = [value.lower() for name, value in got.fields if name == b"set-cookie"]
    assert not [cookie for cookie in cookies if re.search(rb";[ \t]*domain[ \t]*(=|;|$)", cookie)]


chunked_pieces = st.lists(
    st.sampled_from(
        [b"5\r\nhello\r\n", b"1\r\nx\r\n", b"0\r\n", b"\r\n", b"5", b"a\r\n0123456789\r\n", b"0\r\n\r\n", b"A;b=c\r\n",
         b"X: y\r\n", b"00\r\n", b"5;x\r\nworld\r\n", b"hello", b"\r", b"\n", b"Host: a\r\n", b"\x00", b"g", b"-1"]
    ),
    max_size=8,
)  # fmt: skip


@settings(max_examples=500)
@given(chunked_pieces)
def test_a_chunked_body_that_is_passed_on_is_what_llhttp_reads_in_it(pieces: list[bytes]) -> None:
    wire = b"".join(pieces)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    results: list[tuple[bool, bytes] | None] = []
    for step in (WHOLE, BYTE_BY_BYTE):
        body = RequestBody(CHUNKED, 1000)
        passed = b""
        try:
            for at in range(0, len(wire), step):
                if body.done:
                    break
                passed += b"".join(body.feed(wire[at : at + step])[0])
        except FramingError:
            results.append(None)
            continue
        reader = Reader()
        reader.feed(head + passed)
        assert not reader.broken
        assert reader.unfinished != body.done
        results.append((body.done, reader.messages[0].body if body.done else b""))
    whole, in_bytes = results
    assert whole == in_bytes
    event("refused" if whole is None else "complete" if whole[0] else "unfinished")
    if whole is not None and whole[0]:
        second = Reader()
        second.feed(head + wire)
        assert second.messages[0].body == whole[1]
