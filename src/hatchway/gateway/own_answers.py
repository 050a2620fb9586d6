"""Answers that need no service: preflights, `OPTIONS *`, and redirects to where a preview really is. Pure.

Refusals are `problem_pages`.
"""

from __future__ import annotations

from hatchway.gateway import cors

OPTIONS_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
"""To `OPTIONS *`, which asks about the server itself (RFC 9110 section 9.3.7)."""


def preflight_answer(fields: dict[bytes, bytes]) -> bytes:
    """The answer to a preflight; b"" if the request is none.

    Args:
        fields: the values of an OPTIONS request's header fields, by their names in lower case.
    """
    wanted = fields.get(b"access-control-request-method")
    if wanted is None or b"origin" not in fields:
        return b""
    return cors.preflight_answer(wanted, fields.get(b"access-control-request-headers"))


def redirect(location: bytes, *, permanent: bool) -> bytes:
    """A redirect that keeps method and body (RFC 9110 sections 15.4.8 and 15.4.9), and is not remembered."""
    line = b"308 Permanent Redirect" if permanent else b"307 Temporary Redirect"
    return (
        b"HTTP/1.1 %s\r\nLocation: %s\r\nContent-Length: 0\r\n"
        b"Cache-Control: no-store\r\nReferrer-Policy: same-origin\r\n%s\r\n"
        % (line, location, cors.ANSWER_HEADERS)
    )


def closing(answer: bytes) -> bytes:
    """The same answer, after which the connection ends."""
    return answer[:-2] + b"Connection: close\r\n\r\n"
