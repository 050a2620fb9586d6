from __future__ import annotations

import gzip
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.client import ExecResult, FetchResponse, Preview
from hatchway.errors import HatchwayError


def fetched(body: bytes, **headers: str) -> FetchResponse:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return FetchResponse(200, "OK", httpx.Headers(pairs), body)


def test_exec_output_as_text() -> None:
    result = ExecResult(0, b"gr\xc3\xbc\xff", b"\n")
    assert (result.stdout, result.stderr) == ("grü\ufffd", "\n")


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("text/plain", "ü"),
        ("text/plain; charset=utf-8", "ü"),
        ('text/plain; charset="UTF-8"', "ü"),
        ("text/plain; Charset=latin-1", "Ã¼"),
        ("text/plain; charset=", "ü"),
        ("text/plain; charset=nonsense", "ü"),
        ("text/plain; charset=base64", "ü"),
        ("text/plain; charset=\0", "ü"),
    ],
)
def test_text_is_in_the_charset_of_its_content_type(content_type: str, text: str) -> None:
    assert fetched("ü".encode(), content_type=content_type).text == text


@given(st.binary(), st.text(st.characters(codec="ascii"), max_size=20))
def test_any_body_has_a_text(body: bytes, charset: str) -> None:
    assert isinstance(fetched(body, content_type=f"text/plain; charset={charset}").text, str)


def test_json() -> None:
    assert fetched(b'{"key": "value"}').json() == {"key": "value"}
    assert fetched(b"\xef\xbb\xbf[1]").json() == [1]


@pytest.mark.parametrize("body", [b"", b"<p>", b"\xff", b"[" * 100_000])
def test_what_is_not_json(body: bytes) -> None:
    with pytest.raises(HatchwayError) as caught:
        fetched(body).json()
    assert caught.value.code == "not_json"


def test_a_compressed_body_is_left_alone_and_not_called_text() -> None:
    body = gzip.compress(b"[1]")
    response = fetched(body, content_encoding="gzip")
    assert response.body == body
    for read in (lambda: response.text, response.json):
        with pytest.raises(HatchwayError) as caught:
            read()
        assert caught.value.code == "encoded_body"
    assert fetched(b"[1]", content_encoding="identity").json() == [1]


@pytest.mark.parametrize(
    ("status", "ok"), [(199, False), (200, True), (299, True), (302, False), (404, False)]
)
def test_ok(status: int, ok: bool) -> None:
    assert FetchResponse(status, "", httpx.Headers(), b"").ok is ok


def test_a_previews_repr_holds_no_token() -> None:
    preview = Preview(
        "0" * 20,
        "/fetch/s3cret",
        "s3cret",
        3000,
        datetime(2030, 1, 1, tzinfo=UTC),
        "http://s3cret.localhost/",
    )
    assert "s3cret" not in repr(preview)
    assert "3000" in repr(preview)


def test_bodies_and_outputs_are_not_in_reprs() -> None:
    assert "s3cret" not in repr(fetched(b"s3cret", set_cookie="s3cret"))
    assert "s3cret" not in repr(ExecResult(0, b"s3cret", b"s3cret"))
