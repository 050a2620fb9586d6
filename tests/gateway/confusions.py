"""Requests that parsers are known to read differently, and of which a service sees something: bodies that break, and
valid HTTP that means one thing only."""

from __future__ import annotations

from typing import NamedTuple

from gateway.attacks import GET, HOST, POST, SMUGGLED, chunked, length
from gateway.conftest import TOKEN


class Harmless(NamedTuple):
    """Valid requests and what the service must see of them."""

    raw: bytes
    seen: list[tuple[bytes, bytes]]
    """The start and the body of each request that is complete."""
    status: int = 200
    """Of the last answer."""
    open: bool = False
    """The client's connection goes on."""

    @property
    def has_body(self) -> bool:
        """The first request has a body, and nothing follows it."""
        return len(self.seen) == 1 and self.seen[0][1] != b"" and self.open


_CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
_SIZE = b"%x" % len(SMUGGLED)
_LONG = b"41\r\n" + b"A" * 0x41 + b"\r\n"
BROKEN_BODIES: dict[str, bytes] = {
    "no size": b"\r\n" + SMUGGLED,
    "not hexadecimal": b"g\r\n" + SMUGGLED,
    "a minus sign": b"-1\r\n" + SMUGGLED,
    "a minus sign before 0": b"-0\r\n\r\n" + SMUGGLED,
    "a plus sign": b"+0\r\n\r\n" + SMUGGLED,
    "a prefix": b"0x0\r\n\r\n" + SMUGGLED,
    "a suffix": b"0h\r\n\r\n" + SMUGGLED,
    "an underscore": b"0_0\r\n\r\n" + SMUGGLED,
    "a comma": b"0,0\r\n\r\n" + SMUGGLED,
    "a fraction": b"0.0\r\n\r\n" + SMUGGLED,
    "2 to the 64": b"10000000000000000\r\n" + SMUGGLED,
    "2 to the 32, 16 digits": b"0000000100000000\r\n" + SMUGGLED,
    "2 to the 64 minus 1": b"ffffffffffffffff\r\n" + SMUGGLED,
    "many zeros": b"0" * 100 + b"\r\n\r\n" + SMUGGLED,
    "space first": b" 0\r\n\r\n" + SMUGGLED,
    "a tab first": b"\t0\r\n\r\n" + SMUGGLED,
    "space within": b"0 0\r\n\r\n" + SMUGGLED,
    "a vertical tab": b"0\x0b\r\n\r\n" + SMUGGLED,
    "NUL": b"0\x00\r\n\r\n" + SMUGGLED,
    "full-width digits": "\uff10\r\n\r\n".encode() + SMUGGLED,
    "a bare LF behind the size": b"0\n\r\n" + SMUGGLED,
    "a bare LF behind a size that is not 0": _SIZE + b"\n" + SMUGGLED + b"\r\n0\r\n\r\n",
    "a bare CR behind the size": b"0\r\r\n\r\n" + SMUGGLED,
    "a bare LF behind CR LF": b"1\r\nx\n0\r\n\r\n" + SMUGGLED,
    "only LF": b"1\nx\n0\n\n" + SMUGGLED,
    "nothing behind the data": b"1\r\nx0\r\n\r\n" + SMUGGLED,
    "a bare LF behind the data": b"1\r\nx\n0\r\n\r\n" + SMUGGLED,
    "a bare CR behind the data": b"1\r\nx\r0\r\n\r\n" + SMUGGLED,
    "LF CR behind the data": b"1\r\nx\n\r0\r\n\r\n" + SMUGGLED,
    "two other bytes behind the data": b"1\r\nxXX0\r\n\r\n" + SMUGGLED,
    "data longer than its size": b"1\r\nxx\r\n0\r\n\r\n" + SMUGGLED,
    "a bare LF in an extension": b"0;\n\r\n" + SMUGGLED,
    "a bare CR in an extension": b"0;\rx\r\n\r\n" + SMUGGLED,
    "NUL in an extension": b"0;x\x00\r\n\r\n" + SMUGGLED,
    "TERM.EXT": b"2;\nxx\r\n" + _SIZE + b"\r\n0\r\n\r\n" + SMUGGLED + b"\r\n0\r\n\r\n",
    "EXT.TERM": _LONG + b"2;\n" + b"xx" + b"\r\n0\r\n\r\n" + SMUGGLED,
    "TERM.SPILL": b"5\r\nAAAAA\n2\r\n" + _SIZE + b"\r\n0\r\n\r\n" + SMUGGLED + b"\r\n0\r\n\r\n",
    "SPILL.TERM": b"5\r\nAAAAAxx" + _SIZE + b"\r\n0\r\n\r\n" + SMUGGLED,
    "an extension without end": b"5;" + b"x" * 5000,
    "a request for a trailer": b"0\r\n" + SMUGGLED,
    "a trailer without a colon": b"0\r\nX\r\n\r\n" + SMUGGLED,
    "a trailer with space before the colon": b"0\r\nX : y\r\n\r\n" + SMUGGLED,
    "a folded trailer": b"0\r\nX: y\r\n z\r\n\r\n" + SMUGGLED,
    "a trailer that begins with space": b"0\r\n X: y\r\n\r\n" + SMUGGLED,
    "a bare LF in a trailer": b"0\r\nX: y\n\r\n" + SMUGGLED,
    "a bare LF for the last line": b"0\r\n\n" + SMUGGLED,
    "a bare CR for the last line": b"0\r\n\r" + SMUGGLED,
    "NUL in a trailer": b"0\r\nX: \x00\r\n\r\n" + SMUGGLED,
    "an empty trailer name": b"0\r\n: y\r\n\r\n" + SMUGGLED,
}
"""Chunked bodies whose request must be refused with 400 in its middle."""
for _name, _body in BROKEN_BODIES.items():
    BROKEN_BODIES[_name] = _CHUNKED + _body

_FIRST = (b"POST /first", SMUGGLED)
_SECOND = (b"GET /smuggled", b"")
HARMLESS: dict[str, Harmless] = {
    "a body with a length": Harmless(POST + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED, [_FIRST], open=True),
    "a body in chunks": Harmless(_CHUNKED + chunked(SMUGGLED), [_FIRST], open=True),
    "a length with zeros": Harmless(
        POST + b"Content-Length: %018d\r\n\r\n" % len(SMUGGLED) + SMUGGLED, [_FIRST], open=True),
    "a length between spaces": Harmless(
        POST + b"Content-Length:   %d   \r\n\r\n" % len(SMUGGLED) + SMUGGLED, [_FIRST], open=True),
    "chunked between spaces": Harmless(
        POST + b"Transfer-Encoding:   chunked   \r\n\r\n" + chunked(SMUGGLED), [_FIRST], open=True),
    "chunked in mixed case": Harmless(
        POST + b"TRANSFER-encoding: cHuNkEd\r\n\r\n" + chunked(SMUGGLED), [_FIRST], open=True),
    "a GET with a body": Harmless(
        GET + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED, [(b"GET /first", SMUGGLED)], open=True),
    "a GET with chunks": Harmless(
        GET + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(SMUGGLED), [(b"GET /first", SMUGGLED)], open=True),
    "an OPTIONS with a body": Harmless(
        b"OPTIONS /first HTTP/1.1\r\n" + HOST + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED,
        [(b"OPTIONS /first", SMUGGLED)], open=True),
    "HTTP/1.0 with a body": Harmless(
        b"POST /first HTTP/1.0\r\n" + HOST + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED + SMUGGLED, [_FIRST]),
    "an expectation": Harmless(
        POST + b"Expect: 100-continue\r\n" + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED, [_FIRST], open=True),
    "a GET with an expectation": Harmless(
        GET + b"Expect: 100-continue\r\n" + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED,
        [(b"GET /first", SMUGGLED)], open=True),
    "an expectation behind garbage": Harmless(
        POST + b"Expect: y 100-continue\r\n" + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED, [_FIRST], open=True),
    "two expectations": Harmless(
        POST + b"Expect: 100-continue\r\n" * 2 + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED, [_FIRST], open=True),
    "a length that Connection names": Harmless(
        POST + b"Connection: content-length, host, transfer-encoding\r\n" + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED,
        [_FIRST], open=True),
    "a coding that Connection names": Harmless(
        POST + b"Connection: Transfer-Encoding, Host\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(SMUGGLED),
        [_FIRST], open=True),
    "a field that is almost a coding": Harmless(
        POST + b"Transfer_Encoding: chunked\r\nXTransfer-Encoding: chunked\r\nTransfer-Encoding-: chunked\r\n"
        + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED, [_FIRST], open=True),
    "a field that is almost a length": Harmless(
        POST + b"Content_Length: 0\r\nX-Content-Length: 0\r\nContent-Length-: 0\r\n" + length(len(SMUGGLED)) + b"\r\n"
        + SMUGGLED, [_FIRST], open=True),
    "a method that another field names": Harmless(
        POST + b"X-HTTP-Method-Override: HEAD\r\n" + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED, [_FIRST], open=True),
    "extensions, spaces and zeros of chunks": Harmless(
        _CHUNKED + b'0000%s ;a=b;c="d"\r\n' % _SIZE + SMUGGLED + b"\r\n000;x\r\n\r\n", [_FIRST], open=True),
    "trailers with framing": Harmless(
        _CHUNKED + chunked(SMUGGLED)[:-2]
        + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\nTrailer: x\r\n\r\n", [_FIRST], open=True),
    "an empty chunked body": Harmless(_CHUNKED + b"0\r\n\r\n", [(b"POST /first", b"")], open=True),
    "an absolute target and another Host": Harmless(
        b"GET http://%s.localhost/first HTTP/1.1\r\nHost: elsewhere\r\n\r\n" % TOKEN.encode(), [(b"GET /first", b"")],
        open=True),
    "an absolute target of another scheme": Harmless(
        b"GET HTTPS://%s.LOCALHOST:1/first HTTP/1.1\r\nHost: elsewhere\r\n\r\n" % TOKEN.upper().encode(),
        [(b"GET /first", b"")], open=True),
    "two slashes": Harmless(
        b"GET //elsewhere/first HTTP/1.1\r\n" + HOST + b"\r\n", [(b"GET //elsewhere/first", b"")], open=True),
    "dots": Harmless(
        b"GET /a/../../b/%2e%2e/./c HTTP/1.1\r\n" + HOST + b"\r\n", [(b"GET /a/../../b/%2e%2e/./c", b"")], open=True),
    "an escaped CR LF in the target": Harmless(
        b"GET /%0d%0aX:%20y HTTP/1.1\r\n" + HOST + b"\r\n", [(b"GET /%0d%0aX:%20y", b"")], open=True),
    "one empty line first": Harmless(b"\r\n" + GET + b"\r\n", [(b"GET /first", b"")], open=True),
    "pipelined requests": Harmless(
        GET + b"\r\n" + POST + b"Content-Length: 1\r\n\r\nx" + SMUGGLED,
        [(b"GET /first", b""), (b"POST /first", b"x"), _SECOND], open=True),
    "pipelined, the last refused": Harmless(
        SMUGGLED + GET + b"Content-Length: 0x0\r\n\r\n" + SMUGGLED, [_SECOND], 400),
    "pipelined behind close": Harmless(GET + b"Connection: close\r\n\r\n" + SMUGGLED, [(b"GET /first", b"")]),
    "pipelined behind HTTP/1.0": Harmless(
        b"GET /first HTTP/1.0\r\n" + HOST + b"\r\n" + SMUGGLED, [(b"GET /first", b"")]),
    "pipelined behind HTTP/1.0 that says keep-alive": Harmless(
        b"GET /first HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n" + SMUGGLED, [(b"GET /first", b"")]),
    "without a length": Harmless(POST + b"\r\n" + SMUGGLED, [(b"POST /first", b""), _SECOND], open=True),
    "0.CL": Harmless(POST + length(0) + b"\r\n" + SMUGGLED, [(b"POST /first", b""), _SECOND], open=True),
    "a refused WebSocket and a request": Harmless(
        GET + b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 999\r\n\r\n" + SMUGGLED,
        [(b"GET /first", b""), _SECOND], open=True),
    "h2c and a request": Harmless(
        GET + b"Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        + SMUGGLED, [(b"GET /first", b""), _SECOND], open=True),
    "h2c and HTTP/2": Harmless(
        GET + b"Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED, [(b"GET /first", b"")], 505),
    "h2c in disguise": Harmless(
        GET + b"Connection: upgrade\r\nUpgrade: H2C\r\nUpgrade: , h2\r\n\r\n" + SMUGGLED,
        [(b"GET /first", b""), _SECOND], open=True),
}  # fmt: skip
