"""The published families of request smuggling and head confusion, as raw bytes.

Each carries a whole second request, `SMUGGLED`, that would be served if it were taken for one. Here are those whose
head is refused or answered by the gateway itself; `confusions` has those that a service sees something of.
"""

from __future__ import annotations

from gateway.conftest import TOKEN

HOST = f"Host: {TOKEN}.localhost\r\n".encode()
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"X-Admin: yes\r\n\r\n"
GET = b"GET /first HTTP/1.1\r\n" + HOST
POST = b"POST /first HTTP/1.1\r\n" + HOST


def length(size: int) -> bytes:
    """The field that says so."""
    return b"Content-Length: %d\r\n" % size


def chunked(body: bytes) -> bytes:
    """The body in one chunk."""
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def _with_te(line: bytes) -> tuple[bytes, ...]:
    """A line that hides `Transfer-Encoding: chunked` from one of two parsers, in both orders and alone."""
    tail = b"0\r\n\r\n" + SMUGGLED
    chunks = chunked(SMUGGLED)
    return (
        POST + length(len(tail)) + line + b"\r\n" + tail,
        POST + line + length(4) + b"\r\n" + chunks,
        POST + line + b"\r\n" + chunks,
    )


# A parser that strips, splits, lower-cases or decodes more than another one finds `chunked` in these.
_VALUES = {
    "xchunked": b" xchunked",
    "chunkedx": b" chunkedx",
    "identity": b" identity",
    "chunked, identity": b" chunked, identity",
    "identity, chunked": b" identity, chunked",
    "gzip, chunked": b" gzip, chunked",
    "chunked twice in a list": b" chunked, chunked",
    "chunked and an empty element": b" chunked,",
    "an empty element and chunked": b" , chunked",
    "a parameter": b" chunked;q=1",
    "double quotes": b' "chunked"',
    "single quotes": b" 'chunked'",
    "two words": b" chunked identity",
    "nothing": b"",
    "a tab first": b"\tchunked",
    "a tab last": b" chunked\t",
    "a tab within": b" chu\tnked",
    "a vertical tab first": b" \x0bchunked",
    "a vertical tab last": b" chunked\x0b",
    "a form feed": b" \x0cchunked",
    "a backspace": b" \x08chunked",
    "NUL first": b" \x00chunked",
    "NUL last": b" chunked\x00",
    "NUL and garbage": b" chunked\x00garbage",
    "a no-break space": b" \xa0chunked",
    "a byte over 0x7f": b" chunked\xff",
    "the kelvin sign for k": " chun\u212aed".encode(),
    "an em space": " \u2003chunked".encode(),
    "a folded line": b"\r\n chunked",
    "a line folded by a tab": b"\r\n\tchunked",
    "a folded end": b" chunked\r\n ,identity",
    "a bare CR first": b"\rchunked",
    "a bare CR last": b" chunked\r",
    "a bare LF first": b"\n chunked",
}
_LINES = {
    "space before the colon": b"Transfer-Encoding : chunked\r\n",
    "tab before the colon": b"Transfer-Encoding\t: chunked\r\n",
    "vertical tab before the colon": b"Transfer-Encoding\x0b: chunked\r\n",
    "no-break space before the colon": b"Transfer-Encoding\xa0: chunked\r\n",
    "CRLF before the colon": b"Transfer-Encoding\r\n : chunked\r\n",
    "space before the name": b" Transfer-Encoding: chunked\r\n",
    "tab before the name": b"\tTransfer-Encoding: chunked\r\n",
    "NUL before the name": b"\x00Transfer-Encoding: chunked\r\n",
    "NUL in the name": b"Transfer-\x00Encoding: chunked\r\n",
    "space for the hyphen": b"Transfer Encoding: chunked\r\n",
    "no colon": b"Transfer-Encoding chunked\r\n",
    "behind a bare LF": b"X: y\nTransfer-Encoding: chunked\r\n",
    "behind a bare CR": b"X: y\rTransfer-Encoding: chunked\r\n",
    "behind LF CR": b"X: y\n\rTransfer-Encoding: chunked\r\n",
    "behind CR CR LF": b"X: y\r\r\nTransfer-Encoding: chunked\r\n",
    "behind NUL": b"X: y\x00\r\nTransfer-Encoding: chunked\r\n",
    "behind an empty name": b": y\r\nTransfer-Encoding: chunked\r\n",
    "an escaped CR LF": b"X: y\\r\nTransfer-Encoding: chunked\r\n",
    "two fields, chunked first": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
    "two fields, chunked last": b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n",
    "two fields, both chunked": b"Transfer-Encoding: chunked\r\nTransfer-encoding: chunked\r\n",
    "two fields, one empty": b"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n",
}

_HEADS: dict[str, bytes] = {
    "CL.TE": POST + length(5 + len(SMUGGLED)) + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "TE.CL": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunked(SMUGGLED),
    "CL.TE with a length of 0": POST + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(SMUGGLED),
    "CL.TE in mixed case": POST + b"content-LENGTH: 5\r\ntransfer-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "TE in HTTP/1.0": b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(SMUGGLED),
    "CL.TE in HTTP/1.0": b"POST / HTTP/1.0\r\n"
    + HOST
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "TE in a GET with CL": GET + length(5) + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "CL named by Connection beside TE": POST
    + b"Connection: content-length\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "upgrade with a length": POST + b"Connection: upgrade\r\nUpgrade: websocket\r\n" + length(len(SMUGGLED)) + b"\r\n"
    + SMUGGLED,
    "upgrade with chunks": POST
    + b"Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n"
    + chunked(SMUGGLED),
}  # fmt: skip

_LENGTHS = {
    "a plus sign": b" +0",
    "a minus sign": b" -0",
    "a negative number": b" -5",
    "hexadecimal": b" 0x0",
    "a fraction": b" 0.0",
    "an exponent": b" 0e0",
    "an underscore": b" 0_0",
    "two numbers": b" 0 0",
    "a list": b" 0, 0",
    "a list that differs": b" 0, 99",
    "a comma": b" 0,",
    "a semicolon": b" 0;",
    "quotes": b' "0"',
    "nothing": b"",
    "only a space": b" ",
    "a tab first": b"\t0",
    "a tab last": b" 0\t",
    "a vertical tab": b" \x0b0",
    "a no-break space": b" \xa00",
    "NUL": b" 0\x00",
    "digits of another script": " \u0660".encode(),
    "full-width digits": " \uff10".encode(),
    "a superscript": " \u00b2".encode(),
    "folding": b"\r\n 0",
    "a folded second digit": b" 0\r\n 0",
    "2 to the 64": b" 18446744073709551616",
    "2 to the 64 and the size": b" %d" % (2**64 + len(SMUGGLED)),
    "more digits than a number has": b" 0" + b"0" * 40,
    "letters": b" zero",
}
for _name, _value in _LENGTHS.items():
    _HEADS[f"CL with {_name}"] = POST + b"Content-Length:" + _value + b"\r\n\r\n" + SMUGGLED
_HEADS |= {
    "CL.CL, the first is 0": POST + length(0) + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED,
    "CL.CL, the second is 0": POST + length(len(SMUGGLED)) + length(0) + b"\r\n" + SMUGGLED,
    "CL.CL, equal": POST + length(len(SMUGGLED)) * 2 + b"\r\n" + SMUGGLED,
    "CL.CL, equal in other letters": POST + b"Content-Length: 0\r\ncontent-length: 00\r\n\r\n" + SMUGGLED,
    "CL.CL, apart": POST + length(0) + b"X: y\r\n" * 50 + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED,
    "CL.CL in HTTP/1.0": b"POST / HTTP/1.0\r\n" + HOST + length(0) + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED,
    "CL with a space before the colon": POST + b"Content-Length : 0\r\n\r\n" + SMUGGLED,
    "CL behind a bare LF": POST + b"X: y\nContent-Length: 9\r\n\r\n" + SMUGGLED,
    "CL behind a bare CR": POST + b"X: y\rContent-Length: 9\r\n\r\n" + SMUGGLED,
    "CL with NUL in its name": POST + b"Content-\x00Length: 9\r\n\r\n" + SMUGGLED,
}  # fmt: skip

_REQUEST_LINES = {
    "two spaces first": b"GET  / HTTP/1.1",
    "two spaces last": b"GET /  HTTP/1.1",
    "a tab first": b"GET\t/ HTTP/1.1",
    "a tab last": b"GET /\tHTTP/1.1",
    "a vertical tab": b"GET\x0b/ HTTP/1.1",
    "a no-break space": b"GET\xa0/ HTTP/1.1",
    "space before the method": b" GET / HTTP/1.1",
    "space behind the version": b"GET / HTTP/1.1 ",
    "a bare CR behind the version": b"GET / HTTP/1.1\r",
    "NUL behind the version": b"GET / HTTP/1.1\x00",
    "NUL in the target": b"GET /\x00 HTTP/1.1",
    "a bare LF in the target": b"GET /\nX: HTTP/1.1",
    "a bare CR in the target": b"GET /\rX: HTTP/1.1",
    "a space in the target": b"GET /a b HTTP/1.1",
    "a request in the target": b"GET / HTTP/1.1\x20\x20GET /smuggled HTTP/1.1",
    "a version in the target": b"GET / HTTP/1.1/ HTTP/1.1",
    "no target": b"GET HTTP/1.1",
    "an empty target": b"GET  HTTP/1.1",
    "no version": b"GET /",
    "no version and a space": b"GET / ",
    "a version without a number": b"GET / HTTP",
    "a version without a minor number": b"GET / HTTP/1",
    "a version of two digits": b"GET / HTTP/1.10",
    "a version with a zero": b"GET / HTTP/01.1",
    "a version in lower case": b"GET / http/1.1",
    "another protocol": b"GET / RTSP/1.0",
    "a method with a bracket": b"GE(T / HTTP/1.1",
    "a method with a colon": b"GET: / HTTP/1.1",
    "no method": b" / HTTP/1.1",
    "a fragment": b"GET /#x HTTP/1.1",
    "a relative target": b"GET first HTTP/1.1",
    "an asterisk": b"GET * HTTP/1.1",
    "another scheme": b"GET ftp://%s.localhost/ HTTP/1.1" % TOKEN.encode(),
    "a scheme without slashes": b"GET http:/first HTTP/1.1",
    "an authority alone": b"GET %s.localhost:80 HTTP/1.1" % TOKEN.encode(),
    "an absolute target with a user": b"GET http://a@%s.localhost/ HTTP/1.1" % TOKEN.encode(),
    "an absolute target with a user and a password": b"GET http://a:b@%s.localhost/ HTTP/1.1" % TOKEN.encode(),
    "an absolute target with a fragment": b"GET http://%s.localhost/#x HTTP/1.1" % TOKEN.encode(),
    "an absolute target without authority": b"GET http:///first HTTP/1.1",
    "an absolute target with a bad port": b"GET http://%s.localhost:80x/ HTTP/1.1" % TOKEN.encode(),
    "an absolute target with a backslash": b"GET http://%s.localhost\\/ HTTP/1.1" % TOKEN.encode(),
    "two status words": b"HTTP/1.1 200 OK",
}  # fmt: skip
for _name, _line in _REQUEST_LINES.items():
    _HEADS[f"request line with {_name}"] = _line + b"\r\n" + HOST + b"\r\n" + SMUGGLED

_HOSTS = {
    "none": b"",
    "two": HOST + b"Host: elsewhere\r\n",
    "two, ours last": b"Host: elsewhere\r\n" + HOST,
    "two alike": HOST + HOST,
    "two in mixed case": HOST + b"hOST: elsewhere\r\n",
    "space before the colon": HOST.replace(b":", b" :", 1),
    "space before the name": b" " + HOST,
    "folded": HOST.replace(b": ", b":\r\n "),
    "an empty one": b"Host:\r\n",
    "a list": b"Host: a, b\r\n",
    "two words": b"Host: a b\r\n",
    "a user": b"Host: a@b\r\n",
    "a path": b"Host: a/b\r\n",
    "a query": b"Host: a?b\r\n",
    "a fragment": b"Host: a#b\r\n",
    "a backslash": b"Host: a\\b\r\n",
    "a scheme": b"Host: http://a\r\n",
    "two ports": b"Host: a:80:80\r\n",
    "a port with a sign": b"Host: a:+80\r\n",
    "an open bracket": b"Host: [::1\r\n",
    "quotes": b'Host: "a"\r\n',
    "bytes over 0x7f": b"Host: \xe4\r\n",
    "a tab within": b"Host: a\tb\r\n",
    "only another field of that kind": b"X-Forwarded-Host: a\r\n",
}
for _name, _line in _HOSTS.items():
    _HEADS[f"Host: {_name}"] = b"GET / HTTP/1.1\r\n" + _line + b"X: y\r\n\r\n" + SMUGGLED
_HEADS |= {
    "absolute target and two Hosts": b"GET http://%s.localhost/ HTTP/1.1\r\n" % TOKEN.encode() + HOST * 2 + b"\r\n",
    "absolute target and no Host": b"GET http://%s.localhost/ HTTP/1.1\r\nX: y\r\n\r\n" % TOKEN.encode(),
    "only LF": SMUGGLED.replace(b"\r\n", b"\n") + SMUGGLED,
    "only CR": SMUGGLED.replace(b"\r\n", b"\r") + SMUGGLED,
    "LF at the end of the head": GET + b"X: y\r\n\n" + SMUGGLED,
    "LF CR LF at the end of the head": GET + b"X: y\n\r\n" + SMUGGLED,
    "a bare CR before the end": GET + b"X: y\r\n\r\r\n" + SMUGGLED,
    "a field without a colon": GET + b"X\r\n\r\n" + SMUGGLED,
    "a request as a field": GET + SMUGGLED + SMUGGLED,
    "a delete": GET + b"X: \x7f\r\n\r\n" + SMUGGLED,
    "an escape": GET + b"X: \x1b\r\n\r\n" + SMUGGLED,
    "two empty lines first": b"\r\n\r\n" + SMUGGLED,
    "a bare LF first": b"\n" + SMUGGLED,
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SMUGGLED,
    "the PROXY protocol": b"PROXY TCP4 6.6.6.6 6.6.6.6 1 1\r\n" + SMUGGLED,
    "the PROXY protocol, version 2": b"\r\n\r\n\x00\r\nQUIT\n\x21\x11" + SMUGGLED,
    "SOCKS": b"\x05\x01\x00" + SMUGGLED,
}  # fmt: skip

REFUSED: dict[str, tuple[bytes, ...]] = {
    **{
        f"TE with {name}": _with_te(b"Transfer-Encoding:" + value + b"\r\n")
        for name, value in _VALUES.items()
    },
    **{f"TE, {name}": _with_te(line) for name, line in _LINES.items()},
    **{name: (raw,) for name, raw in _HEADS.items()},
}
"""To be answered with 400 and closed before a service sees a byte."""

OTHER_STATUS: dict[str, tuple[int, bytes]] = {
    "HTTP/0.9 by name": (505, b"GET / HTTP/0.9\r\n" + HOST + b"\r\n" + SMUGGLED),
    "HTTP/1.2": (505, b"GET / HTTP/1.2\r\n" + HOST + b"\r\n" + SMUGGLED),
    "HTTP/2.0": (505, b"POST / HTTP/2.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(SMUGGLED)),
    "HTTP/9.9": (505, b"GET / HTTP/9.9\r\n" + HOST + b"\r\n" + SMUGGLED),
    "the HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED),
    "CONNECT": (405, b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED),
    "CONNECT with a body": (405, b"CONNECT a:80 HTTP/1.1\r\n" + HOST + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED),
    "CONNECT to an absolute target": (405, b"CONNECT http://a/ HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED),
    "a long target": (414, b"GET /" + b"a" * 17000 + b" HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED),
    "a long head": (431, GET + b"X: " + b"y" * 66000 + b"\r\n\r\n" + SMUGGLED),
    "many fields": (431, GET + b"X: y\r\n" * 300 + b"\r\n" + SMUGGLED),
}  # fmt: skip
"""Answered otherwise, and closed, before a service sees a byte."""

OWN_ANSWERS: dict[str, tuple[int, bytes]] = {
    "a body for a preview that is not there": (
        403, b"POST /fetch/x/ HTTP/1.1\r\nHost: a\r\n" + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED),
    "chunks for a preview that is not there": (
        403, b"POST /fetch/x/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(SMUGGLED)),
    "a body for an API without its token": (
        401, b"POST /api/x HTTP/1.1\r\nHost: localhost\r\n" + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED),
    "a body for a port that is none": (
        400, b"POST /api/vms/v/ports/x/ HTTP/1.1\r\nHost: a\r\n" + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED),
    "a body with a preflight": (
        204, b"OPTIONS / HTTP/1.1\r\n" + HOST + b"Origin: http://a\r\nAccess-Control-Request-Method: GET\r\n"
        + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED),
    "chunks with a preflight": (
        204, b"OPTIONS / HTTP/1.1\r\n" + HOST + b"Origin: http://a\r\nAccess-Control-Request-Method: GET\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + chunked(SMUGGLED)),
    "a body with OPTIONS *": (204, b"OPTIONS * HTTP/1.1\r\n" + HOST + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED),
    "a body with a redirect": (
        308, b"POST /fetch/%s HTTP/1.1\r\nHost: localhost\r\n" % TOKEN.encode() + length(len(SMUGGLED)) + b"\r\n"
        + SMUGGLED),
}  # fmt: skip
"""Valid requests with a body that the gateway answers itself: the body belongs to them, and to nothing else."""
