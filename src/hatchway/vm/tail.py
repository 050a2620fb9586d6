"""The last bytes of a stream, and the last lines of them as text that is safe to show. Pure."""

from __future__ import annotations

from hatchway.printable import printable

TAIL_BYTES = 4096
TAIL_LINES = 10


class Tail:
    """Keeps the end of what is added to it.

    Args:
        limit: how many bytes.
    """

    __slots__ = ("_data", "_limit", "_whole")

    def __init__(self, limit: int = TAIL_BYTES) -> None:
        self._limit = limit
        self._data = b""
        self._whole = True

    def add(self, data: bytes) -> None:
        """More of the stream."""
        if len(self._data) + len(data) > self._limit:
            self._whole = False
        self._data = (self._data + data[-self._limit :])[-self._limit :]

    def lines(self, count: int = TAIL_LINES) -> str:
        """The last `count` lines as text; without the line that the limit cut into, unless it is the only one."""
        data = self._data
        if not self._whole:
            # At least begin with a whole character: in UTF-8 up to three bytes go on with one.
            data = data.partition(b"\n")[2] or data[:3].lstrip(_CONTINUATION) + data[3:]
        text = printable(data.decode(errors="replace"))
        return "\n".join(text.rstrip("\n").split("\n")[-count:])


_CONTINUATION = bytes(range(0x80, 0xC0))
