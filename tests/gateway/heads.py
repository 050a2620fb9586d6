"""Strategies for heads that are valid, nearly valid, or valid and hard to rewrite."""

from __future__ import annotations

from hypothesis import strategies as st

from gateway.conftest import OTHER_TOKEN, TOKEN

API_TOKEN = "secret-api-token"
HOST = f"{TOKEN}.localhost"

_TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789abcXYZ"
_names = st.text(_TOKEN_CHARACTERS, min_size=1, max_size=12).map(str.encode)
_values = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20
).map(lambda text: text.encode("latin-1"))
_spaces = st.sampled_from([b"", b" ", b" ", b" ", b"  ", b"\t"])


@st.composite
def _plain_field(draw: st.DrawFn) -> bytes:
    return b"%s:%s%s%s\r\n" % (draw(_names), draw(_spaces), draw(_values), draw(_spaces))


def _lines(*texts: str) -> list[bytes]:
    return [text.encode("latin-1") + b"\r\n" for text in texts]


_REPEATED = _lines(
    "X-R: 1", "X-R: 2", "x-r: 1", "X-R:", "Cookie: a=1", "Cookie: b=2", "Via: 1.0 a", "Accept: */*"
)
_TELLING = _lines(
    f"Cookie: t={TOKEN}",
    f"X-Token: {TOKEN.upper()}",
    f"X-{TOKEN}: name",
    f"Referer: http://{HOST}/a?{TOKEN}",
    f"Referer: http://localhost/fetch/{TOKEN}/page",
    f"Referer: http://{OTHER_TOKEN}.localhost/",
    f"Origin: http://{HOST}",
    f"Origin: http://{OTHER_TOKEN}.localhost",
    "Origin: https://elsewhere.example",
    f"Authorization: Bearer {API_TOKEN}",
    "Authorization: Basic dTpw",
    f"Hatchway-Token: {API_TOKEN}",
    f"Hatchway_Token: {API_TOKEN}",
    f"X-Rivet-Token: {API_TOKEN}",
    f"Hatchway-Preview-Token: {TOKEN}",
    f"hatchway-preview-token: {TOKEN}, {TOKEN}",
)
_HOPPING = _lines(
    "Connection: keep-alive",
    "Connection: close",
    "Connection: X-R, cookie",
    "Connection: upgrade",
    "CONNECTION: Upgrade, HTTP2-Settings",
    "Connection: host, content-length, x-forwarded-for, forwarded",
    "Upgrade: websocket",
    "Upgrade: h2c",
    f"Upgrade: {TOKEN}",
    "HTTP2-Settings: AAMAAABk",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic dTpw",
    "TE: trailers, gzip",
    "Trailer: X-Sum",
    "Expect: 100-continue",
)
_FORWARDED = _lines(
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.example",
    "X_Forwarded_For: 6.6.6.6",
    "Forwarded: for=6.6.6.6",
    "X-Real-IP: 6.6.6.6",
)
_FRAMING = _lines(
    "Content-Length: 0",
    "Content-Length: 5",
    "Content-Length: 05",
    "content-length: 5 ",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: CHUNKED",
)
_BAD = _lines(
    "Content-Length: 5, 5",
    "Content-Length: -1",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: identity",
    "X : y",
    " folded",
    "no colon",
    ": no name",
    f"Host: {HOST}",
    "X: \x00",
)

_methods = st.sampled_from(
    [b"GET"] * 8 + [b"POST"] * 6 + [b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"HEAD", b"BREW", b"get", b"CONNECT"]
)  # fmt: skip
_targets = st.one_of(
    st.text("abc/?&=%20~.-_:@!$'()*+,;", max_size=20).map(lambda text: b"/" + text.encode()),
    st.sampled_from(
        [
            b"/",
            b"*",
            b"//evil.example/x",
            b"/caf\xe9",
            f"/?t={TOKEN}".encode(),
            f"/{TOKEN.upper()}/x".encode(),
            f"/fetch/{TOKEN}/a?b".encode(),
            f"/request/fetch/{TOKEN}".encode(),
            f"/gateway/v/request/fetch/{TOKEN}/a".encode(),
            f"http://{HOST}/a".encode(),
            f"HTTP://{HOST}:80?a".encode(),
            b"http://a@b/",
        ]
    ),
)
_versions = st.sampled_from([b"1.1"] * 20 + [b"1.0"] * 4 + [b"2.0", b"1.2"])
_hosts = st.sampled_from(
    [f"Host: {HOST}\r\n".encode()] * 12
    + [f"host:{HOST.upper()}:6420 \r\n".encode(), b"Host: localhost\r\n", b"", b"Host: a@b\r\n"]
)


def _mostly(good: st.SearchStrategy[bytes], bad: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.integers(0, 60).flatmap(lambda dice: bad if dice == 0 else good)


_request_fields = st.lists(
    _mostly(
        st.one_of(
            _plain_field(),
            st.sampled_from(_REPEATED),
            st.sampled_from(_TELLING),
            st.sampled_from(_HOPPING),
            st.sampled_from(_FORWARDED),
        ),
        st.sampled_from(_BAD),
    ),
    max_size=9,
)


@st.composite
def _mutated(draw: st.DrawFn, whole: bytes) -> bytes:
    """One byte or slice of `whole` changed."""
    at = draw(st.integers(0, len(whole)))
    kind = draw(st.sampled_from(["insert", "delete", "replace", "double", "join"]))
    if kind == "insert":
        inserted = draw(st.sampled_from([b"\r", b"\n", b"\r\n", b" ", b"\t", b"\x00", b":", b"\xff", b"a"]))
        return whole[:at] + inserted + whole[at:]
    if kind == "delete":
        return whole[:at] + whole[at + 1 :]
    if kind == "replace":
        return whole[:at] + bytes((draw(st.integers(0, 255)),)) + whole[at + 1 :]
    if kind == "double":
        return whole[:at] + whole[max(0, at - draw(st.integers(1, 40))) :]
    return whole.replace(b"\r\n", draw(st.sampled_from([b"\n", b"\r", b"\r\r\n"])), draw(st.integers(1, 3)))


def _perhaps_mutated(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.tuples(whole, st.integers(0, 5)).flatmap(
        lambda drawn: _mutated(drawn[0]) if drawn[1] == 0 else st.just(drawn[0])
    )


@st.composite
def _request_head(draw: st.DrawFn) -> bytes:
    framing = draw(st.sampled_from([[], [], [], *([line] for line in _FRAMING), _FRAMING[:2], _FRAMING[3:]]))
    fields = [draw(_hosts), *framing, *draw(_request_fields)]
    order = draw(st.permutations(fields))
    line = b"%s %s HTTP/%s\r\n" % (draw(_methods), draw(_targets), draw(_versions))
    return line + b"".join(order)


request_heads = _perhaps_mutated(_request_head()).map(
    lambda head: head + (b"\r\n" if head.endswith(b"\r\n") else b"\r\n\r\n")
)
"""Ends of heads are always there; a mutation may have put one elsewhere too."""

_status_lines = _mostly(
    st.sampled_from(
        [b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK", b"HTTP/1.1 200", b"HTTP/1.0 200 OK", b"HTTP/1.1 302 Found",
         b"HTTP/1.1 204 No", b"HTTP/1.1 304 No", b"HTTP/1.1 404 Nicht gefunden \xe4", b"HTTP/1.1 426 Up",
         b"HTTP/1.1 599 ", b"HTTP/1.1 999 x", b"HTTP/1.1 206 Partial", b"HTTP/1.1 502 Bad"]
    ),
    st.sampled_from([b"HTTP/1.1 20 OK", b"HTTP/2 200", b"HTTP/1.1 101 Switching", b"http/1.1 200 OK", b"ICY 200 OK"]),
)  # fmt: skip
_ANSWER_FIELDS = _lines(
    "Set-Cookie: a=1; Path=/; Domain=localhost",
    "set-cookie: b=2",
    "Set-Cookie: a=1; HttpOnly",
    "Location: http://localhost:3000/next",
    "Location: /next",
    "Location: https://elsewhere.example/",
    "Content-Location: http://127.0.0.1:3000",
    "Connection: close",
    "Connection: keep-alive, X-R",
    "Connection: upgrade",
    "Upgrade: websocket",
    "Keep-Alive: timeout=5",
    "Proxy-Authenticate: Basic",
    "Proxy-Connection: close",
    "TE: trailers",
    "Trailer: X-Sum",
    "X-R: 1",
    "X-R: 2",
    "x-r: 1",
    "Vary: a",
    "Vary: b",
    "Hatchway-Error: fake",
    "Access-Control-Allow-Origin: http://a",
    "Referrer-Policy: unsafe-url",
    "Content-Type: text/plain",
    "Content-Encoding: gzip",
    "Date: today",
)
_BODIES = [
    (b"", b""),
    (b"Content-Length: 5\r\n", b"hello"),
    (b"content-length:  05\r\n", b"hello"),
    (b"Content-Length: 5\r\n", b"hell"),
    (b"Content-Length: 5\r\n", b"hello" + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"),
    (b"Content-Length: 0\r\n", b""),
    (b"", b"until the end"),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    (b"transfer-encoding: Chunked\r\n", b"1;x\r\nh\r\n004\r\nello\r\n0\r\nX-Sum: 1\r\nSet-Cookie: c=3\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\nX-Sum"),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n5\r\nhel"),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\nnonsense\r\n"),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
    (b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello!"),
]  # fmt: skip
_INTERIM = [b""] * 5 + [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"HTTP/1.1 102 \r\n\r\n" * 2]


@st.composite
def _answer(draw: st.DrawFn) -> bytes:
    framing, body = draw(st.sampled_from(_BODIES))
    fields = draw(
        st.lists(
            _mostly(st.one_of(_plain_field(), st.sampled_from(_ANSWER_FIELDS)), st.sampled_from(_BAD[4:8])),
            max_size=8,
        )
    )
    order = draw(st.permutations([framing, *fields]))
    head = draw(_status_lines) + b"\r\n" + b"".join(order) + b"\r\n"
    return draw(st.sampled_from(_INTERIM)) + head + body


answers = _perhaps_mutated(_answer())
"""Whole answers with their bodies, or nearly. What is sent after them is the end of the connection."""
