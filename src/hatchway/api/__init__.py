"""The control plane: JSON over HTTP for VMs, files, processes and previews.

An ASGI app; the gateway stands before it.

- `app`: the Starlette app and its one error handler: every refusal is `{code, message, hint}`.
- `schemas`: request and answer bodies as msgspec Structs; unknown fields are refused.
- `routes`: one table of all operations; the OpenAPI document is made from it, so it cannot drift.
- `vms`, `files`, `processes`, `previews`: the operations, one module per noun.
- `access`: who may call at all: Host, cross-site and token checks. Pure; asked by the gateway's backend.
- `openapi`: the document. Pure.
"""
