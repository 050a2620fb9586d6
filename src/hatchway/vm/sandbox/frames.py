"""What a worker of a guest says on its pipe: frames, each a kind, a length and that many bytes. Pure.

    D  bytes of an archive
    L  entries of a folder: kind, size, length of the path, path; one behind another
    E  the end: what was done, as JSON of numbers
    X  the end: why it was not done, as JSON

The server believes none of it: a frame that does not fit is an error, and nothing is longer than its bound.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from hatchway.archive.descent import EntryKind
from hatchway.archive.names import MAX_PATH_BYTES

DATA, ENTRIES, END, FAILURE = b"D", b"L", b"E", b"X"
MAX_FRAME_BYTES = 256 * 1024
MAX_JSON_BYTES = 4096
MAX_ENTRY_PATH_BYTES = MAX_PATH_BYTES + 1 + 255
"""A name in a folder whose own path is as long as can be."""

_HEAD = struct.Struct(">cI")
_ENTRY = struct.Struct(">cQH")
_LETTERS: dict[EntryKind, bytes] = {"file": b"f", "directory": b"d", "symlink": b"l", "other": b"o"}
_KINDS = {letter: kind for kind, letter in _LETTERS.items()}
_MOST = {DATA: MAX_FRAME_BYTES, ENTRIES: MAX_FRAME_BYTES, END: MAX_JSON_BYTES, FAILURE: MAX_JSON_BYTES}

ListedEntry = tuple[EntryKind, int, bytes]
"""An entry's kind, its size, and its path relative to the folder that is listed."""


def encode_frame(kind: bytes, payload: bytes) -> bytes:
    """One frame."""
    return _HEAD.pack(kind, len(payload)) + payload


def encode_entry(kind: EntryKind, size: int, path: bytes) -> bytes:
    """One entry of an `ENTRIES` frame."""
    return _ENTRY.pack(_LETTERS[kind], size, len(path)) + path


def decode_entries(payload: bytes) -> list[ListedEntry]:
    """The entries of an `ENTRIES` frame. Raises ValueError for what is none."""
    found: list[ListedEntry] = []
    at = 0
    while at < len(payload):
        if len(payload) - at < _ENTRY.size:
            raise ValueError("half an entry")
        letter, size, length = _ENTRY.unpack_from(payload, at)
        at += _ENTRY.size
        path = payload[at : at + length]
        at += length
        kind = _KINDS.get(letter)
        if kind is None or len(path) != length or size >= 2**63 or not _is_relative(path):
            raise ValueError("no entry")
        found.append((kind, size, path))
    return found


class FrameParser:
    """Takes bytes in any pieces and gives the frames that are complete."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The frames that `data` completes, as kind and content. Raises ValueError for what is none."""
        self._rest += data
        while len(self._rest) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._rest)
            if length > _MOST.get(kind, -1):
                raise ValueError("no frame")
            end = _HEAD.size + length
            if len(self._rest) < end:
                return
            payload = bytes(self._rest[_HEAD.size : end])
            del self._rest[:end]
            yield kind, payload


def _is_relative(path: bytes) -> bool:
    """Whether it can be the path of something in a folder."""
    if not path or len(path) > MAX_ENTRY_PATH_BYTES or b"\0" in path:
        return False
    return not any(part in {b"", b".", b".."} for part in path.split(b"/"))
