"""`hatchway fetch KEY PORT [PATH]`: an HTTP request to a service in a VM, with curl's most used options."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import httpx
import typer

from hatchway.cli.local_files import writing_whole
from hatchway.cli.locations import STREAM
from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    KeyArgument,
    KindOption,
    UrlOption,
    with_existing,
)
from hatchway.cli.request_data import FORM, parse_headers, request_body
from hatchway.cli.streams import Write, write_out
from hatchway.cli.terminal import tell_error
from hatchway.client import Agent
from hatchway.client.fetch_request import fetch_method, fetch_target
from hatchway.errors import ConnectionFailed, HatchwayError, InvalidRequest

FAILED = 22
"""curl's exit code for a status of 400 or above, with -f."""


def fetch(
    key: KeyArgument,
    port: Annotated[
        int, typer.Argument(metavar="PORT", min=1, max=65535, help="The port that the service listens on.")
    ],
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="The path and query, or a URL whose host is ignored.")
    ] = "/",
    method: Annotated[
        str | None,
        typer.Option(
            "--method", "--request", "-X", metavar="METHOD", help="By default GET, or POST with data."
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            "-H",
            metavar="'NAME: VALUE'",
            help="Sent with the request; may be repeated.",
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            "-d",
            metavar="DATA",
            help="The body: text, @FILE for a file, @- for standard input. Repeated, joined by &.",
        ),
    ] = None,
    include: Annotated[
        bool, typer.Option("--include", "-i", help="Print the status and the headers, too.")
    ] = False,
    head: Annotated[
        bool, typer.Option("--head", "-I", help="Ask for the headers alone, and print them.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--location", "-L", help="Follow redirects, within the VM.")
    ] = False,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write to a file, once all is there.")
    ] = STREAM,
    fail: Annotated[
        bool,
        typer.Option("--fail", "-f", help="Exit with 22 for a status of 400 or above, without its body."),
    ] = False,
    max_time: Annotated[
        float | None, typer.Option("--max-time", "-m", metavar="SECONDS", help="Give up after this time.")
    ] = None,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Send an HTTP request to a service in a VM; its answer goes to standard output as it comes.

    The options are curl's. Nothing is decoded, and a body is sent as it is.
    """
    if head and data:
        raise typer.BadParameter("a request for the headers alone has no data", param_hint="--head")
    if max_time is not None and not 0 < max_time < float("inf"):
        raise typer.BadParameter("give a number of seconds above 0", param_hint="--max-time")
    headers = parse_headers(header or [], [("Content-Type", FORM)] if data else [])
    names = {name.lower() for name, _ in headers}
    chosen = fetch_method(method or ("HEAD" if head else "POST" if data else "GET"))
    try:
        target = f"http://localhost:{port}{fetch_target(path)}"
    except InvalidRequest:
        raise typer.BadParameter(f"{path!r} is neither a path nor an HTTP URL", param_hint="PATH") from None

    async def ask(agent: Agent) -> int:
        with request_body(data or []) as (body, length), _mapped_errors(port, max_time):
            async with (
                asyncio.timeout(max_time),
                agent.http(port, headers=headers, follow_redirects=follow) as client,
            ):
                for name in {"accept", "accept-encoding", "user-agent"} - names:
                    del client.headers[name]  # httpx's own
                sized = {} if length is None else {"Content-Length": str(length)}
                request = client.build_request(chosen, target, content=body, headers=sized)
                request.method = chosen  # httpx puts it in upper case
                answer = await client.send(request, stream=True)
                try:
                    return await show(answer)
                finally:
                    await answer.aclose()

    async def show(answer: httpx.Response) -> int:
        if fail and answer.status_code >= 400:
            said = f"{answer.status_code} {answer.reason_phrase}".rstrip()
            tell_error(
                HatchwayError("failed", f"the service answered {said}", "without --fail its words are shown")
            )
            return FAILED
        with _target(output) as write:
            if include or head:
                write(_head(answer))
            async for piece in answer.aiter_raw():
                write(piece)
        return 0

    raise typer.Exit(with_existing(url, kind, key, ask, timeout=None))


@contextmanager
def _target(output: str) -> Iterator[Write]:
    if output == STREAM:
        yield write_out
        return
    with writing_whole(output) as write:
        yield write


def _head(answer: httpx.Response) -> bytes:
    """The status line and the headers as they came (RFC 9112 sections 4 and 5)."""
    version = answer.extensions.get("http_version", b"HTTP/1.1")
    reason = answer.extensions.get("reason_phrase", b"")
    lines = [b"%s %d %s" % (version, answer.status_code, reason)]
    lines += [b"%s: %s" % field for field in answer.headers.raw]
    return b"\r\n".join([*lines, b"", b""])


@contextmanager
def _mapped_errors(port: int, max_time: float | None) -> Iterator[None]:
    """What is not yet an error of Hatchway's: redirects are followed by httpx, and the time is kept here."""
    try:
        yield
    except TimeoutError:
        raise ConnectionFailed(
            "max_time",
            f"port {port} of the VM did not answer within {max_time:g} s",
            "give a longer --max-time",
        ) from None
    except httpx.TooManyRedirects:
        raise HatchwayError(
            "too_many_redirects", "the service redirects in a circle", "look at one with: hatchway fetch -i"
        ) from None
    except httpx.StreamConsumed:
        raise HatchwayError(
            "body_was_sent",
            "the service redirects, and the body of the request, which was streamed, cannot be sent again",
            "send it to where the redirect leads",
        ) from None
    except (httpx.RemoteProtocolError, httpx.InvalidURL):
        raise HatchwayError(
            "bad_redirect", "the service redirects to what is no URL", "look at it without --location"
        ) from None
