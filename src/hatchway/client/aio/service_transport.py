"""An httpx transport whose network is one VM: whatever is sent goes to a port inside."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

import httpx

from hatchway.client.aio.callers_body import Content
from hatchway.client.aio.transport import Answer, read_body, refusal
from hatchway.client.aio.vm_calls import VmCalls
from hatchway.client.fetch_request import fetch_headers, vm_port


class ServiceTransport(httpx.AsyncBaseTransport):
    """Reaches the services of one VM.

    URLs name them as the VM itself would: `http://localhost:{port}/…`. Errors of the way there are `HatchwayError`s.
    """

    def __init__(self, calls: VmCalls) -> None:
        self._calls = calls

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        port = vm_port(request.url)
        content: Content | None
        try:
            content = request.content or None
        except httpx.RequestNotRead:
            stream = request.stream
            assert isinstance(stream, AsyncIterable)  # httpx has checked that it is of the client's kind
            content = stream
        answer = await self.open(
            request.method,
            port,
            request.url.raw_path.decode("ascii"),
            fetch_headers(request.headers, has_length=content is None or isinstance(content, bytes)),
            content,
            request.extensions.get("timeout") or self._calls.transport.timeouts(),
        )
        response = answer.response
        return httpx.Response(
            response.status_code,
            headers=response.headers.raw,
            stream=_ServiceStream(answer),
            extensions={
                name: value
                for name, value in response.extensions.items()
                if name in ("http_version", "reason_phrase")
            },
        )

    async def open(
        self,
        method: str,
        port: int,
        target: str,
        headers: list[tuple[str, str]],
        content: Content | None,
        timeouts: dict[str, float | None],
    ) -> Answer:
        """Send a request to a service; gives its answer, which the caller must close.

        Raises:
            HatchwayError: Hatchway's own refusals; an answer of the service is none, whatever its status.
        """

        async def send(vm: str) -> Answer:
            answer = await self._calls.transport.open(
                method, f"{vm}/ports/{port}{target}", headers=headers, content=content, timeouts=timeouts
            )
            if "hatchway-error" in answer.response.headers:
                try:
                    with answer.mapped_errors():
                        said = await read_body(answer.response)
                finally:
                    await answer.response.aclose()
                raise refusal(answer.response, said)
            return answer

        return await self._calls.on_vm(send, replayable=content is None or isinstance(content, bytes))


class _ServiceStream(httpx.AsyncByteStream):
    """The body of a service's answer, in pieces as they come."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._answer.mapped_errors():
            async for piece in self._answer.response.aiter_raw():
                yield piece

    async def aclose(self) -> None:
        await self._answer.response.aclose()
