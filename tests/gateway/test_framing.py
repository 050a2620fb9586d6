"""Framing, held against llhttp and against itself in pieces."""

from __future__ import annotations

import re

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.gateway.framing import (
    CHUNKED,
    UNTIL_CLOSE,
    FramingError,
    find_forbidden,
    parse_answer_head,
    parse_fields,
    parse_request_head,
)

TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789abcXYZ"
names = st.text(TOKEN_CHARACTERS, min_size=1, max_size=12)
values = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20
).map(lambda text: re.sub("[\x80-\x9f]", "", text))
FRAMING_NAMES = {"host", "content-length", "transfer-encoding", "connection", "upgrade"}
plain_fields = st.lists(
    st.tuples(names.filter(lambda name: name.lower() not in FRAMING_NAMES), values), max_size=6
)
# Without bytes over 0x7f: there llhttp is the stricter one.
targets = st.text("abc/?&=%20~.-_:@!$'()*+,;", max_size=20).map(lambda text: "/" + text)
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "PURGE"])


def head_bytes(first: str, fields: list[tuple[str, str]]) -> bytes:
    return (first + "\r\n" + "".join(f"{name}:{value}\r\n" for name, value in fields) + "\r\n").encode(
        "latin-1"
    )


def request(raw: bytes) -> object:
    return parse_request_head(raw, max_target=16384, max_fields=256)


class Llhttp:
    """What llhttp makes of a request head."""

    def __init__(self, raw: bytes) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.complete = False
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(raw)
        except httptools.HttpParserUpgrade:
            pass
        self.method = parser.get_method()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value.rstrip(b" \t")))  # llhttp leaves what trails

    def on_headers_complete(self) -> None:
        self.complete = True


@given(methods, targets, plain_fields)
def test_a_valid_request_head_is_read_as_written_and_as_llhttp_reads_it(
    method: str, target: str, fields: list[tuple[str, str]]
) -> None:
    raw = head_bytes(f"{method} {target} HTTP/1.1", [("Host", " example"), *fields])
    head = parse_request_head(raw, max_target=16384, max_fields=256)
    assert (head.method, head.target, head.minor) == (method.encode(), target.encode("latin-1"), 1)
    written = [(n.encode(), v.encode("latin-1").strip(b" \t")) for n, v in [("Host", "example"), *fields]]
    assert [(field.name, field.value) for field in head.fields] == [(n.lower(), v) for n, v in written]
    assert b"".join(field.line for field in head.fields) == raw.partition(b"\r\n")[2][:-2]
    other = Llhttp(raw)
    assert other.complete
    assert (other.method, other.url, other.fields) == (head.method, head.target, written)


pieces_of_heads = st.sampled_from(
    [b"GET", b"POST", b" ", b"/", b"HTTP/1.1", b"HTTP/1.0", b"\r\n", b"\r", b"\n", b"Host: a", b"Content-Length: 5",
     b"Content-Length:6", b"Transfer-Encoding: chunked", b"Transfer-Encoding: ", b"X: y", b":", b"\t", b"\x00", b"a",
     b"chunked", b",", b"\x0b", b"Connection: close", b"\xff", b"5"]
)  # fmt: skip


@given(st.lists(pieces_of_heads, max_size=14))
def test_whatever_is_accepted_llhttp_accepts_too_and_reads_alike(pieces: list[bytes]) -> None:
    raw = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(pieces) + b"\r\n\r\n"
    raw = raw[: raw.index(b"\r\n\r\n") + 4]
    try:
        head = parse_request_head(raw, max_target=16384, max_fields=256)
    except FramingError:
        return
    other = Llhttp(raw)
    assert other.complete
    assert [(field.name, field.value) for field in head.fields] == [(n.lower(), v) for n, v in other.fields]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_head_or_an_error_of_ours(noise: bytes) -> None:
    for raw in (noise + b"\r\n\r\n", b"GET / HTTP/1.1\r\n" + noise + b"\r\n\r\n"):
        try:
            request(raw)
        except FramingError as error:
            assert error.status in (400, 414, 431, 505)  # noqa: PT017
        try:
            parse_answer_head(raw, max_fields=10)
        except FramingError:
            pass


@given(st.binary(max_size=60), st.integers(0, 60))
def test_forbidden_bytes_are_found_wherever_the_search_begins_before_them(data: bytes, start: int) -> None:
    """The search of a head that grows looks again at the last bytes only."""
    whole = find_forbidden(data)
    start = min(start, len(data))
    in_parts = find_forbidden(data[:start]) or find_forbidden(data, max(0, start - 3))
    assert whole == in_parts


@given(plain_fields)
def test_a_head_with_forbidden_bytes_never_parses(fields: list[tuple[str, str]]) -> None:
    raw = head_bytes("GET / HTTP/1.1", [("Host", "a"), *fields])
    request(raw)
    for bad in (b"\n", b"\r", b"\x00", b"\x7f", b"\x1f"):
        for at in (3, len(raw) // 2, len(raw) - 4):
            if raw[at - 1 : at + 1] in (b"\r\n",) and bad in (b"\r", b"\n"):
                continue
            with pytest.raises(FramingError):
                request(raw[:at] + bad + raw[at:])


def test_bytes_over_0x7f_in_a_target_pass() -> None:
    raw = "GET /caf\xe9 HTTP/1.1\r\nHost: a\r\n\r\n".encode("latin-1")
    assert parse_request_head(raw, max_target=99, max_fields=9).target == b"/caf\xe9"


class TestBodies:
    def test_lengths(self) -> None:
        head = head_bytes("POST / HTTP/1.1", [("Host", "a"), ("Content-Length", " 0012 ")])
        assert parse_request_head(head, max_target=9, max_fields=9).body == 12

    def test_none(self) -> None:
        assert (
            parse_request_head(
                head_bytes("POST / HTTP/1.1", [("Host", "a")]), max_target=9, max_fields=9
            ).body
            == 0
        )
        assert parse_answer_head(head_bytes("HTTP/1.1 200 OK", []), max_fields=9).body == UNTIL_CLOSE

    def test_chunked_in_any_case(self) -> None:
        fields = [("Host", "a"), ("TRANSFER-encoding", "Chunked")]
        assert (
            parse_request_head(head_bytes("P / HTTP/1.1", fields), max_target=9, max_fields=9).body == CHUNKED
        )

    def test_connection_options_of_all_fields(self) -> None:
        fields = [("Connection", "Close, X-a"), ("Connection", ",,"), ("Connection", "b")]
        assert parse_answer_head(head_bytes("HTTP/1.1 200 ", fields), max_fields=9).connection == {
            b"close",
            b"x-a",
            b"b",
        }

    @pytest.mark.parametrize("line", ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.0 999 Q\xe9"])
    def test_status_lines(self, line: str) -> None:
        assert parse_answer_head(head_bytes(line, []), max_fields=9).status in (200, 999)

    @pytest.mark.parametrize(
        "line", ["HTTP/1.1 099 x", "HTTP/1.1  200", "HTTP/1.12 200", "HTTP/1.1 2000", "http/1.1 200 OK"]
    )
    def test_bad_status_lines(self, line: str) -> None:
        with pytest.raises(FramingError):
            parse_answer_head(head_bytes(line, []), max_fields=9)


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (b"A : b\r\n", "white space before"),
        (b"A: b\r\n c\r\n", "folded"),
        (b"A: b\n", "alone"),
        (b"(: b\r\n", "malformed"),
    ],
)
def test_refusals_say_why(block: bytes, why: str) -> None:
    with pytest.raises(FramingError, match=why):
        parse_fields(block, 9)


def test_a_request_head_shows_no_header_in_its_repr() -> None:
    head = parse_request_head(b"GET /secret HTTP/1.1\r\nHost: secret\r\n\r\n", max_target=99, max_fields=9)
    assert "secret" not in repr(head)
