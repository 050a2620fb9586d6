"""The little that the gateway knows of WebSocket: where a frame ends, and how to say why a socket is closed, also
one that was never opened. Pure.

(RFC 6455 sections 4.2 and 5.2.)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping

from hatchway.errors import HatchwayError

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_TRY_AGAIN_LATER, _BAD_GATEWAY = 1013, 1014  # the registry of section 11.7
_MAX_REASON = 123


class FrameBoundary:
    """Follows the frames of one direction, so that a close frame of ours never lands inside another frame."""

    __slots__ = ("_header", "_left")

    def __init__(self) -> None:
        self._header = b""
        self._left = 0

    @property
    def at_boundary(self) -> bool:
        """Whether everything fed so far is whole frames."""
        return not self._left and not self._header

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the stream, in pieces of any size."""
        at, size = 0, len(data)
        if size < 128 and size > 1 and data[1] == size - 2 and not self._left and not self._header:
            return  # the usual case: one whole short frame, not masked
        while at < size:
            if self._left:
                step = min(self._left, size - at)
                self._left -= step
                at += step
                continue
            missing = self._header_size() - len(self._header)
            self._header += data[at : at + missing]
            at += missing
            if len(self._header) >= 2 and len(self._header) == self._header_size():
                self._left = self._payload_size()
                self._header = b""

    def _header_size(self) -> int:
        if len(self._header) < 2:
            return 2
        length = self._header[1] & 0x7F
        extended = {126: 2, 127: 8}.get(length, 0)
        return 2 + extended + (4 if self._header[1] & 0x80 else 0)

    def _payload_size(self) -> int:
        length = self._header[1] & 0x7F
        if length == 126:
            return int.from_bytes(self._header[2:4], "big")
        if length == 127:
            return int.from_bytes(self._header[2:10], "big")
        return length


def close_frame(code: int, reason: str) -> bytes:
    """A close frame from a server (RFC 6455 section 5.5.1).

    Args:
        code: such as 1008, policy violation (section 7.4.1).
        reason: at most 123 bytes.
    """
    payload = code.to_bytes(2, "big") + reason.encode()
    assert len(payload) <= 125, "a control frame holds at most 125 bytes"
    return bytes((0x88, len(payload))) + payload


def accept_key(upgrade: bytes | None, fields: Mapping[bytes, bytes]) -> bytes:
    """The `Sec-WebSocket-Accept` for a client's handshake (RFC 6455 section 4.2.2); b"" if it is none.

    Args:
        upgrade: the protocols that the client asks to change to.
        fields: the values of its header fields, by their names in lower case.
    """
    key = fields.get(b"sec-websocket-key", b"")
    if not upgrade or upgrade.lower() != b"websocket" or fields.get(b"sec-websocket-version") != b"13":
        return b""
    try:
        if len(base64.b64decode(key, validate=True)) != 16:
            return b""
    except binascii.Error:
        return b""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def refusal(accept: bytes, error: HatchwayError) -> bytes:
    """A handshake that is accepted only to say why the socket is closed: browsers show scripts nothing of an HTTP
    answer.

    Args:
        accept: from `accept_key`.
        error: its message becomes the reason.
    """
    code = _TRY_AGAIN_LATER if error.retry_after is not None else _BAD_GATEWAY
    reason = error.message.encode()[:_MAX_REASON].decode(errors="ignore")
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %s\r\nHatchway-Error: %s\r\n\r\n"
        % (accept, error.code.encode("ascii", "replace"))
    ) + close_frame(code, reason)
