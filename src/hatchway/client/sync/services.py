# Written by tools/generate-sync-client from hatchway/client/aio/services.py.
"""HTTP and WebSocket to the services in one VM."""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from hatchway.client.answers import FetchResponse
from hatchway.client.fetch_request import (
    HeadersLike,
    check_port,
    fetch_headers,
    fetch_method,
    fetch_target,
)
from hatchway.client.parameters import check_timeout
from hatchway.client.sync.callers_body import Body, content
from hatchway.client.sync.concurrency import time_limit
from hatchway.client.sync.service_transport import ServiceTransport
from hatchway.client.sync.transport import field_value
from hatchway.client.sync.vm_calls import VmActions
from hatchway.client.sync.websocket import OpenedWebSocket, open_websocket
from hatchway.errors import ConnectionFailed


class Services(VmActions):
    """What an agent does with the services that listen in its VM."""

    def http(
        self, port: int, *, headers: HeadersLike | None = None, follow_redirects: bool = False
    ) -> httpx.Client:
        """An httpx client whose network is the VM: `agent.http(3000).get("/")`.

        It is httpx's own client, with cookies, streaming both ways, and whatever else it can do; URLs are relative to
        `http://localhost:{port}`. Use it in `with`, or close it. Making it does no I/O.

        Args:
            port: the TCP port that the service listens on.
            headers: sent with every request.
            follow_redirects: whether redirects are followed, within the VM.

        Raises:
            InvalidRequest: `invalid_port`, `invalid_header`. A request for any other host raises `not_in_vm`.
        """
        fields = fetch_headers(headers, has_length=False)
        return httpx.Client(
            transport=ServiceTransport(self._vm),
            base_url=f"http://localhost:{check_port(port)}",
            # As bytes: httpx takes no text beyond ASCII.
            headers=[(name.encode("ascii"), field_value(name, value)) for name, value in fields],
            timeout=self._vm.transport.timeout,
            follow_redirects=follow_redirects,
            trust_env=False,
        )

    def websocket(
        self,
        port: int,
        path: str = "/",
        *,
        headers: HeadersLike | None = None,
        subprotocols: Sequence[str] = (),
        max_size: int | None = None,
    ) -> OpenedWebSocket:
        """A WebSocket to a service in the VM: `with agent.websocket(3000, "/chat") as socket`.

        Args:
            port: the TCP port that the service listens on.
            path: a path, as for `vm_fetch`.
            headers: sent with the handshake.
            subprotocols: what is offered, best first.
            max_size: the longest message that is taken, in bytes; None: any.

        Returns:
            What gives a connection of the `websockets` library, by `await` or by `with`, which closes it.

        Raises:
            InvalidRequest: `invalid_port`, `invalid_url`, `invalid_header`.
            HatchwayError: when connecting: `websocket_refused`, where the service answers with something else;
                Hatchway's own refusals; `ConnectionFailed`.
        """
        return open_websocket(
            self._vm,
            check_port(port),
            fetch_target(path),
            fetch_headers(headers, has_length=False),
            list(subprotocols),
            max_size,
        )

    def vm_fetch(
        self,
        port: int,
        url: str = "/",
        *,
        method: str = "GET",
        headers: HeadersLike | None = None,
        body: Body | None = None,
        timeout: float | None = None,
    ) -> FetchResponse:
        """Send an HTTP request to a service in the VM.

        The service's answer is given as it came: redirects are not followed, bodies not decoded, repeated
        headers all there, cookies not kept. No `Accept-Encoding` is sent unless it is among `headers`, so
        that services have no reason to compress.

        Args:
            port: the TCP port that the service listens on.
            url: a path with or without its leading `/`, or an http(s) URL whose host and port are ignored; a
                query is sent, a fragment is not.
            method: any HTTP method.
            headers: a mapping or pairs. `Authorization` and `Cookie` go to the service; `Host` is always
                `localhost:{port}`, and headers of the connection are left out. An `Origin` makes the call look
                like a page's: the server refuses any but its own (`cross_site`).
            body: text (as UTF-8), bytes, or an iterable of bytes, which is streamed.
            timeout: seconds for the whole call, instead of the client's time-out without progress.

        Returns:
            The answer, also one with status 400 or above.

        Raises:
            InvalidRequest: `invalid_port`, `invalid_url`, `invalid_method`, `invalid_header`, `invalid_body`.
            Unavailable: `port_closed`: nothing listens on that port, and nothing began to while the request was held;
                `process_exited`: nor will it, since the program spawned last has ended: `details` has its exit code,
                signal and last lines of stderr.
            HatchwayError: other refusals by Hatchway itself, never by the service.
        """
        checked = check_port(port)
        data = None if body is None else content(body)
        limit = check_timeout(timeout)
        token = fetch_method(method)
        target = fetch_target(url)
        sent = fetch_headers(headers, has_length=data is None or isinstance(data, bytes))
        try:
            with time_limit(limit) as deadline:
                answer = ServiceTransport(self._vm).open(
                    token,
                    checked,
                    target,
                    sent,
                    data,
                    self._vm.transport.timeouts(patient=limit is not None, within=deadline.left()),
                )
                pieces = []
                try:
                    with answer.mapped_errors():
                        for piece in answer.response.iter_raw():
                            pieces.append(piece)
                            deadline.check()
                finally:
                    answer.response.close()
        except TimeoutError:
            if not deadline.expired():
                raise  # the caller's own, from a body that it streams
            raise ConnectionFailed(
                "timeout", f"port {port} of the VM did not answer within {limit:g} s", "pass a longer timeout"
            ) from None
        response = answer.response
        return FetchResponse(response.status_code, response.reason_phrase, response.headers, b"".join(pieces))
