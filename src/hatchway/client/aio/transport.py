"""The one place that speaks HTTP (httpx) and turns its troubles into `HatchwayError`s.

It stands on httpx's transport rather than its client: nothing is added to a request (no `Accept-Encoding`),
no cookie is kept, no redirect is followed or even parsed, and no proxy from the environment applies.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from hatchway import __version__
from hatchway.client.aio.callers_body import CallersBody, Content
from hatchway.client.connection_errors import connection_error
from hatchway.client.parameters import check_timeout, encode_json
from hatchway.client.problems import UNREADABLE, error_from_answer, unexpected_answer
from hatchway.client.server_url import parse_server_url, trusted_certificates
from hatchway.errors import Conflict, HatchwayError, InvalidRequest

T = TypeVar("T")

_TOKEN = re.compile(r"[!-~]+")

USER_AGENT = f"hatchway/{__version__}"
CONNECT_SECONDS = 10.0
KEEPALIVE_SECONDS = 20.0
"""How long an idle connection is kept: well under the gateway's 75 s, so that it closes none under us."""
MAX_IDLE_CONNECTIONS = 100


class Transport:
    """Sends requests to one server.

    Args:
        url: `http(s)://host[:port][/prefix]`.
        token: the API token, or None.
        timeout: seconds that one request may go without any progress; None: for ever.
        unix_socket: connect to this UNIX socket instead of the URL's host and port.

    Raises:
        InvalidRequest: `invalid_url`, `invalid_token`, `invalid_timeout`, `invalid_certificates`.
    """

    def __init__(
        self, url: str, token: str | None, timeout: float | None, unix_socket: Path | None = None
    ) -> None:
        self.url, self.base = parse_server_url(url)
        if token is not None and _TOKEN.fullmatch(token) is None:
            raise InvalidRequest(
                "invalid_token",
                "the API token must be visible ASCII characters without spaces",
                "check HATCHWAY_TOKEN",
            )
        self._token = token
        self.timeout = check_timeout(timeout)
        self.unix_socket = unix_socket
        self._closed = False
        # verify=False for plain HTTP only: it spares the loading of certificates that are not used.
        self.certificates = trusted_certificates() if self.base.scheme == "https" else None
        self._http = httpx.AsyncHTTPTransport(
            verify=self.certificates or False,
            trust_env=False,
            uds=None if unix_socket is None else str(unix_socket),
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=MAX_IDLE_CONNECTIONS,
                keepalive_expiry=KEEPALIVE_SECONDS,
            ),
        )

    async def aclose(self) -> None:
        """Close all connections. May be called again."""
        self._closed = True
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        body: Any = None,
        patient: bool = False,
        within: float | None = None,
    ) -> T:
        """One call of the control API with a JSON answer.

        Args:
            method: the HTTP method.
            path: the encoded path and query, beginning with `/api/`.
            answer: the type that the answer is read as.
            body: sent as JSON unless it is None.
            patient: whether the answer may take any time, and the taking of the body too.
            within: seconds that no step may take longer than.

        Raises:
            HatchwayError: what the server says, or `ConnectionFailed`.
        """
        headers, content = json_body(body)
        async with self.send(
            method, path, headers=headers, content=content, patient=patient, within=within
        ) as response:
            data = await read_answer(response)
        try:
            return msgspec.json.decode(data, type=answer)
        except UNREADABLE:
            raise unexpected_answer(response.status_code) from None

    @contextlib.asynccontextmanager
    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        content: Content | None = None,
        patient: bool = False,
        within: float | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """Send a request; gives its answer, whatever its status, with the body still to be read.

        Troubles of the connection, also those met while the body is read inside the block, are raised as
        `ConnectionFailed`. Leaving the block early closes the connection. Parameters as for `call`.
        """
        timeouts = self.timeouts(patient=patient, within=within)
        answer = await self.open(method, path, headers=headers, content=content, timeouts=timeouts)
        with answer.mapped_errors():
            try:
                yield answer.response
            finally:
                await answer.response.aclose()

    async def open(
        self,
        method: str,
        path: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        content: Content | None = None,
        timeouts: dict[str, float | None],
    ) -> Answer:
        """Send a request; gives its answer, which the caller must close.

        Args:
            method: the HTTP method.
            path: the encoded path and query.
            headers: sent as they are.
            content: the body.
            timeouts: seconds, as `timeouts` makes them.
        """
        self.check_open()
        headers = list(headers)
        body = None
        if content is not None and not isinstance(content, bytes):
            lengths = [int(value) for name, value in headers if name.lower() == "content-length"]
            body = CallersBody(content, lengths[0] if lengths else None)
        with _mapped_errors(self.url, body):
            response = await self._http.handle_async_request(
                self._request(method, path, headers, content if body is None else body, timeouts)
            )
        return Answer(response, self.url, body)

    def check_open(self) -> None:
        """Raise `Conflict` `client_closed` after `aclose`."""
        if self._closed:
            raise Conflict("client_closed", "the client is closed", "make a new one with create_client()")

    def timeouts(self, *, patient: bool = False, within: float | None = None) -> dict[str, float | None]:
        """The time-outs of one request, in seconds, as httpx takes them.

        Args:
            patient: whether the answer may take any time, and the taking of the body too.
            within: no step of it may take longer than this.
        """
        wait = self.timeout if within is None else within
        at_leisure = None if patient and within is None else wait
        return {
            "connect": CONNECT_SECONDS if wait is None else min(CONNECT_SECONDS, wait),
            "read": at_leisure,
            "write": at_leisure,
            "pool": wait,
        }

    def credentials(self) -> list[tuple[str, str]]:
        """The headers that say who calls: for this server and nobody else."""
        return [] if self._token is None else [("Hatchway-Token", self._token)]

    def target(self, path: str) -> bytes:
        """A path of the server as a request's target, below the URL's own path."""
        return self.base.raw_path.rstrip(b"/") + path.encode("ascii")

    def _request(
        self,
        method: str,
        path: str,
        headers: Iterable[tuple[str, str]],
        content: Content | None,
        timeouts: dict[str, float | None],
    ) -> httpx.Request:
        sent = [(name, field_value(name, value)) for name, value in headers]
        names = {name.lower() for name, _ in sent}
        if "user-agent" not in names:
            sent.append(("User-Agent", USER_AGENT.encode()))
        if "accept" not in names:
            sent.append(("Accept", b"*/*"))
        sent += [(name, value.encode()) for name, value in self.credentials()]
        request = httpx.Request(
            method,
            self.base,
            headers=[(name.encode("ascii"), value) for name, value in sent],
            content=content,
            extensions={"target": self.target(path), "timeout": timeouts},
        )
        # httpx puts it in upper case, but methods are case-sensitive (RFC 9110 section 9.1).
        request.method = method
        return request


class Answer:
    """An answer that has begun: its head is there, its body is still to be read."""

    def __init__(self, response: httpx.Response, url: str, body: CallersBody | None) -> None:
        self.response = response
        self._url = url
        self._body = body

    def mapped_errors(self) -> contextlib.AbstractContextManager[None]:
        """Inside, what goes wrong with the connection is raised as `ConnectionFailed`."""
        return _mapped_errors(self._url, self._body)


def json_body(body: Any) -> tuple[list[tuple[str, str]], bytes | None]:
    """The headers and the body of a call: JSON, or no body for None."""
    if body is None:
        return [("Accept", "application/json")], None
    return [("Accept", "application/json"), ("Content-Type", "application/json")], encode_json(body)


async def read_body(response: httpx.Response) -> bytes:
    """The bytes of the body as they came, in no way decoded."""
    return b"".join([chunk async for chunk in response.aiter_raw()])


async def read_answer(response: httpx.Response) -> bytes:
    """The body of an answer of the control API; raises what a refusal stands for."""
    body = await read_body(response)
    if response.status_code >= 400:
        raise refusal(response, body)
    if not 200 <= response.status_code <= 299:
        raise unexpected_answer(response.status_code)
    return body


async def check_ok(response: httpx.Response) -> None:
    """Raise unless the answer is 200: then its body is still to be read, piece by piece."""
    if response.status_code != 200:
        await read_answer(response)
        raise unexpected_answer(response.status_code)


def refusal(response: httpx.Response, body: bytes) -> HatchwayError:
    """What an answer that is a refusal by Hatchway stands for."""
    headers = response.headers
    return error_from_answer(
        response.status_code, body, headers.get("hatchway-error"), headers.get("retry-after")
    )


def field_value(name: str, value: str) -> bytes:
    """A header's value as the bytes that it is on the wire.

    Text beyond Latin-1 goes as UTF-8, which is what most services read it as.

    Raises:
        InvalidRequest: `invalid_header` for what is no valid Unicode text.
    """
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise InvalidRequest(
                "invalid_header", f"the value of the header {name} must be valid Unicode text"
            ) from None


@contextlib.contextmanager
def _mapped_errors(url: str, body: CallersBody | None) -> Iterator[None]:
    """Inside, httpx's errors become `HatchwayError`s; their text, which may hold anything, is left out."""
    try:
        yield
    except httpx.TransportError as error:
        if body is not None and body.failure is error:
            raise  # the caller's own, from streaming one answer into another request
        raise connection_error(error, url) from None
