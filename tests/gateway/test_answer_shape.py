"""Heads that differ only in values are rewritten as if each were the first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.gateway.answers import Answers
from hatchway.gateway.framing import FramingError
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.service_view import ServiceView

_VIEW = ServiceView(
    port=3000,
    authority=b"t.localhost",
    scheme=b"http",
    prefix=b"/fetch/t",
    preview_domain="localhost",
    token="t",
    preview=True,
    sandbox=True,
)
NOW = b"Mon, 12 Jan 1970 13:46:40 GMT"
_LINES = st.lists(
    st.sampled_from(
        [
            *(b"Content-Length: %d" % size for size in (0, 5, 77)),
            b"content-length:  9 ",
            b"Content-Length: \t9",
            b"Content-Length: 1x",
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: gzip",
            b"Connection: close",
            b"Date: then",
            b"date: then, too",
            b"Connection: x-one, upgrade",
            b"Upgrade: websocket",
            b"Location: /there",
            b"Set-Cookie: a=b; Path=/; Domain=x",
            b"X-One: 1",
            b"X-One: 2",
            b"x-two:3",
            b"Referrer-Policy: origin",
            b"Access-Control-Allow-Origin: https://a.example",
            b"Hatchway-Error: mine",
            b"Clear-Site-Data: *",
            b"no field",
        ]
    ),
    max_size=5,
)
_STATUS = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 ", b"HTTP/1.1 304 x", b"HTTP/1.1 426 x"]
)


def _answers(view: ServiceView | None, *, head_only: bool, minor: int, keep_alive: bool) -> Answers:
    return Answers(
        view, GatewayLimits(), head_only=head_only, minor=minor, keep_alive=keep_alive, upgrade=True
    )


def _rendered(answers: Answers, raw: bytes) -> tuple[object, ...] | str:
    try:
        answer = answers.render(raw, NOW, close=False)
    except FramingError as error:
        return error.message
    return tuple(getattr(answer, name) for name in answer.__slots__)


@given(
    st.lists(st.tuples(_STATUS, _LINES), max_size=8),
    st.booleans(),
    st.integers(0, 1),
    st.booleans(),
    st.booleans(),
)
def test_what_came_before_changes_nothing(
    heads: list[tuple[bytes, list[bytes]]], head_only: bool, minor: int, keep_alive: bool, preview: bool
) -> None:
    view = _VIEW if preview else None
    answers = _answers(view, head_only=head_only, minor=minor, keep_alive=keep_alive)
    for status, lines in heads:
        raw = b"\r\n".join([status, *lines]) + b"\r\n\r\n"
        fresh = _answers(view, head_only=head_only, minor=minor, keep_alive=keep_alive)
        assert _rendered(answers, raw) == _rendered(fresh, raw)


@pytest.mark.parametrize("head_only", [False, True])
@pytest.mark.parametrize("length", [b"0", b"5", b"123456", b"x", b"1 1", b"\t3", b"1" * 19])
def test_each_head_has_its_own_length(length: bytes, head_only: bool) -> None:
    def head(length: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: %s\r\nServer: a\r\n\r\n" % length

    answers = _answers(_VIEW, head_only=head_only, minor=1, keep_alive=True)
    fresh = _answers(_VIEW, head_only=head_only, minor=1, keep_alive=True)
    answers.render(head(b"0"), NOW, close=False)
    assert _rendered(answers, head(length)) == _rendered(fresh, head(length))
