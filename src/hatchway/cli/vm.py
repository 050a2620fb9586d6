"""`hatchway vm list|create|show|disk|wake|pause|sleep|idle|destroy`: the VMs of a server."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from hatchway.cli import vm_states
from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    JsonOption,
    KeyArgument,
    KindOption,
    UrlOption,
    with_client,
    with_existing,
)
from hatchway.cli.sizes import size
from hatchway.cli.tables import HOW_LISTS_ARE_PRINTED, moment, show_fields, show_json, show_list
from hatchway.cli.terminal import confirm, say
from hatchway.client import Agent, AsyncClient, VmInfo
from hatchway.errors import InvalidRequest, NotFound
from hatchway.printable import printable
from hatchway.vm.key import format_key, unformat_key

app = typer.Typer(help="The VMs of a server.", no_args_is_help=True)
for change in (vm_states.wake, vm_states.pause, vm_states.sleep, vm_states.idle):
    app.command()(change)


@app.command("list", help=f"List all VMs, oldest first. {HOW_LISTS_ARE_PRINTED}")
def show_all(
    kind: Annotated[str | None, typer.Option("--kind", help="Only VMs of this kind.")] = None,
    as_json: JsonOption = False,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """List all VMs."""

    async def find(client: AsyncClient) -> list[VmInfo]:
        return [vm for vm in await client.list_vms() if kind in (None, vm.kind)]

    vms = with_client(url, find)
    if as_json:
        show_json([_json(vm) for vm in vms])
        return
    show_list(
        ("KEY", "KIND", "STATE", "CREATED", "ID"),
        [(format_key(vm.key), vm.kind, vm.state, moment(vm.created_at), vm.id) for vm in vms],
        nothing="there are no VMs",
    )


@app.command()
def create(
    key: KeyArgument,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Make the VM with a key, unless it is there, and print its id. It starts when it is first used."""

    async def make(client: AsyncClient) -> tuple[VmInfo, bool]:
        kinds, parts = client.kind(kind), list(unformat_key(key))
        try:
            agent, made = await kinds.get(parts), False
        except NotFound as error:
            if error.code != "vm_not_found":
                raise
            agent, made = kinds.get_or_create(parts), True
        return await agent.info(), made

    vm, made = with_client(url, make)
    if as_json:
        show_json(_json(vm))
        return
    sys.stdout.write(vm.id + "\n")
    say("created" if made else "it was there already")


@app.command()
def show(
    key: KeyArgument,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Show one VM. None is made, and it is not started."""
    vm = with_existing(url, kind, key, lambda agent: agent.info())
    if as_json:
        show_json(_json(vm))
        return
    show_fields(
        (
            ("key", format_key(vm.key)),
            ("kind", vm.kind),
            ("state", vm.state),
            ("created", moment(vm.created_at)),
            ("id", vm.id),
        )
    )


@app.command()
def disk(
    key: KeyArgument,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Show what a VM's files take of the server's disk, and what they may. It is not started."""
    usage = with_existing(url, kind, key, lambda agent: agent.disk_usage())
    if as_json:
        show_json({"bytes": usage.bytes, "limit": usage.limit})
        return
    limit = "none" if usage.limit is None else size(usage.limit)
    show_fields((("used", size(usage.bytes)), ("limit", limit)))


@app.command()
def destroy(
    key: KeyArgument,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; needed where there is no terminal.")
    ] = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Destroy a VM with its files, processes and previews. On a terminal it asks before."""
    if not yes and not sys.stdin.isatty():
        raise InvalidRequest(
            "not_confirmed",
            "nothing was destroyed: there is no terminal to ask for a confirmation",
            "give --yes if it is meant",
        )

    async def end(agent: Agent) -> bool:
        if not yes:
            vm = await agent.info()
            name = printable(format_key(vm.key), one_line=True)
            question = f"Destroy the VM {name} of the kind {vm.kind}, with its files, processes and previews?"
            if not confirm(question):
                return False
        await agent.destroy()  # the very VM that was asked about: the agent knows its id by now
        return True

    if not with_existing(url, kind, key, end):
        say("nothing was destroyed")
        raise typer.Exit(1)
    say("destroyed")


def _json(vm: VmInfo) -> dict[str, Any]:
    return {
        "id": vm.id,
        "kind": vm.kind,
        "key": list(vm.key),
        "state": vm.state,
        "created_at": vm.created_at.isoformat().replace("+00:00", "Z"),
    }
