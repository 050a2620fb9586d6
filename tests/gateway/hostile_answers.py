"""Answers of services that speak HTTP wrongly, on purpose or not. `EVIL` is the answer that must reach nobody."""

from __future__ import annotations

from typing import NamedTuple

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = OK + b"Content-Length: 5\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"
HELLO = b"Content-Length: 5\r\n\r\nhello"

REFUSED = {
    "CL and TE": LENGTH + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + EVIL,
    "TE and CL": CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + EVIL,
    "TE and CL of 0": CHUNKED + b"Content-Length: 0\r\n\r\n0\r\n\r\n" + EVIL,
    "TE in HTTP/1.0": CHUNKED.replace(b"1.1", b"1.0") + b"\r\n5\r\nhello\r\n0\r\n\r\n",
    "two lengths": LENGTH + b"Content-Length: 4\r\n\r\nhello" + EVIL,
    "two equal lengths": LENGTH + HELLO,
    "a list of lengths": OK + b"Content-Length: 5, 5\r\n\r\nhello",
    "a length with a sign": OK + b"Content-Length: +5\r\n\r\nhello",
    "a negative length": OK + b"Content-Length: -5\r\n\r\nhello",
    "a hexadecimal length": OK + b"Content-Length: 0x5\r\n\r\nhello",
    "an empty length": OK + b"Content-Length:\r\n\r\nhello",
    "a length over 2 to the 63": OK + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "a length behind a tab": OK + b"Content-Length:\t5\r\n\r\nhello",
    "identity": OK + b"Transfer-Encoding: identity\r\n\r\nhello",
    "gzip, chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked behind a vertical tab": OK + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "xchunked": OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "space before the colon": OK + b"Content-Length : 5\r\n\r\nhello",
    "tab before the colon": OK + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "a folded field": OK + b"X: y\r\n z\r\n" + HELLO,
    "a folded first field": OK + b" X: y\r\n" + HELLO,
    "a bare CR in a value": OK + b"X: y\rSet-Cookie: a=b\r\n" + HELLO,
    "a bare LF in a value": OK + b"X: y\nSet-Cookie: a=b\r\n" + HELLO,
    "CR CR LF": OK + b"X: y\r\r\n" + HELLO,
    "NUL in a value": OK + b"X: y\x00z\r\n" + HELLO,
    "NUL in a name": OK + b"X\x00: y\r\n" + HELLO,
    "a delete": OK + b"X: \x7f\r\n" + HELLO,
    "no colon": OK + b"nonsense\r\n" + HELLO,
    "an empty name": OK + b": y\r\n" + HELLO,
    "a name with a space": OK + b"X Y: z\r\n" + HELLO,
    "an answer for a field": OK + EVIL,
    "a status of two digits": b"HTTP/1.1 20 OK\r\n" + HELLO,
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n" + HELLO,
    "a status that begins with 0": b"HTTP/1.1 099 OK\r\n" + HELLO,
    "a negative status": b"HTTP/1.1 -20 OK\r\n" + HELLO,
    "a status that is no number": b"HTTP/1.1 2x0 OK\r\n" + HELLO,
    "no status": b"HTTP/1.1 \r\n" + HELLO,
    "no version": b"200 OK\r\n" + HELLO,
    "two spaces": b"HTTP/1.1  200 OK\r\n" + HELLO,
    "a tab": b"HTTP/1.1\t200 OK\r\n" + HELLO,
    "space first": b" HTTP/1.1 200 OK\r\n" + HELLO,
    "an empty line first": b"\r\nHTTP/1.1 200 OK\r\n" + HELLO,
    "a bare CR in the reason": b"HTTP/1.1 200 O\rK\r\n" + HELLO,
    "a bare LF in the reason": b"HTTP/1.1 200 O\nX: y\r\n" + HELLO,
    "NUL in the reason": b"HTTP/1.1 200 O\x00\r\n" + HELLO,
    "lower case": b"http/1.1 200 OK\r\n" + HELLO,
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\n" + HELLO,
    "HTTP/1.10": b"HTTP/1.10 200 OK\r\n" + HELLO,
    "HTTP/2": b"HTTP/2 200\r\n" + HELLO,
    "HTTP/2 frames": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80\r\n\r\n",
    "Shoutcast": b"ICY 200 OK\r\n\r\nhello",
    "RTSP": b"RTSP/1.0 200 OK\r\n" + HELLO,
    "a request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "the request itself": b"GET /first HTTP/1.1\r\nHost: localhost:3000\r\n\r\n",
    "HTTP/0.9": b"<html>\r\n\r\nhello</html>",
    "TLS": b"\x15\x03\x03\x00\x02\x02\x28\r\n\r\n",
    "a head without end": OK + b"X: " + b"y" * 70000,
    "a head that is too long": OK + b"X: " + b"y" * 70000 + b"\r\n\r\n",
    "many small fields": OK + b"X: y\r\n" * 300 + b"\r\n",
    "a status line without end": b"HTTP/1.1 200 " + b"x" * 70000,
    "101 without being asked": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + EVIL,
    "101 in HTTP/1.0": b"HTTP/1.0 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + EVIL,
    "1xx with CL and TE": b"HTTP/1.1 103 Early\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + EVIL,
    "1xx that is malformed": b"HTTP/1.1 103 Early\r\nX : y\r\n\r\n" + EVIL,
    "1xx with a length and a body": b"HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\nhello" + EVIL,
    "1xx and nonsense": b"HTTP/1.1 102 Processing\r\n\r\nnonsense\r\n\r\n",
    "204 with CL and TE": b"HTTP/1.1 204 No\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "304 with two lengths": b"HTTP/1.1 304 No\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
}  # fmt: skip
"""What must be a 502, whole or byte by byte."""

NO_HEAD = {
    "bare LFs": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "one bare LF": b"HTTP/1.1 200 OK\r\nX: y\n",
    "one bare CR": b"HTTP/1.1 200 OK\r\nX: y\rz",
    "NUL": b"HTTP/1.1 200 OK\r\nX: \x00",
    "Redis": b"-ERR unknown command\r\n",
    "HTTP/0.9": b"<!doctype html>",
    "TLS": b"\x15\x03\x03\x00\x02\x02\x28",
    "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80",
    "an empty line": b"\r\n",
    "another version": b"HTTP/2",
}
"""No head and never one, on a connection that stays open: nobody must wait for what cannot come."""

TRUNCATED = {
    "a length": LENGTH + b"\r\nhell",
    "a length and no byte": LENGTH + b"\r\n",
    "chunks": CHUNKED + b"\r\n5\r\nhell",
    "a chunk without its end": CHUNKED + b"\r\n5\r\nhello",
    "chunks without the last": CHUNKED + b"\r\n5\r\nhello\r\n",
    "the last chunk without its end": CHUNKED + b"\r\n5\r\nhello\r\n0\r\n",
    "trailers without end": CHUNKED + b"\r\n5\r\nhello\r\n0\r\nX: y\r\n",
}
"""Breaks off: the connection of the client must break too, whatever its version."""

BROKEN = {
    "a size that is no number": CHUNKED + b"\r\n5\r\nhello\r\nEVIL\r\n",
    "a negative size": CHUNKED + b"\r\n-5\r\nhello\r\n0\r\n\r\n",
    "a size with a prefix": CHUNKED + b"\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "a size over 2 to the 64": CHUNKED + b"\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
    "an empty size": CHUNKED + b"\r\n\r\nhello\r\n0\r\n\r\n",
    "a bare LF behind the size": CHUNKED + b"\r\n5\nhello\r\n0\r\n\r\n",
    "a bare LF behind the data": CHUNKED + b"\r\n5\r\nhello\n0\r\n\r\n",
    "nothing behind the data": CHUNKED + b"\r\n5\r\nhello0\r\n\r\n",
    "more data than its size": CHUNKED + b"\r\n4\r\nhello\r\n0\r\n\r\n",
    "a bare LF in an extension": CHUNKED + b"\r\n5;\nhello\r\n0\r\n\r\n",
    "a bare LF for the last line": CHUNKED + b"\r\n5\r\nhello\r\n0\r\n\n" + EVIL,
    "an answer for a trailer": CHUNKED + b"\r\n5\r\nhello\r\n0\r\n" + EVIL,
    "a folded trailer": CHUNKED + b"\r\n0\r\nX: y\r\n z\r\n\r\n",
    "a trailer with space before the colon": CHUNKED + b"\r\n0\r\nX : y\r\n\r\n",
    "trailers without end": CHUNKED + b"\r\n0\r\n" + b"X: yyyyyyyyyyyyyyyy\r\n" * 5000,
}  # fmt: skip
"""Turns into nonsense while it is passed on."""


class Whole(NamedTuple):
    """An answer with something behind it that nobody asked for."""

    wire: bytes
    body: bytes = b""
    method: str = "GET"


SURPLUS = {
    "an answer behind a length": Whole(LENGTH + b"\r\nhello" + EVIL, b"hello"),
    "an answer behind chunks": Whole(CHUNKED + b"\r\n5\r\nhello\r\n0\r\n\r\n" + EVIL, b"hello"),
    "an answer behind no body": Whole(OK + b"Content-Length: 0\r\n\r\n" + EVIL),
    "an answer behind 204": Whole(b"HTTP/1.1 204 No Content\r\n\r\n" + EVIL),
    "204 with a length and a body": Whole(b"HTTP/1.1 204 No Content\r\n" + HELLO + EVIL),
    "204 with chunks": Whole(b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + EVIL),
    "304 with a length and a body": Whole(b"HTTP/1.1 304 Not Modified\r\n" + HELLO + EVIL),
    "304 with chunks": Whole(b"HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + EVIL),
    "HEAD with a body": Whole(LENGTH + b"\r\nhello" + EVIL, method="HEAD"),
    "HEAD with chunks": Whole(CHUNKED + b"\r\n5\r\nhello\r\n0\r\n\r\n" + EVIL, method="HEAD"),
    "HEAD with another answer": Whole(OK + b"Content-Length: 0\r\n\r\n" + EVIL, method="HEAD"),
    "a stray CR LF": Whole(LENGTH + b"\r\nhello\r\n", b"hello"),
    "a stray byte": Whole(LENGTH + b"\r\nhello\x00", b"hello"),
    "an interim answer behind": Whole(LENGTH + b"\r\nhelloHTTP/1.1 103 E\r\n\r\n", b"hello"),
    "interim answers before": Whole(
        b"HTTP/1.1 103 E\r\nLink: <a>\r\n\r\n" * 20 + LENGTH + b"\r\nhello" + EVIL, b"hello"),
}  # fmt: skip
