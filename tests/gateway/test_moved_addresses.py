"""Preview addresses as clients of the npm package `rivetkit` put them together, with more in them than a page should
find in its address."""

from __future__ import annotations

import pytest

from gateway.conftest import TOKEN, Rig
from gateway.zoo import echo
from hatchway.gateway.body import RequestBody
from hatchway.gateway.framing import CHUNKED
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.plan import make_plan
from hatchway.gateway.request_shape import PublicFace
from hatchway.gateway.seam import Allow, Upstream

SECRET = "s3cret-of-a-client"
QUERY = "rvt-namespace=default&rvt-method=getOrCreate&rvt-key=k"
CLEAN = f"/request/fetch/{TOKEN}"
MOVED = [
    (f"/gateway/vm1@{SECRET}/request/fetch/{TOKEN}/a?b=c", "/a?b=c"),
    (f"/gateway/vm1%40{SECRET}/request/fetch/{TOKEN}/", "/"),
    (f"/gateway/vm/request/fetch/{TOKEN}/a?b=c&{QUERY}&rvt-token={SECRET}", "/a?b=c"),
    (f"/gateway/vm/request/fetch/{TOKEN}/a?{QUERY}&rvt-token={SECRET}", "/a"),
    (f"/gateway/vm?{QUERY}&rvt-token={SECRET}/request/fetch/{TOKEN}/a?b=c", "/a?b=c"),
    (f"/gateway/vm?{QUERY}/request/fetch/{TOKEN}/a", "/a"),
    (f"/gateway/vm1@{SECRET}/request/fetch/{TOKEN}", "/"),
    (f"/gateway/vm1@{SECRET}/request/fetch/{TOKEN}?b=c", "/?b=c"),
]


@pytest.mark.parametrize(("target", "rest"), MOVED, ids=range(len(MOVED)))
async def test_who_can_be_sent_is_sent_to_the_clean_address(rig: Rig, target: str, rest: str) -> None:
    upstream = await rig.upstream(echo)
    for method in ("GET", "HEAD"):
        client = await rig.client()
        client.send(rig.request(f"{method} {target} HTTP/1.1", host="localhost"))
        head, _ = await client.answer()
        assert head.startswith(b"HTTP/1.1 307 ")
        assert f"\r\nLocation: {CLEAN}{rest}\r\n".encode() in head
        assert b"\r\nCache-Control: no-store\r\n" in head
        assert SECRET.encode() not in head
    assert not upstream.conversations


@pytest.mark.parametrize(("target", "rest"), MOVED[:6], ids=range(6))
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_what_may_not_be_sent_twice_goes_through(rig: Rig, target: str, rest: str, method: str) -> None:
    upstream = await rig.upstream(echo)
    fields = ("Content-Length: 0", f"X-Rivet-Token: {SECRET}")
    _, body = await rig.ask(rig.request(f"{method} {target} HTTP/1.1", *fields, host="localhost"))
    assert body.startswith(f"{method} {rest} HTTP/1.1\r\n".encode())
    assert f"\r\nX-Forwarded-Prefix: {CLEAN}\r\n".encode() in body or b"X-Forwarded-Prefix" not in body
    assert SECRET.encode() not in upstream.received
    assert b"rvt-" not in upstream.received


@pytest.mark.parametrize(("target", "rest"), MOVED, ids=range(len(MOVED)))
async def test_sockets_go_through(rig: Rig, target: str, rest: str) -> None:
    upstream = await rig.upstream(echo)
    fields = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", f"x-rivet-token: {SECRET}")
    _, body = await rig.ask(rig.request(f"GET {target} HTTP/1.1", *fields, host="localhost"))
    assert body.startswith(f"GET {rest} HTTP/1.1\r\n".encode())
    assert SECRET.encode() not in upstream.received


async def test_parameters_that_name_a_vm_reach_no_service(rig: Rig) -> None:
    await rig.upstream(echo)
    target = f"/gateway/vm/request/fetch/{TOKEN}/a?x=1&{QUERY}&y=2"
    _, body = await rig.ask(rig.request(f"GET {target} HTTP/1.1", host="localhost"))
    assert body.startswith(b"GET /a?x=1&y=2 HTTP/1.1\r\n")


@pytest.mark.parametrize("name", ["X-Rivet-Token", "x-rivet-token", "X_Rivet_Token"])
async def test_a_clients_token_reaches_no_service(rig: Rig, name: str) -> None:
    upstream = await rig.upstream(echo)
    for line, host in (
        ("GET / HTTP/1.1", None),
        (f"GET /fetch/{TOKEN}/ HTTP/1.1", "localhost"),
        (f"POST {CLEAN}/ HTTP/1.1", "localhost"),
    ):
        await rig.ask(rig.request(line, f"{name}: {SECRET}", host=host))
    assert upstream.conversations
    assert SECRET.encode() not in upstream.received


def test_nor_in_trailers() -> None:
    body = RequestBody(CHUNKED, 1000)
    parts, _ = body.feed(b"0\r\nX-Rivet-Token: s3cret\r\nX-Other: kept\r\n\r\n")
    sent = b"".join(parts)
    assert b"s3cret" not in sent
    assert b"X-Other: kept\r\n" in sent


def test_it_is_the_api_token_and_in_no_repr() -> None:
    def facts(fields: bytes) -> object:
        raw = b"GET /actors HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n"
        plan = make_plan(raw, PublicFace("localhost", "http", 6420), GatewayLimits())
        assert "s3cret" not in repr(plan.facts) + repr(plan)
        return plan.facts.api_token

    assert facts(b"X-Rivet-Token: s3cret\r\n") == b"s3cret"
    assert facts(b"X-Rivet-Token: other\r\nHatchway-Token: s3cret\r\n") == b"s3cret"
    assert facts(b"") is None


def test_a_navigation_is_sent_to_the_host_address_at_once() -> None:
    face = PublicFace("localhost", "http", 6420, moves_navigations=True)
    raw = f"GET {MOVED[0][0]} HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Mode: navigate\r\n\r\n".encode()
    answer = make_plan(raw, face, GatewayLimits()).own_answer_to(Allow(Upstream("vm1", 3000), 1))
    assert f"\r\nLocation: http://{TOKEN}.localhost:6420/a?b=c\r\n".encode() in answer
    assert SECRET.encode() not in answer


def test_a_preflight_is_answered_and_not_sent_elsewhere() -> None:
    raw = (
        f"OPTIONS {MOVED[0][0]} HTTP/1.1\r\nHost: localhost\r\nOrigin: https://a.example\r\n"
        "Access-Control-Request-Method: POST\r\n\r\n"
    ).encode()
    plan = make_plan(raw, PublicFace("localhost", "http", 6420), GatewayLimits())
    assert plan.own_answer_to(Allow(Upstream("vm1", 3000), 1)).startswith(b"HTTP/1.1 204 ")
