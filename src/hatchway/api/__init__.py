"""The control plane: JSON over HTTP for VMs, files, processes and previews.

An ASGI app; the gateway stands before it, and has asked `access` by the time a request arrives here.

- `app`: the Starlette app: routes, and what is answered where no route is.
- `services`: the operations of the system behind the API, as a Protocol; the server implements it. Parts of it:
  `life_actions`, `port_actions`, `service_actions`, `shell_actions`.
- `operation`: what the table of operations says of each: path, bodies, answers, errors.
- `routes`: that table; routing and the OpenAPI document are both made from it, so they cannot drift.
- `endpoint`: runs one operation; its one error handler makes every refusal a `Problem`. `sockets`: the same for those
  that speak WebSocket.
- `vms`, `life`, `declared_services`, `processes`, `process_io`, `execution`, `ports`, `shells`, `previews`, `about`:
  the operations, one module per noun; those on files in `files` (their content), `file_tree`, `file_listing`,
  `file_archive`, with `file_queries`, `file_errors`.
- `disks`: the operations on disks; `disk_schemas`: their bodies; `disk_actions`: what they need of the system.
- `events`: all that happens in a VM, over one WebSocket; `event_actions`: what its client asks for there.
- `cron`: the operations on cron jobs; `cron_schemas`: their bodies; `cron_actions`: what they need of the system.
- `schemas`: request and answer bodies as msgspec Structs; unknown fields are refused. `preview_schemas`: those of
  previews, `process_schemas`: of processes, `file_schemas`: of files, `service_schemas`: of declared services,
  `disk_schemas`: of disks, `shell_schemas`: of shells; `event_schemas`: the messages of events.
- `targets`: what a path names: a VM, a process, a service, a shell, a preview.
- `rivet`: the wire protocol of the npm package `rivetkit`, for clients written for it.
- `problems`: refusals as answers, and what the log says of the unforeseen.
- `bodies`: reading a JSON body within its limits, writing one.
- `query`, `paths`, `commands`: the validation of what a request names. Pure.
- `guest_bytes`: an answer of a guest's bytes; `lines`: one made of lines of JSON; `streamed_body`: a request's body as
  it comes; `disconnect`: all of them end work whose client has gone.
- `access`: who may call at all: Host, cross-site and token checks. Pure; asked by the gateway's backend.
- `openapi`: the document. Pure.
"""
