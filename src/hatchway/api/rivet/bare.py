"""The primitives of BARE that the client's protocol is made of (https://baremessages.org). Pure."""

from __future__ import annotations

from hatchway.errors import InvalidRequest

_LONGEST_UINT = 10
"""Bytes of a uint of 64 bits, seven bits in each."""


def uint(value: int) -> bytes:
    """A whole number of variable length, from 0 and below 2**64."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def data(value: bytes) -> bytes:
    """Bytes behind their length."""
    return uint(len(value)) + value


def text(value: str) -> bytes:
    """UTF-8 behind its length; a lone surrogate, which it has not, as a question mark."""
    return data(value.encode(errors="replace"))


def optional(value: bytes | None) -> bytes:
    """Something already written that may be missing."""
    return b"\0" if value is None else b"\1" + value


class Reader:
    """Reads values one after another. Each read raises `InvalidRequest` `invalid_message` for what is none."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._at = 0

    def version(self) -> int:
        """A fixed 16-bit number, little-endian."""
        return int.from_bytes(self._take(2), "little")

    def byte(self) -> int:
        """One byte: the tag of a union."""
        return self._take(1)[0]

    def flag(self) -> bool:
        """A bool."""
        value = self.byte()
        if value > 1:
            raise invalid_message()
        return bool(value)

    def uint(self) -> int:
        """A whole number of variable length, in its shortest form."""
        value = 0
        for position in range(_LONGEST_UINT):
            byte = self.byte()
            value |= (byte & 0x7F) << 7 * position
            if byte < 0x80:
                if value >= 2**64 or (byte == 0 and position):
                    break
                return value
        raise invalid_message()

    def data(self) -> bytes:
        """Bytes behind their length."""
        return self._take(self.uint())

    def text(self) -> str:
        """Text behind its length."""
        try:
            return self.data().decode()
        except UnicodeDecodeError:
            raise invalid_message() from None

    def end(self) -> None:
        """There must be nothing more."""
        if self._at != len(self._source):
            raise invalid_message()

    def _take(self, size: int) -> bytes:
        taken = self._source[self._at : self._at + size]
        if len(taken) != size:
            raise invalid_message()
        self._at += size
        return taken


def invalid_message() -> InvalidRequest:
    """What is said of a message that is none of the protocol's."""
    return InvalidRequest("invalid_message", "what was sent is not as the client's protocol has it")
