"""Where an HTTP/1.1 message begins and ends, strictly (RFC 9112). Pure.

Heads are matched whole against the grammar of the RFC: what it does not allow is refused, never repaired,
because two programs that repair differently is what request smuggling is made of. llhttp is not used for
this: it refuses methods that it does not know, does not tell where a message ended, and its leniency is
decided when it is built. The tests hold both against each other: what is accepted here, llhttp reads alike.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# Visible characters without `#`: a target has no fragment (RFC 9112 section 3.2). Bytes over 0x7f are not in
# the RFC's grammar, but curl sends them and every server takes them.
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([!\"$-~\x80-\xff]+) HTTP/1\.([01])")
_OTHER_VERSION = re.compile(rb"(" + _TOKEN + rb") [!-~\x80-\xff]+ HTTP/[0-9]\.[0-9]")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: ([\t -~\x80-\xff]*))?")
_FIELD = re.compile(_TOKEN + rb":[\t -~\x80-\xff]*+")
_NOT_FORBIDDEN = bytes(each for each in range(256) if each in b"\t\r\n" or (each >= 0x20 and each != 0x7F))
_LENGTH = re.compile(rb"[0-9]{1,18}")
_ANSWER_START = b"HTTP/1."
_OF_THE_CONNECTION = frozenset({b"connection", b"content-length", b"transfer-encoding"})
_NO_OPTIONS: frozenset[bytes] = frozenset()
_REMEMBERED_LINES, _REMEMBERED_BYTES = 2048, 512

CHUNKED = -1
"""A body length that stands for the chunked coding."""
UNTIL_CLOSE = -2
"""A body length that stands for all bytes until the connection closes."""


class FramingError(Exception):
    """A message that is not HTTP/1.1. Becomes 400 for a client's request and 502 for a service's answer.

    Args:
        message: what is wrong with it, without quoting it.
        status: the status that a client gets for it.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Field(NamedTuple):
    """One header field."""

    name: bytes
    """In lower case, for comparing."""
    value: bytes
    """Without surrounding white space."""
    line: bytes
    """As it came, with its CRLF."""


class RequestHead(NamedTuple):
    """A request line and its header fields, with what they say about framing."""

    method: bytes
    target: bytes
    minor: int
    """The 1 of HTTP/1.1."""
    fields: list[Field]
    body: int
    """The body's length in bytes, or CHUNKED."""
    connection: frozenset[bytes]
    """The options of all Connection fields, in lower case."""
    host: bytes | None
    """The Host field. Always there in HTTP/1.1."""

    def __repr__(self) -> str:
        return f"RequestHead(method={self.method!r}, fields={len(self.fields)}, body={self.body})"


class AnswerHead(NamedTuple):
    """A status line and its header fields, with what they say about framing (for an answer that has a body at
    all)."""

    status: int
    reason: bytes
    minor: int
    fields: list[Field]
    body: int
    """The body's length in bytes, CHUNKED or UNTIL_CLOSE."""
    connection: frozenset[bytes]


def find_forbidden(data: bytes | bytearray, start: int = 0) -> bool:
    """Whether an unfinished head already holds a byte that no head may hold: a control byte, a bare CR or a
    bare LF. A CR at its end may still get its LF.

    Args:
        data: as much of the head as there is.
        start: how many of its bytes were looked at before.
    """
    # Counting is many times faster than a regular expression, and a head may come in many pieces.
    part = data[start - 1 :].removeprefix(b"\n") if start else data
    if part.translate(None, _NOT_FORBIDDEN):
        return True
    pairs = part.count(b"\r\n")
    return part.count(b"\n") != pairs or part.count(b"\r") != pairs + part.endswith(b"\r")


def check_unfinished_head(head: bytes | bytearray, searched: int, *, max_head: int, max_target: int) -> None:
    """Refuses a head that cannot become acceptable any more, however it goes on.

    Args:
        head: as much of it as there is.
        searched: how many of its bytes were looked at before, so that a head in small pieces is not searched
            again and again.
        max_head: the longest head, in bytes.
        max_target: the longest target, in bytes.

    Raises:
        FramingError: 400, 414 or 431.
    """
    longest_line = max_target + 64
    if find_forbidden(head, searched):
        raise FramingError("the head holds a control byte, or a CR or LF that stands alone")
    if len(head) > longest_line and head.find(b"\r\n", 0, longest_line) < 0:
        raise FramingError(f"the request target is longer than {max_target} bytes", 414)
    if len(head) > max_head:
        raise FramingError(f"the head is longer than {max_head} bytes", 431)


def check_unfinished_answer(head: bytes | bytearray, searched: int, *, max_head: int) -> None:
    """Refuses the beginning of an answer that cannot become acceptable any more, however it goes on: what speaks
    another protocol is told at once, and not when it closes.

    Args:
        head: as much of it as there is.
        searched: how many of its bytes were looked at before.
        max_head: the longest head, in bytes.

    Raises:
        FramingError: it is not HTTP/1.x.
    """
    if not head.startswith(_ANSWER_START[: len(head)]) or find_forbidden(head, searched):
        raise FramingError("the answer is not HTTP")
    if len(head) > max_head:
        raise FramingError("the answer's head is too long")


def parse_fields(block: bytes, max_fields: int) -> list[Field]:
    """The header fields of `block`: lines that each end in CRLF, without the empty line.

    Raises:
        FramingError: the block is not `*( field-name ":" OWS field-value OWS CRLF )` (RFC 9112 section 5);
            431 for too many.
    """
    *lines, end = block.split(b"\r\n")
    try:
        fields = [
            _remembered_field(line) if len(line) <= _REMEMBERED_BYTES else _field(line) for line in lines
        ]
    except ValueError:
        raise FramingError(_why_not_fields(block)) from None
    if end:
        raise FramingError(_why_not_fields(block))
    if len(fields) > max_fields:
        raise FramingError(f"the head has more than {max_fields} header fields", 431)
    return fields


def _field(line: bytes) -> Field:
    if _FIELD.fullmatch(line) is None:
        raise ValueError
    name, _, value = line.partition(b":")
    return Field(name.lower(), value.strip(b" \t"), line + b"\r\n")


def field_name(line: bytes) -> bytes:
    """The name in a header field's line, given without its CRLF, in lower case.

    Raises:
        ValueError: the line is malformed.
    """
    if _FIELD.fullmatch(line) is None:
        raise ValueError
    return line[: line.index(b":")].lower()


def is_length(value: bytes) -> bool:
    """Whether this is a Content-Length as it is accepted, white space apart."""
    return _LENGTH.fullmatch(value) is not None


# Most lines of a head came before, also where the head as a whole did not.
_remembered_field = lru_cache(_REMEMBERED_LINES)(_field)


def _why_not_fields(block: bytes) -> str:
    if find_forbidden(block):
        return "the head holds a control byte, or a CR or LF that stands alone"
    for line in block.split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            return "a header field is folded over several lines"
        if re.match(_TOKEN + rb"[ \t]+:", line):
            return "there is white space before a header field's colon"
    return "a header field is malformed"


def parse_request_line(line: bytes, *, max_target: int) -> tuple[bytes, bytes, int]:
    """Method, target and the 1 of HTTP/1.1 of a request line, given without its CRLF.

    Raises:
        FramingError: 400; 414 if the target is longer than `max_target` bytes, 505 for another version of HTTP.
    """
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        if _OTHER_VERSION.fullmatch(line) and b"#" not in line:
            raise FramingError("only HTTP/1.1 and HTTP/1.0 are spoken here", 505)
        raise FramingError("the request line is malformed")
    method, target, version = match.groups()
    if len(target) > max_target:
        raise FramingError(f"the request target is longer than {max_target} bytes", 414)
    return method, target, 1 if version == b"1" else 0


def parse_request_fields(
    method: bytes, target: bytes, minor: int, block: bytes, *, max_fields: int
) -> RequestHead:
    """A request head, of its request line's parts and the lines of its header fields, without the empty line.

    Raises:
        FramingError: 400; 431 for too many fields.
    """
    fields = parse_fields(block, max_fields)
    hosts = [field.value for field in fields if field.name == b"host"]
    if len(hosts) > 1 or (minor == 1 and not hosts):
        raise FramingError("a request has exactly one Host")
    if sum(field.name == b"authorization" for field in fields) > 1:
        # One of them could be the API's credential while another is looked at.
        raise FramingError("a request has at most one Authorization")
    body, options = _of_the_connection(fields, minor)
    return RequestHead(
        method, target, minor, fields, 0 if body is None else body, options, hosts[0] if hosts else None
    )


def parse_request_head(head: bytes, *, max_target: int, max_fields: int) -> RequestHead:
    """A request head: everything up to and with the empty line. Raises what its two parts raise."""
    line_end = head.find(b"\r\n")
    method, target, minor = parse_request_line(head[:line_end], max_target=max_target)
    return parse_request_fields(method, target, minor, head[line_end + 2 : -2], max_fields=max_fields)


def parse_answer_head(head: bytes, *, max_fields: int) -> AnswerHead:
    """An answer's head: everything up to and with the empty line.

    Raises:
        FramingError: it is not HTTP/1.x. The status in it is of no use here.
    """
    line_end = head.find(b"\r\n")
    minor, status, reason = _status_line(head[:line_end])
    fields = parse_fields(head[line_end + 2 : -2], max_fields)
    body, options = _of_the_connection(fields, minor)
    return AnswerHead(status, reason, minor, fields, UNTIL_CLOSE if body is None else body, options)


@lru_cache(256)
def _status_line(line: bytes) -> tuple[int, int, bytes]:
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise FramingError("the status line is malformed")
    return 1 if match[1] == b"1" else 0, int(match[2]), match[3] or b""


def _of_the_connection(fields: list[Field], minor: int) -> tuple[int | None, frozenset[bytes]]:
    """The body's length, None if nothing tells, and the options of all Connection fields."""
    length = coding = None
    options = _NO_OPTIONS
    for field in fields:
        name = field.name
        if name not in _OF_THE_CONNECTION:
            continue
        if name == b"connection":
            options |= _connection_options(field.value)
        elif name == b"content-length":
            if length is not None:
                raise FramingError("Content-Length is repeated or malformed")
            length = field
        else:
            if coding is not None:
                raise FramingError("the only Transfer-Encoding spoken here is chunked")
            coding = field
    return _body_length(length, coding, minor), options


def _body_length(length: Field | None, coding: Field | None, minor: int) -> int | None:
    """RFC 9112 section 6.3, without its permissions to repair: what is ambiguous is refused."""
    for field in (length, coding):
        if field is not None and b"\t" in field.line:
            # The RFC takes a tab for a space here, and some parsers do not: nobody needs it.
            raise FramingError("Content-Length and Transfer-Encoding hold no tab")
    if coding is not None:
        if length is not None:
            raise FramingError("Content-Length and Transfer-Encoding exclude each other")
        if minor == 0:
            raise FramingError("HTTP/1.0 has no Transfer-Encoding")
        if coding.value.lower() != b"chunked":
            raise FramingError("the only Transfer-Encoding spoken here is chunked")
        return CHUNKED
    if length is None:
        return None
    if _LENGTH.fullmatch(length.value) is None:
        raise FramingError("Content-Length is repeated or malformed")
    return int(length.value)


@lru_cache(256)
def _connection_options(value: bytes) -> frozenset[bytes]:
    return frozenset(option for part in value.split(b",") if (option := part.strip(b" \t").lower()))
