"""The data plane: one listener that relays HTTP/1.1 and upgrades into VMs and to the control API.

A request's way through the modules:

- `listener`: accepts connections; graceful stop.
- `downstream`: one client connection: feeds llhttp (httptools), one exchange at a time, pipelining, back-pressure.
- `framing`: the strictness that llhttp leaves to us (RFC 9112). Pure.
- `destination`: what a request head addresses: a preview, a VM's port, or the control API. Pure.
- `seam`: the two calls by which the gateway knows the rest of the system, `resolve` and `dial`.
- `rewrite`: the head as the upstream sees it and as the client sees the answer. Pure.
- `pool`: keep-alive connections per upstream.
- `upstream`: one connection to a service: writes the request, parses the answer.
- `tunnel`: bytes both ways after an upgrade.
- `cors`: preflight and the headers of a preview's answers. Pure.
- `problem_pages`: every answer the gateway makes itself, as a page or JSON by Accept. Pure.

Only `listener`, `downstream`, `upstream`, `pool` and `tunnel` do I/O. `hatchway.gateway.memory` is the in-memory backend that
drives the gateway's tests and lets others test against the gateway without a VM.
"""
