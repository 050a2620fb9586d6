"""Bodies: where they end, and how they go on (RFC 9112 sections 6 and 7). Pure.

Chunked bodies are decoded and encoded anew, so that nothing of one side's framing reaches the other.
"""

from __future__ import annotations

import re

from hatchway.gateway.framing import CHUNKED, FramingError, find_forbidden, parse_fields

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t -~\x80-\xff]*)?")
_MAX_CHUNK_LINE = 4096

# Fields that must not appear in a trailer section, because a receiver could merge them into the head:
# framing, routing and authentication (RFC 9110 section 6.5.1), and what the gateway itself says there.
_NOT_IN_TRAILERS = frozenset(
    {
        b"authorization",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"cookie",
        b"expect",
        b"forwarded",
        b"hatchway-error",
        b"hatchway-preview-token",
        b"hatchway-token",
        b"host",
        b"keep-alive",
        b"origin",
        b"proxy-authorization",
        b"proxy-connection",
        b"referer",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"via",
        b"x-real-ip",
        b"x-rivet-token",
    }
)


class ChunkedDecoder:
    """Decodes one chunked body (RFC 9112 section 7.1), in pieces of any size.

    Chunk extensions are checked and dropped. After the end `done` is true, `rest` holds the bytes that follow
    the body, and `trailers` the lines of the trailer section that may be passed on.
    """

    __slots__ = ("_left", "_line", "_max_trailers", "_state", "_trailer_bytes", "done", "rest", "trailers")

    _SIZE, _DATA, _DATA_END, _TRAILERS = range(4)

    def __init__(self, max_trailers: int) -> None:
        self._state = self._SIZE
        self._left = 0
        self._line = bytearray()  # the beginning of a line
        self._max_trailers = max_trailers
        self._trailer_bytes = 0
        self.done = False
        self.rest = b""
        self.trailers: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of body in `data`.

        Raises:
            FramingError: the chunked coding is malformed; no more may be fed.
        """
        if self._line:
            data = self._more_of_line(data)
        pieces: list[bytes] = []
        at = 0
        while at < len(data):
            if self._state == self._DATA:
                piece = data[at : at + self._left] if at or len(data) > self._left else data
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left == 0:
                    self._state = self._DATA_END
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                self._line += data[at:]
                self._check_line(0)
                break
            line = data[at:end]
            at = end + 2
            if self._state == self._SIZE:
                self._size_line(line)
            elif self._state == self._DATA_END:
                if line:
                    raise FramingError("a chunk is longer than its size")
                self._state = self._SIZE
            elif line:
                self._trailer_line(line)
            else:
                self.done = True
                self.rest = data[at:]
                break
        return pieces

    def _more_of_line(self, data: bytes) -> bytes:
        """The line that was begun, with what follows it, once it is complete; b"" while it is not. However small the
        pieces are, no byte is looked at again and again."""
        line = self._line
        searched = len(line)
        line += data
        if line.find(b"\r\n", searched - 1) < 0:
            self._check_line(searched)
            return b""
        self._line = bytearray()
        return bytes(line)

    def _check_line(self, searched: int) -> None:
        """Refuses an unfinished line that cannot become acceptable any more."""
        line = self._line
        limit = {self._SIZE: _MAX_CHUNK_LINE, self._DATA_END: 1}.get(self._state, self._max_trailers)
        if (
            len(line) > limit
            or find_forbidden(line, searched)
            or (self._state == self._DATA_END and line != b"\r")
        ):
            raise FramingError("the chunked coding is malformed")

    def _size_line(self, line: bytes) -> None:
        match = _CHUNK_SIZE.fullmatch(line) if len(line) <= _MAX_CHUNK_LINE else None
        if match is None:
            raise FramingError("a chunk's size is malformed")
        self._left = int(match[1], 16)
        self._state = self._DATA if self._left else self._TRAILERS

    def _trailer_line(self, line: bytes) -> None:
        line += b"\r\n"
        self._trailer_bytes += len(line)
        if self._trailer_bytes > self._max_trailers:
            raise FramingError("the trailers are too long", 431)
        for field in parse_fields(line, 1):
            name = field.name.replace(b"_", b"-")
            if name not in _NOT_IN_TRAILERS and not name.startswith(b"x-forwarded-"):
                self.trailers.append(line)


def encode_chunk(pieces: list[bytes]) -> list[bytes]:
    """One chunk that holds `pieces`, as pieces: the body's bytes are not copied. Nothing for no bytes: that
    would be the end."""
    size = sum(map(len, pieces))
    return [b"%x\r\n" % size, *pieces, b"\r\n"] if size else []


def encode_last_chunk(trailers: list[bytes]) -> bytes:
    """The end of a chunked body, with its trailer lines (each with its CRLF)."""
    return b"0\r\n" + b"".join(trailers) + b"\r\n"


class RequestBody:
    """One request's body on its way to the upstream, in the coding of its head.

    Args:
        length: in bytes, or CHUNKED; not 0.
        max_trailers: the longest trailer section, in bytes.
        secret: a trailer that holds this, in any case, is not passed on; b"" for none.
    """

    __slots__ = ("_decoder", "_left", "_secret", "done")

    def __init__(self, length: int, max_trailers: int, secret: bytes = b"") -> None:
        self._left = length
        self._secret = secret
        self._decoder = ChunkedDecoder(max_trailers) if length == CHUNKED else None
        self.done = False

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Takes the next bytes of the connection, in pieces of any size.

        Returns:
            What to send to the upstream, and what follows the body if that has ended.

        Raises:
            FramingError: the chunked coding is malformed.
        """
        decoder = self._decoder
        if decoder is None:
            rest = data[self._left :] if len(data) > self._left else b""
            piece = data[: self._left] if rest else data
            self._left -= len(piece)
            self.done = self._left == 0
            return [piece], rest
        pieces = encode_chunk(decoder.feed(data))
        if decoder.done:
            self.done = True
            secret = self._secret
            trailers = [line for line in decoder.trailers if not secret or secret not in line.lower()]
            pieces.append(encode_last_chunk(trailers))
        return pieces, decoder.rest
