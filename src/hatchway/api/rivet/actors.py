"""What a client asks before its first action: metadata, and VMs as the actors that it knows."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hatchway.api.bodies import write_json
from hatchway.api.rivet.actor_key import format_actor_key, parse_actor_key
from hatchway.api.rivet.actor_target import ById, ByKey
from hatchway.api.rivet.endpoint import read_body
from hatchway.api.services import Services
from hatchway.api.targets import check_vm_id
from hatchway.errors import Conflict, InvalidRequest, NotFound
from hatchway.vm.records import VmInfo


class _ActorRequest(msgspec.Struct):
    """What a client wants to get or make. What else it says is about servers of another kind."""

    name: str
    key: str = "/"


async def metadata(services: Services, _request: Request) -> Response:
    """Say what server this is. Until it has this answer a client does nothing."""
    return write_json({"runtime": "hatchway", "version": services.version})


async def find(services: Services, request: Request) -> Response:
    """The actors that a query names: by ids, or of a kind and maybe a key."""
    query = request.query_params
    if "actor_ids" in query:
        infos = [await _of_id(services, each) for each in query["actor_ids"].split(",")[:100]]
        found = [info for info in infos if info is not None]
    else:
        key = parse_actor_key(query["key"]) if "key" in query else None
        found = await services.list_vms(query.get("name"), key)
    return write_json({"actors": [_actor(info) for info in found]})


async def get_or_create(services: Services, request: Request) -> Response:
    """The VM of a kind and key as an actor; it is made if there is none."""
    asked = await _asked(request)
    info, created = await services.get_or_create_vm(asked.name, parse_actor_key(asked.key))
    return write_json({"actor": _actor(info), "created": created})


async def create(services: Services, request: Request) -> Response:
    """Make a VM; there must be none with its key."""
    asked = await _asked(request)
    info, created = await services.get_or_create_vm(asked.name, parse_actor_key(asked.key))
    if not created:
        raise Conflict(
            "key_in_use", "there is a VM with this kind and key", "use getOrCreate, or another key"
        )
    return write_json({"actor": _actor(info)})


async def destroy(services: Services, request: Request) -> Response:
    """End a VM."""
    await services.destroy_vm(check_vm_id(request.path_params["actor_id"]))
    return write_json({})


async def vm_of(services: Services, target: ById | ByKey) -> str:
    """The id of the VM that a URL names, which is made if its client wants that.

    Raises:
        NotFound: `vm_not_found`, `unknown_vm_kind`.
    """
    if isinstance(target, ById):
        return check_vm_id(target.id)
    if target.may_create:
        return (await services.get_or_create_vm(target.kind, target.key))[0].id
    found = await services.list_vms(target.kind, target.key)
    if not found:
        raise NotFound("vm_not_found", "there is no VM with this kind and key", "getOrCreate makes it")
    return found[0].id


async def _asked(request: Request) -> _ActorRequest:
    try:
        return msgspec.json.decode(await read_body(request), type=_ActorRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("invalid_request", "the body must be an object with a name and a key") from None


async def _of_id(services: Services, text: str) -> VmInfo | None:
    try:
        return await services.get_vm(check_vm_id(text))
    except NotFound:
        return None


def _actor(info: VmInfo) -> dict[str, Any]:
    made = int(info.created_at * 1000)
    return {
        "actor_id": info.id,
        "name": info.name,
        "key": format_actor_key(info.key),
        "namespace_id": "default",
        "runner_name_selector": "default",
        "create_ts": made,
        "connectable_ts": made,
        "start_ts": made,
        "sleep_ts": None,
        "destroy_ts": None,
    }
