"""What all answer heads have in common that differ only in values which mean nothing to the gateway. Pure.

A service's answers repeat their fields and differ in dates, lengths and identifiers. What becomes of a head depends on
the names of its fields, and on the values of a few only. So the first such head is taken apart (`rewrite_answer`), and
the next ones are put together by what was found out then: which lines stay, and what stands before and behind them.
"""

from __future__ import annotations

from functools import lru_cache

from hatchway.gateway.framing import AnswerHead, field_name, is_length
from hatchway.gateway.rewrite_answer import MAPPED, AnswerParts

_LENGTH = b"content-length"
_DECISIVE = frozenset({b"connection", b"transfer-encoding"})
_REMEMBERED_LINES = 512

Key = tuple[bytes, ...]


@lru_cache(_REMEMBERED_LINES)
def _kind(line: bytes) -> bytes:
    name = field_name(line)
    return line if name in _DECISIVE else name


def key_of(lines: list[bytes]) -> Key:
    """What the shape of a head is found by: heads of one key differ in no name, and in no value that decides.

    Args:
        lines: the status line, which is not looked at, and those of the fields, without their CRLF.

    Raises:
        ValueError: a field is malformed.
    """
    return (lines[0], *map(_kind, lines[1:]))


class AnswerShape:
    """How all heads of one key are rewritten.

    Args:
        head: one of them.
        parts: what the client gets of it.
        body: the length of its body on the wire, if that is the same for all of them; None if each says its own.
        chunked: the client gets the body in the chunked coding.
        reusable: the upstream keeps its connection afterwards.
    """

    __slots__ = ("_body", "_end", "_kept", "_length_at", "_start", "chunked", "reusable", "status")

    def __init__(
        self, head: AnswerHead, parts: AnswerParts, body: int | None, *, chunked: bool, reusable: bool
    ) -> None:
        names = [each.name for each in head.fields]
        kept = {each.name for each in parts.kept}
        # Their places among a head's lines, of which the first is the status line.
        self._kept = [at for at, name in enumerate(names, 1) if name in kept]
        self._length_at = names.index(_LENGTH) + 1 if _LENGTH in names else 0
        self._start, self._end = parts.start, b"\r\n" + parts.end
        self._body = body
        self.chunked = chunked
        self.reusable = reusable
        self.status = head.status

    @staticmethod
    def fits(head: AnswerHead) -> bool:
        """Whether heads like this one have a shape: those with values that are rewritten do not."""
        return not any(each.name in MAPPED for each in head.fields)

    def rewrite(self, lines: list[bytes]) -> tuple[bytes, int] | None:
        """The head for the client and the length of the body on the wire; None if what the head says of that is
        malformed."""
        body = self._body
        if self._length_at:
            value = lines[self._length_at].partition(b":")[2].strip(b" ")
            if not is_length(value):
                return None
            if body is None:
                body = int(value)
        assert body is not None
        return self._start + b"\r\n".join([lines[at] for at in self._kept]) + self._end, body
