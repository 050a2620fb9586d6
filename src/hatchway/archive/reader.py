"""The bytes of a tar archive, in any pieces, as its entries. Pure.

Read are the formats that are in use: pax and ustar (pax(1p)), GNU tar's long names and binary numbers
(https://www.gnu.org/software/tar/manual/html_node/Standard.html), and what came before ustar. The archive may be
anybody's: it is taken as it says, or refused, in memory that does not grow with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from hatchway.archive.member import ArchiveError, Member, MemberKind
from hatchway.archive.names import MAX_PATH_BYTES
from hatchway.archive.writer import BLOCK_BYTES

MAX_EXTENDED_BYTES = 1024 * 1024
"""The longest extended header. They hold names, and attributes that are ignored here."""

Event = Member | bytes | Literal["end"]
"""A new entry, a piece of the content of the last one, or the end of the archive."""

_KINDS: dict[bytes, MemberKind] = {
    b"\0": "file",
    b"0": "file",
    b"7": "file",  # contiguous
    b"1": "hardlink",
    b"2": "symlink",
    b"5": "directory",
}
_WITHOUT_CONTENT = b"123456"
_INCREMENTAL_OR_SPARSE = b"DMS"
_NUMBER = re.compile(rb"[ \0]*([0-7]*)[ \0]*")
_DECIMAL = re.compile(rb"-?[0-9]{1,20}")
_TIME = re.compile(rb"(-?[0-9]{1,18})(?:\.[0-9]*)?")
_LENGTH = re.compile(rb"([1-9][0-9]{0,7}) ")
_MAX_SIZE = 2**63 - 1
_MAX_TIME = 10**18


class ArchiveReader:
    """Takes bytes in any pieces and gives what they complete."""

    def __init__(self) -> None:
        self.comment = b""
        """The comment beside the last entry."""
        self._rest = bytearray()
        self._content = 0
        self._padding = 0
        self._extended: bytes | None = None
        """The type of the extended header that is being read."""
        self._extended_size = 0
        self._said: dict[bytes, bytes] = {}
        """What extended headers say of the next entry."""
        self._ended = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that `data` completes.

        Raises:
            ArchiveError: for what is no archive, or none that can be read.
        """
        self._rest += data
        if not (self._content or self._padding) and len(self._rest) < self._wanted():
            return  # however small the pieces of a header are, it is looked at once
        view, self._rest = memoryview(bytes(self._rest)), bytearray()
        at = 0
        try:
            while at < len(view) and not self._ended:
                if self._content:
                    piece = bytes(view[at : at + self._content])
                    self._content -= len(piece)
                    at += len(piece)
                    yield piece
                elif self._padding:
                    step = min(self._padding, len(view) - at)
                    self._padding -= step
                    at += step
                elif len(view) - at < (wanted := self._wanted()):
                    break
                else:
                    block = bytes(view[at : at + wanted])
                    at += wanted
                    if self._extended is not None:
                        self._take_extended(block)
                    elif (event := self._take(block)) is not None:
                        yield event
        finally:
            if not self._ended:
                self._rest += view[at:]

    def close(self) -> None:
        """There is no more.

        Raises:
            ArchiveError: the archive ended before its end.
        """
        if not self._ended:
            raise ArchiveError("cut")

    def _wanted(self) -> int:
        """How many bytes the next header takes."""
        return BLOCK_BYTES if self._extended is None else self._extended_size

    def _take(self, block: bytes) -> Event | None:
        """A header block."""
        if not any(block):
            # POSIX asks for two such blocks; GNU tar takes one too.
            if self._said:
                raise ArchiveError("header")
            self._ended = True
            return "end"
        _check_sum(block)
        size = _number(block[124:136])
        kind = block[156:157]
        if not 0 <= size <= _MAX_SIZE:
            raise ArchiveError("header")
        if kind in b"xgLK":
            if size > MAX_EXTENDED_BYTES:
                raise ArchiveError("limit")
            if size:
                self._extended, self._extended_size = kind, size
            return None
        return self._member(block, kind, size)

    def _take_extended(self, data: bytes) -> None:
        """The content of an extended header. It speaks of the next entry."""
        kind, self._extended = self._extended, None
        self._padding = -len(data) % BLOCK_BYTES
        if kind == b"x":
            self._said |= _records(data)
        elif kind == b"L":
            self._said[b"path"] = _text(data)
        elif kind == b"K":
            self._said[b"linkpath"] = _text(data)
        # What a global one may say of all entries together is no name: comments, such as git's.

    def _member(self, block: bytes, kind: bytes, size: int) -> Member:
        said, self._said = self._said, {}
        if kind in _INCREMENTAL_OR_SPARSE or any(key.startswith(b"GNU.sparse.") for key in said):
            raise ArchiveError("kind")
        self.comment = said.get(b"comment", b"")
        name = said.get(b"path")
        if name is None:
            name = _text(block[0:100])
            if block[257:263] == b"ustar\0" and (prefix := _text(block[345:500])):
                name = prefix + b"/" + name
        target = said.get(b"linkpath", _text(block[157:257]))
        if len(name) > MAX_PATH_BYTES + 1 or len(target) > MAX_PATH_BYTES:  # a folder's name ends in a slash
            raise ArchiveError("limit")
        if b"size" in said:
            size = _said_size(said[b"size"])
        mtime = _said_time(said[b"mtime"]) if b"mtime" in said else _number(block[136:148])
        if abs(mtime) > _MAX_TIME:
            raise ArchiveError("header")
        found = _KINDS.get(kind, "other")
        if kind in b"\0" and name.endswith(b"/"):
            found = "directory"  # as it was said before ustar
        if kind in _WITHOUT_CONTENT or found == "directory":
            size = 0
        self._content, self._padding = size, -size % BLOCK_BYTES
        return Member(
            name=name.rstrip(b"/") or name[:1],
            kind=found,
            size=size,
            mode=_number(block[100:108]) & 0o7777,
            mtime=mtime,
            target=target if found in {"symlink", "hardlink"} else b"",
        )


def _check_sum(block: bytes) -> None:
    """The sum of a header's bytes, its own field taken as spaces. Old tars added them as signed ones."""
    said = _number(block[148:156])
    rest = block[:148] + b" " * 8 + block[156:]
    unsigned = sum(rest)
    if said not in {unsigned, unsigned - 256 * sum(byte > 127 for byte in rest)}:
        raise ArchiveError("header")


def _number(field: bytes) -> int:
    """A number in octal digits, or GNU tar's binary one, whose first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big", signed=False) & ((1 << (8 * len(field) - 1)) - 1)
        if field[0] & 0x40:
            value -= 1 << (8 * len(field) - 1)
        return value
    found = _NUMBER.fullmatch(field)
    if found is None:
        raise ArchiveError("header")
    return int(found[1] or b"0", 8)


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _records(data: bytes) -> dict[bytes, bytes]:
    """The records of a pax header: `length key=value\\n`, one behind another."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        length = _LENGTH.match(data, at)
        if length is None:
            raise ArchiveError("header")
        end = at + int(length[1])
        key, equals, value = data[length.end() : end - 1].partition(b"=")
        if end > len(data) or end <= length.end() or data[end - 1 : end] != b"\n" or not equals:
            raise ArchiveError("header")
        if value or key not in {b"path", b"linkpath", b"size", b"mtime"}:  # an empty one says nothing
            found[key] = value
        at = end
    return found


def _said_size(value: bytes) -> int:
    if _DECIMAL.fullmatch(value) is None or not 0 <= int(value) <= _MAX_SIZE:
        raise ArchiveError("header")
    return int(value)


def _said_time(value: bytes) -> int:
    found = _TIME.fullmatch(value)
    if found is None:
        raise ArchiveError("header")
    return int(found[1])
