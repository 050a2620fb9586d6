"""The data plane: one listener that relays HTTP/1.1 and upgrades into VMs and to the control API.

A request's way through the modules:

- `listener`: accepts connections, keeps their books, stops gracefully.
- `downstream`: one client connection: one exchange at a time, pipelining, back-pressure.
- `framing`: where a message begins and ends, strictly (RFC 9112); `body`: the same for its body. Pure.
- `flow`: why reading is paused, and how an end is made to show.
- `plan`: what a request head means; `request_shape`: the part of it that has nothing to do with the target;
  `plan_book`: both, remembered for heads that repeat. Pure.
- `destination`: what a request head addresses: a preview, a VM's port, or the control API. Pure.
- `seam`: the two calls by which the gateway knows the rest of the system, `resolve` and `dial`.
- `decision`: a decision that does not come at once.
- `exchange`: one request and its answer: the retry, early answers, and every way it can break.
- `rewrite_request`: the head as the service sees it; `forwarded`: who asked, as the service is told. Pure.
- `answers`: an answer as the client gets it, remembered for heads that repeat; `rewrite_answer`: its head. Pure.
  `answer_shape`: what heads have in common that differ only in values. Pure.
- `service_view`: a request's addresses from outside and inside; `hop_by_hop`: what is not passed on;
  `recent`: a memory of bounded size. Pure.
- `pool`: keep-alive connections per upstream.
- `upstream`: one connection to a service: writes the request, parses the answer.
- `tunnel`: bytes both ways after an upgrade; `websocket`: how to end one politely. The latter is pure.
- `live_grants`: what is open under a grant, so that the end of the grant ends it.
- `cors`: preflight and the headers of a preview's answers. Pure.
- `problem_pages`: every refusal, as a page or JSON by Accept; `own_answers`: what else needs no service. Pure.
- `limits`: sizes and times.
- `link_unfurlers`: who only shows what is behind a link. Pure.
- `tls`: the listener's certificate and key.

Only `listener`, `downstream`, `exchange`, `upstream`, `pool`, `flow` and `tunnel` do I/O. `hatchway.gateway.memory`
is the in-memory backend that drives the gateway's tests and lets others test against the gateway without a
VM.
"""
