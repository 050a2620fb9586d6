"""Every answer the gateway makes itself, as a page for people or JSON for programs, by Accept. Pure.

Each carries `Hatchway-Error: {code}`, which no service's answer can carry, so that a client tells the
gateway's own 502 from a service's. None shows internals or repeats anything of the request. What is about to come
to life is asked for again: by the page itself, or by a program that reads `Retry-After`.
"""

from __future__ import annotations

import html
import json
import re
from http import HTTPStatus

from hatchway.errors import HatchwayError, InvalidRequest
from hatchway.gateway.cors import ANSWER_HEADERS
from hatchway.gateway.framing import FramingError

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
{refresh}<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1.0625rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto 0; padding: 0 1.5rem;
}} h1 {{ font-size: 1.5rem; line-height: 1.3; }}
small {{ opacity: .75; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{hint}{again}<p><small>Hatchway answered this, not the service: {status} {code}</small></p>
</main>
</body>
</html>
"""
# Nothing may run or load. Scripts are allowed to the sandbox only because without that a page may not load itself
# again (https://html.spec.whatwg.org/#sandboxed-automatic-features-browsing-context-flag); default-src forbids them.
_POLICY = b"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; sandbox allow-scripts\r\n"
_ACCEPT = re.compile(rb"\r\naccept:[ \t]*([^\r\n]*)\r\n", re.IGNORECASE)


def bad_request(error: FramingError) -> HatchwayError:
    """The refusal of a request that is not HTTP as it is spoken here."""
    codes = {414: "target_too_long", 431: "head_too_large", 505: "version_not_supported"}
    return InvalidRequest(codes.get(error.status, "bad_request"), error.message, status=error.status)


def prefers_html(accept: bytes | None) -> bool:
    """Whether the Accept field wants a page rather than JSON (RFC 9110 section 12.5.1): it names `text/html`,
    and not JSON above it."""
    if not accept:
        return False
    weights = {b"text/html": 0.0, b"application/json": 0.0}
    for part in accept.lower().split(b","):
        kind, *parameters = (piece.strip() for piece in part.split(b";"))
        if kind in weights:
            weights[kind] = _weight(parameters)
    return weights[b"text/html"] > 0 and weights[b"text/html"] >= weights[b"application/json"]


def _weight(parameters: list[bytes]) -> float:
    for parameter in parameters:
        if parameter.startswith(b"q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


def render(
    error: HatchwayError,
    *,
    as_html: bool,
    head_only: bool = False,
    preview: bool = False,
    close: bool,
    reload: bool = False,
    details: bool = False,
) -> bytes:
    """A whole answer: head and body.

    Args:
        error: its status, code, message and hint are shown.
        as_html: a page instead of JSON.
        head_only: the request was HEAD.
        preview: the answer goes to a preview's visitor: any origin may read it.
        close: the connection ends after this answer.
        reload: the request may be repeated by loading the page again.
        details: whoever asks may see the error's details.
    """
    status = error.status if 400 <= error.status <= 599 else 500
    if as_html:
        kind = b"text/html; charset=utf-8"
        body = _page(error, status, reload=reload)
    else:
        kind = b"application/json"
        body = _json(error, details=details)
    return b"".join(
        (
            b"HTTP/1.1 %d %s\r\n" % (status, _phrase(status)),
            b"Content-Type: %s\r\nContent-Length: %d\r\n" % (kind, len(body)),
            b"Cache-Control: no-store\r\n",
            b"Hatchway-Error: %s\r\n" % error.code.encode("ascii", "replace"),
            b"Retry-After: %d\r\n" % error.retry_after if error.retry_after is not None else b"",
            b"X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n",
            _POLICY if as_html else b"",
            ANSWER_HEADERS if preview else b"",
            b"WWW-Authenticate: Bearer\r\n" if status == 401 else b"",  # RFC 9110 section 15.5.2
            b"Connection: close\r\n" if close else b"",
            b"\r\n",
            b"" if head_only else body,
        )
    )


def render_for_head(error: HatchwayError, head: bytes) -> bytes:
    """The refusal of a request whose head, as far as it came, was not understood; the connection ends after it."""
    accept = _ACCEPT.search(head)
    return render(
        error,
        as_html=accept is not None and prefers_html(accept[1]),
        head_only=head.startswith(b"HEAD "),
        close=True,
    )


def _page(error: HatchwayError, status: int, *, reload: bool) -> bytes:
    waits = reload and error.retry_after is not None
    again = ""
    if waits:
        again = '<p role="status">This page tries again by itself.</p>\n'
    elif reload and status >= 500:
        again = '<p><a href="">Try again</a></p>\n'
    return _PAGE.format(
        refresh=f'<meta http-equiv="refresh" content="{error.retry_after}">\n' if waits else "",
        title=html.escape(_sentence(error.message)),
        hint=f"<p>{html.escape(_sentence(error.hint))}.</p>\n" if error.hint else "",
        again=again,
        status=status,
        code=html.escape(error.code),
    ).encode()


def _json(error: HatchwayError, *, details: bool) -> bytes:
    shown: dict[str, object] = {"code": error.code, "message": error.message, "hint": error.hint}
    if error.retry_after is not None:
        shown["retry_after"] = error.retry_after
    if details and error.details is not None:
        shown["details"] = dict(error.details)
    return json.dumps(shown).encode()


def _sentence(text: str) -> str:
    """Messages and hints are clauses; a page shows them as sentences."""
    return (text[:1].upper() + text[1:]).rstrip(".")


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Error"
