"""The last lines of a stream as text that is safe to show. Pure."""

from __future__ import annotations

from hatchway.printable import printable

TAIL_BYTES = 4096
TAIL_LINES = 10


def last_lines(data: bytes, whole: bool, count: int = TAIL_LINES) -> str:
    """The last `count` lines as text.

    Args:
        data: the end of the stream.
        whole: whether it is all of it. Else its first line was cut into, and is left out unless it is the only one.
        count: how many.
    """
    if not whole:
        # At least begin with a whole character: in UTF-8 up to three bytes go on with one.
        data = data.partition(b"\n")[2] or data[:3].lstrip(_CONTINUATION) + data[3:]
    text = printable(data.decode(errors="replace"))
    return "\n".join(text.rstrip("\n").split("\n")[-count:])


_CONTINUATION = bytes(range(0x80, 0xC0))
