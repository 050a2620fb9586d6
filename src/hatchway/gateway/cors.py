"""Cross-origin access to previews: the answer to a preflight, and the headers of every other answer. Pure.

A preview is opened by its token, not by who asks, so any origin may read it: but without credentials (`*`),
so that no page can use a visitor's cookies. A service that sets its own `Access-Control-Allow-Origin` keeps
it. (https://fetch.spec.whatwg.org/#http-cors-protocol)
"""

from __future__ import annotations

import re

_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TOKENS = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z, \t]+")

ANSWER_HEADERS = b"Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n"
"""What every answer of a preview carries unless the service set its own."""

MAX_AGE_SECONDS = 7200
"""How long a browser may remember a preflight's answer: the longest that Chromium accepts."""


def preflight_answer(requested_method: bytes, requested_headers: bytes | None) -> bytes:
    """The 204 to a preflight: any origin, the method and the headers it asks for.

    They are named one by one because `*` does not cover `Authorization`. What is not a list of tokens is not
    echoed.

    Args:
        requested_method: the `Access-Control-Request-Method` field.
        requested_headers: the `Access-Control-Request-Headers` field, if there is one.
    """
    method = requested_method if _METHOD.fullmatch(requested_method) else b"*"
    headers = requested_headers if requested_headers and _TOKENS.fullmatch(requested_headers) else b"*"
    return (
        b"HTTP/1.1 204 No Content\r\n"
        b"Access-Control-Allow-Origin: *\r\n"
        b"Access-Control-Allow-Methods: " + method + b"\r\n"
        b"Access-Control-Allow-Headers: " + headers + b"\r\n"
        b"Access-Control-Max-Age: %d\r\n"
        b"Vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
        b"\r\n" % MAX_AGE_SECONDS
    )
