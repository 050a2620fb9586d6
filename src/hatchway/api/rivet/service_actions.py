"""Actions on the services in a VM."""

from __future__ import annotations

from typing import Any

from msgspec import field

from hatchway.api.rivet.arguments import Arguments, Options, as_bytes
from hatchway.api.rivet.vm_fetch import ServiceRequest, fetch
from hatchway.api.services import Services
from hatchway.client.fetch_request import fetch_headers, fetch_method, fetch_target
from hatchway.preview.grant import validate_port


class _Fetch(Options):
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


async def vm_fetch(services: Services, vm: str, values: list[Any]) -> Any:
    """`vmFetch(port, url, {method?, headers?, body?})`: `{status, statusText, headers, body, rawHeaders}`.

    Of headers that are repeated `headers` holds the values with commas between them, as a browser's `Headers` do, and
    `rawHeaders` each as it came.
    """
    arguments = Arguments("vmFetch", values, 3)
    port = validate_port(arguments.anything(0))
    options = arguments.options(2, _Fetch)
    body = b"" if options.body is None else as_bytes(options.body, "body")
    request = ServiceRequest(
        fetch_method(options.method),
        fetch_target(arguments.text(1, "url")),
        fetch_headers(options.headers, has_length=True),
        body,
    )
    async with services.connect(vm, port) as sock:
        answer = await fetch(sock, port, request)
    joined: dict[str, str] = {}
    for name, value in answer.headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return {
        "status": answer.status,
        "statusText": answer.reason,
        "headers": joined,
        "body": answer.body,
        "rawHeaders": [[name, value] for name, value in answer.headers],
    }


ACTIONS = {"vmFetch": vm_fetch}
