"""The one place that speaks HTTP (httpx) and turns its troubles into `HatchwayError`s.

It stands on httpx's transport rather than its client: nothing is added to a request (no `Accept-Encoding`),
no cookie is kept, no redirect is followed or even parsed, and no proxy from the environment applies.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, TypeVar

import httpx
import msgspec

from hatchway import __version__
from hatchway.client.parameters import Content, check_timeout, encode_json
from hatchway.client.problems import UNREADABLE, error_from_answer, unexpected_answer
from hatchway.errors import Conflict, ConnectionFailed, HatchwayError, InvalidRequest

T = TypeVar("T")

_TOKEN = re.compile(r"[!-~]+")

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

    Raises:
        InvalidRequest: `invalid_url`, `invalid_token`, `invalid_timeout`, `invalid_certificates`.
    """

    def __init__(self, url: str, token: str | None, timeout: float | None) -> None:
        self.url, self._base = _parse_base(url)
        if token is not None and _TOKEN.fullmatch(token) is None:
            raise InvalidRequest(
                "invalid_token",
                "the API token must be visible ASCII characters without spaces",
                "check HATCHWAY_TOKEN",
            )
        self._token = token
        self._timeout = check_timeout(timeout)
        self._closed = False
        # verify=False for plain HTTP only: it spares the loading of certificates that are not used.
        self._http = httpx.AsyncHTTPTransport(
            verify=_trusted_certificates() if self._base.scheme == "https" else False,
            trust_env=False,
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
        self, method: str, path: str, answer: type[T], *, body: Any = None, patient: bool = False
    ) -> T:
        """One call of the control API with a JSON answer.

        Args:
            method: the HTTP method.
            path: the encoded path and query, beginning with `/api/`.
            answer: the type that the answer is read as.
            body: sent as JSON unless it is None.
            patient: whether the answer may take any time.

        Raises:
            HatchwayError: what the server says, or `ConnectionFailed`.
        """
        headers = [("Accept", "application/json")]
        content = None
        if body is not None:
            headers.append(("Content-Type", "application/json"))
            content = encode_json(body)
        async with self.send(method, path, headers=headers, content=content, patient=patient) as response:
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
        content: Content = None,
        patient: bool = False,
    ) -> AsyncIterator[httpx.Response]:
        """Send a request; gives its answer, whatever its status, with the body still to be read.

        Troubles of the connection, also those met while the body is read inside the block, are raised as
        `ConnectionFailed`. Leaving the block early closes the connection. Parameters as for `call`.
        """
        if self._closed:
            raise Conflict("client_closed", "the client is closed", "make a new one with create_client()")
        headers = list(headers)
        body = None
        if content is not None and not isinstance(content, bytes):
            lengths = [int(value) for name, value in headers if name.lower() == "content-length"]
            body = _CallersBody(content, lengths[0] if lengths else None)
        with _mapped_errors(self.url, body):
            response = await self._http.handle_async_request(
                self._request(method, path, headers, content if body is None else body, patient=patient)
            )
            try:
                yield response
            finally:
                await response.aclose()

    def _request(
        self, method: str, path: str, headers: Iterable[tuple[str, str]], content: Content, *, patient: bool
    ) -> httpx.Request:
        sent = [(name, _field_value(name, value)) for name, value in headers]
        names = {name.lower() for name, _ in sent}
        if "user-agent" not in names:
            sent.append(("User-Agent", f"hatchway/{__version__}".encode()))
        if "accept" not in names:
            sent.append(("Accept", b"*/*"))
        if self._token is not None:
            sent.append(("Hatchway-Token", self._token.encode()))
        wait = None if patient else self._timeout
        connect = CONNECT_SECONDS if self._timeout is None else min(CONNECT_SECONDS, self._timeout)
        target = self._base.raw_path.rstrip(b"/") + path.encode("ascii")
        request = httpx.Request(
            method,
            self._base,
            headers=[(name.encode("ascii"), value) for name, value in sent],
            content=content,
            extensions={
                "target": target,
                "timeout": {"connect": connect, "read": wait, "write": self._timeout, "pool": self._timeout},
            },
        )
        # httpx puts it in upper case, but methods are case-sensitive (RFC 9110 section 9.1).
        request.method = method
        return request


class _CallersBody:
    """A streamed request body: as long as declared, and remembering what the caller's iterable raised."""

    def __init__(self, chunks: AsyncIterable[bytes], length: int | None) -> None:
        self._chunks = chunks
        self._length = length
        self.failure: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        sent = 0
        try:
            async for chunk in self._chunks:
                given: object = chunk
                if not isinstance(given, (bytes, bytearray, memoryview)):
                    raise InvalidRequest(
                        "invalid_body", f"a streamed body must yield bytes, not {type(given).__name__}"
                    )
                piece = bytes(given)
                sent += len(piece)
                if self._length is not None and sent > self._length:
                    raise _other_length(self._length, "more")
                if piece:  # an empty chunk would end a chunked body
                    yield piece
            if self._length is not None and sent < self._length:
                raise _other_length(self._length, f"only {sent}")
        except Exception as error:
            self.failure = error
            raise


def _other_length(declared: int, yielded: str) -> InvalidRequest:
    return InvalidRequest(
        "invalid_body",
        f"the streamed body was to have {declared} bytes and has {yielded}",
        "leave Content-Length out, or make it right",
    )


def _field_value(name: str, value: str) -> bytes:
    # Header values are bytes; text beyond Latin-1 goes as UTF-8, which is what most services read it as.
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise InvalidRequest(
                "invalid_header", f"the value of the header {name} must be valid Unicode text"
            ) from None


def _trusted_certificates() -> ssl.SSLContext:
    """Those that httpx trusts: in SSL_CERT_FILE or SSL_CERT_DIR if either is set, else those that come with it."""
    try:
        return httpx.create_ssl_context(trust_env=True)
    except OSError:  # ssl.SSLError among them
        raise InvalidRequest(
            "invalid_certificates",
            "the certificates to trust cannot be read",
            "check SSL_CERT_FILE, which must name a PEM file, and SSL_CERT_DIR",
        ) from None


def _parse_base(url: str) -> tuple[str, httpx.URL]:
    hint = 'give something like "http://localhost:6420"'
    try:
        base = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise InvalidRequest("invalid_url", "the server's URL cannot be read", hint) from None
    if base.userinfo:
        # The URL is not repeated: it holds a credential.
        raise InvalidRequest(
            "invalid_url", "the server's URL must not hold a user name or password", "pass token=… instead"
        )
    if base.scheme not in ("http", "https") or not base.host or base.query or base.fragment:
        raise InvalidRequest("invalid_url", f"{str(base)!r} is not the URL of a server", hint)
    return str(base).rstrip("/"), base


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


def refusal(response: httpx.Response, body: bytes) -> HatchwayError:
    """What an answer that is a refusal by Hatchway stands for."""
    headers = response.headers
    return error_from_answer(
        response.status_code, body, headers.get("hatchway-error"), headers.get("retry-after")
    )


@contextlib.contextmanager
def _mapped_errors(url: str, body: _CallersBody | None) -> Iterator[None]:
    """Inside, httpx's errors become `HatchwayError`s; their text, which may hold anything, is left out."""
    try:
        yield
    except httpx.TransportError as error:
        if body is not None and body.failure is error:
            raise  # the caller's own, from streaming one answer into another request
        raise _error_from_httpx(error, url) from None


def _tls_failure(error: BaseException) -> ssl.SSLError | None:
    """What went wrong in the handshake, if that is why there is no connection."""
    cause: BaseException | None = error if isinstance(error, httpx.ConnectError) else None
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause


def _error_from_httpx(error: httpx.TransportError, url: str) -> HatchwayError:
    tls = _tls_failure(error)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return ConnectionFailed(
            "certificate_not_trusted",
            f"the certificate of {url} cannot be trusted: {tls.verify_message}",
            "call the server by a name in its certificate; name your own certificate authority in SSL_CERT_FILE",
        )
    if tls is not None:
        return ConnectionFailed(
            "tls_failed",
            f"no TLS connection could be made to {url}",
            "check that the server speaks TLS there",
        )
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return ConnectionFailed(
            "server_unreachable", f"no Hatchway server answers at {url}", "start one with: hatchway serve"
        )
    if isinstance(error, httpx.TimeoutException):
        return ConnectionFailed(
            "timeout",
            "the server made no progress in time",
            "pass a longer timeout to this call, or to create_client()",
        )
    if isinstance(error, httpx.LocalProtocolError):
        return InvalidRequest(
            "invalid_request",
            "the request cannot be sent as HTTP",
            "check its headers",
        )
    return ConnectionFailed(
        "connection_lost", f"the connection to {url} broke off", "try again; the server's log may say more"
    )
