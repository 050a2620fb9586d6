"""Our own answers."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.conftest import Rig
from gateway.zoo import answers, ok
from hatchway.errors import HatchwayError
from hatchway.gateway.problem_pages import prefers_html, render

BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (BROWSER, True),
        (b"text/html", True),
        (b"TEXT/HTML", True),
        (b"text/html;q=0.5, application/json", False),
        (b"application/json;q=0.5, text/html", True),
        (b"text/html;q=0", False),
        (b"text/html;q=nonsense", False),
        (b"*/*", False),
        (b"application/json", False),
        (b"", False),
        (None, False),
    ],
)
def test_who_gets_a_page(accept: bytes | None, html: bool) -> None:
    assert prefers_html(accept) is html


@given(st.binary(max_size=40))
def test_any_accept_has_an_answer(noise: bytes) -> None:
    assert prefers_html(b"text/html," + noise) in (True, False)


@given(st.text(), st.text(), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_every_answer_is_whole_and_escaped(
    message: str, hint: str, as_html: bool, head_only: bool, preview: bool, close: bool
) -> None:
    message = message.encode("utf-8", "replace").decode()
    hint = hint.encode("utf-8", "replace").decode()
    error = HatchwayError("some_code", message, hint, status=503)
    answer = render(error, as_html=as_html, head_only=head_only, preview=preview, close=close, reload=True)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    for line in (b"Cache-Control: no-store", b"Hatchway-Error: some_code"):
        assert line in head.split(b"\r\n")
    assert (b"Access-Control-Allow-Origin: *" in head) is preview
    assert (b"Connection: close" in head) is close
    length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    if head_only:
        assert body == b""
    elif as_html:
        assert len(body) == length
        tags: list[str] = []
        parser = HTMLParser()
        parser.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
        parser.feed(body.decode())
        assert tags == ["html", "head", "meta", "meta", "meta", "title", "style", "body", "main", "h1"] + [
            "p"
        ] * bool(hint) + ["p", "a", "p", "small"]
    else:
        assert len(body) == length
        assert json.loads(body) == {"code": "some_code", "message": message, "hint": hint}


def test_a_status_that_is_no_error_becomes_500() -> None:
    answer = render(
        HatchwayError("odd", "Odd", status=0), as_html=False, head_only=False, preview=False, close=False
    )
    assert answer.startswith(b"HTTP/1.1 500 ")


async def test_a_browser_gets_a_page_and_a_program_json(rig: Rig) -> None:
    await rig.upstream(answers(ok()))
    head, body = await rig.ask(
        rig.request("GET / HTTP/1.1", f"Accept: {BROWSER.decode()}", host="gone.localhost")
    )
    assert head.startswith(b"HTTP/1.1 403 ")
    assert b"\r\nContent-Type: text/html; charset=utf-8\r\n" in head
    assert b"<h1>This preview has ended or never existed</h1>" in body
    head, body = await rig.ask(rig.request("GET / HTTP/1.1", host="gone.localhost"))
    assert json.loads(body)["code"] == "preview_not_found"


async def test_a_head_that_is_refused_has_an_accept_too(rig: Rig) -> None:
    malformed = rig.request("GET / HTTP/1.1", "Accept: text/html", "Content-Length: x")
    head, body = await rig.ask(malformed)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nContent-Type: text/html; charset=utf-8\r\n" in head
    assert b"bad_request</small>" in body
    head, body = await rig.ask(malformed.replace(b"text/html", b"*/*"))
    assert b"\r\nContent-Type: application/json\r\n" in head
    assert json.loads(body)["code"] == "bad_request"
    client = await rig.client()
    client.send(malformed.replace(b"GET", b"HEAD"))
    assert (await client.rest()).endswith(b"\r\n\r\n")


async def test_head_gets_no_body_and_the_connection_goes_on(rig: Rig) -> None:
    client = await rig.client()
    client.send(rig.request("HEAD / HTTP/1.1", host="gone.localhost") * 2)
    for _ in range(2):
        assert (await client.head()).startswith(b"HTTP/1.1 403 ")


async def test_a_service_cannot_pass_its_answer_off_as_ours(rig: Rig) -> None:
    await rig.upstream(answers(ok(b"", b"Hatchway-Error: port_closed\r\nhatchway-error: x\r\n")))
    head, _ = await rig.ask(rig.request())
    assert b"hatchway-error" not in head.lower()


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_credential_is_asked_for_by_its_scheme(status: int) -> None:
    error = HatchwayError("some_code", "what happened", status=status)
    answer = render(error, as_html=False, head_only=False, preview=False, close=False)
    assert (b"\r\nWWW-Authenticate: Bearer\r\n" in answer) is (status == 401)
