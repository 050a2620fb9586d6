"""What a user types to leave a terminal that does not answer: `~.` at the beginning of a line, as with ssh. Pure."""

from __future__ import annotations

_LINE_ENDS = b"\r\n"
_ESCAPE, _LEAVE = b"~", b"."


class EscapeFilter:
    """Looks for the escape in what is typed, in pieces of any size."""

    def __init__(self) -> None:
        self._line_begins = True
        self._escaped = False
        self.left = False
        """Whether it was there."""

    def feed(self, data: bytes) -> bytes:
        """What of `data` is meant for the other side; nothing once it was there. `~~` is one `~` for that side."""
        passed = bytearray()
        for byte in b"" if self.left else data:
            key = bytes([byte])
            if self._escaped:
                self._escaped = False
                if key == _LEAVE:
                    self.left = True
                    break
                if key != _ESCAPE:
                    passed += _ESCAPE
            elif key == _ESCAPE and self._line_begins:
                self._escaped = True
                self._line_begins = False
                continue
            passed += key
            self._line_begins = key in _LINE_ENDS
        return bytes(passed)
