"""Preflights and the headers of other answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.conftest import TOKEN, Rig
from gateway.zoo import answers, echo, ok
from hatchway.gateway.cors import preflight_answer

PREFLIGHT = ("Origin: https://anywhere.example", "Access-Control-Request-Method: PATCH")


@given(st.binary(max_size=30), st.none() | st.binary(max_size=30))
def test_whatever_is_asked_for_the_answer_is_one_head(method: bytes, headers: bytes | None) -> None:
    answer = preflight_answer(method, headers)
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert answer.count(b"\r\n") == 7
    assert answer.replace(b"\r\n", b"").isascii()


async def test_a_preflight_is_answered_before_the_token_is_looked_at(rig: Rig) -> None:
    upstream = await rig.upstream(echo)
    asked_for = "Access-Control-Request-Headers: authorization, x-mine"
    for host, target in ((rig.authority, "/"), ("unknown.localhost", "/a"), ("localhost", "/fetch/nothing/")):
        client = await rig.client()
        client.send(rig.request(f"OPTIONS {target} HTTP/1.1", *PREFLIGHT, asked_for, host=host))
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 204 ")
        assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in head
        assert b"\r\nAccess-Control-Allow-Methods: PATCH\r\n" in head
        assert b"\r\nAccess-Control-Allow-Headers: authorization, x-mine\r\n" in head
        assert b"\r\nAccess-Control-Max-Age: 7200\r\n" in head
        assert b"Credentials" not in head
        client.send(rig.request(host=host))  # the connection goes on
        assert (await client.head()).startswith(b"HTTP/1.1 ")
        client.close()
    assert b"OPTIONS" not in upstream.received


async def test_an_options_that_is_no_preflight_reaches_the_service(rig: Rig) -> None:
    upstream = await rig.upstream(echo)
    await rig.ask(rig.request("OPTIONS / HTTP/1.1", "Origin: https://anywhere.example"))
    assert upstream.received.startswith(b"OPTIONS / ")


async def test_an_answer_gets_the_header_unless_the_service_set_its_own(rig: Rig) -> None:
    upstream = await rig.upstream(answers(ok()))
    head, _ = await rig.ask(rig.request())
    assert head.count(b"Access-Control-Allow-Origin: *\r\n") == 1
    assert b"\r\nAccess-Control-Expose-Headers: *\r\n" in head
    upstream.script = answers(
        ok(b"", b"access-control-allow-origin: https://mine.example\r\nConnection: close\r\n")
    )
    rig.gateway.forget_vm("vm1")
    head, _ = await rig.ask(rig.request())
    assert head.lower().count(b"access-control-allow-origin") == 1
    assert b"\r\naccess-control-allow-origin: https://mine.example\r\n" in head


@pytest.mark.parametrize("target", ["/fetch/nothing/", "/fetch/" + TOKEN + "/"])
async def test_our_own_answers_for_previews_may_be_read_too(rig: Rig, target: str) -> None:
    upstream = await rig.upstream(answers(ok()))
    await upstream.stop()
    head, _ = await rig.ask(rig.request(f"GET {target} HTTP/1.1", host="localhost"))
    assert head.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 502 "))
    assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in head


async def test_the_control_api_and_vm_fetch_get_none(rig: Rig) -> None:
    await rig.upstream(answers(ok()))
    await rig.control(answers(ok()))
    token = "Hatchway-Token: secret-api-token"
    for fields in ((token,), ()):
        for target in ("/api/vms", "/api/vms/vm1/ports/3000/"):
            head, _ = await rig.ask(rig.request(f"GET {target} HTTP/1.1", *fields, host="localhost"))
            assert head.startswith(b"HTTP/1.1 200 " if fields else b"HTTP/1.1 401 ")
            assert b"Access-Control" not in head
    await rig.control(echo)
    _, echoed = await rig.ask(rig.request("OPTIONS /api/vms HTTP/1.1", *PREFLIGHT, token, host="localhost"))
    assert echoed.startswith(b"OPTIONS /api/vms HTTP/1.1\r\n") or echoed == b"ok"
