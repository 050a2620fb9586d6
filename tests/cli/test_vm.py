from __future__ import annotations

import json

import pytest

from cli.conftest import Run
from client.stub_server import VM, VM_ID, StubServer, answer, refusal

INFO = {
    "id": VM_ID,
    "name": "vm",
    "key": ["team", "a/b"],
    "state": "asleep",
    "created_at": "2030-01-02T03:04:05.5Z",
}
SHOWN = {
    "id": VM_ID,
    "kind": "vm",
    "key": ["team", "a/b"],
    "state": "asleep",
    "created_at": "2030-01-02T03:04:05.500000Z",
}
VMS = ("GET", "/api/vms")


@pytest.fixture
def there(server: StubServer) -> StubServer:
    """A server that has the VM."""
    server.on(*VMS, answer({"vms": [INFO]}))
    server.on("GET", VM, answer(INFO))
    server.on("DELETE", VM, answer(None, "204 No Content"))
    return server


@pytest.fixture
def empty(server: StubServer) -> StubServer:
    """A server that has no VM."""
    server.on(*VMS, answer({"vms": []}))
    return server


async def test_the_list(run: Run, server: StubServer) -> None:
    other = {**INFO, "name": "builder", "key": ["b"], "state": "running"}
    server.on(*VMS, answer({"vms": [INFO, other]}))
    lines = [
        f"team/a\\/b\tvm\tasleep\t2030-01-02T03:04:05Z\t{VM_ID}\n",
        f"b\tbuilder\trunning\t2030-01-02T03:04:05Z\t{VM_ID}\n",
    ]
    ran = await run("vm", "list")
    assert (ran.code, ran.out.decode(), ran.err) == (0, "".join(lines), "")
    ran = await run("vm", "list", "--kind", "builder")
    assert ran.out.decode() == lines[1]
    ran = await run("vm", "list", "--json")
    assert json.loads(ran.out)[0] == SHOWN
    assert (len(json.loads(ran.out)), ran.err) == (2, "")


async def test_an_empty_list(run: Run, empty: StubServer) -> None:
    ran = await run("vm", "list")
    assert (ran.code, ran.out, ran.err) == (0, b"", "there are no VMs\n")
    ran = await run("vm", "list", "--json")
    assert (ran.code, ran.out, ran.err) == (0, b"[]\n", "")


async def test_a_vm_is_made_once(run: Run, empty: StubServer, there: StubServer) -> None:
    empty.on(*VMS, answer({"vms": []}), answer({"vms": [INFO]}))
    for expected in ("created\n", "it was there already\n"):
        ran = await run("vm", "create", "team/a\\/b")
        assert (ran.code, ran.out.decode(), ran.err) == (0, VM_ID + "\n", expected)
    made = there.to("POST", "/api/vms")
    assert [one.json() for one in made] == [{"name": "vm", "key": ["team", "a/b"]}]
    ran = await run("vm", "create", "team/a\\/b", "--json")
    assert (json.loads(ran.out), ran.err) == (SHOWN, "")


async def test_show(run: Run, there: StubServer) -> None:
    ran = await run("vm", "show", "team/a\\/b")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.decode() == (
        f"key\tteam/a\\/b\nkind\tvm\nstate\tasleep\ncreated\t2030-01-02T03:04:05Z\nid\t{VM_ID}\n"
    )
    ran = await run("vm", "show", "team/a\\/b", "--json")
    assert json.loads(ran.out) == SHOWN
    assert there.to("POST", "/api/vms") == []


@pytest.mark.parametrize("command", [["show"], ["destroy", "--yes"]])
async def test_a_vm_that_is_not_there(run: Run, empty: StubServer, command: list[str]) -> None:
    ran = await run("vm", *command, "team/agent")
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err.startswith("error: there is no VM of this kind with this key\n hint: ")
    assert {one.method for one in empty.received} == {"GET"}


async def test_nothing_is_destroyed_unasked(run: Run, there: StubServer) -> None:
    ran = await run("vm", "destroy", "team/agent", stdin=b"y\n")
    assert (ran.code, ran.out) == (1, b"")
    assert "error: nothing was destroyed" in ran.err
    assert " hint: give --yes" in ran.err
    assert there.received == []


async def test_destroying_with_yes(run: Run, there: StubServer) -> None:
    ran = await run("vm", "destroy", "team/agent", "--yes")
    assert (ran.code, ran.out, ran.err) == (0, b"", "destroyed\n")
    assert len(there.to("DELETE", VM)) == 1


@pytest.mark.parametrize(
    ("typed", "code", "end"),
    [
        ("y\n", 0, "destroyed\n"),
        ("n\n", 1, "nothing was destroyed\n"),
        ("\n", 1, "nothing was destroyed\n"),
        ("", 1, "nothing was destroyed\n"),
        ("Yes\n", 0, "destroyed\n"),
        ("yesterday\n", 1, "nothing was destroyed\n"),
    ],
)
async def test_destroying_asks_on_a_terminal(
    run: Run, there: StubServer, typed: str, code: int, end: str
) -> None:
    ran = await run("vm", "destroy", "team/agent", typed=typed)
    assert (ran.code, ran.out) == (code, b"")
    assert (
        "Destroy the VM team/a\\/b of the kind vm, with its files, processes and previews? [y/N]" in ran.err
    )
    assert ran.err.endswith(end)
    assert len(there.to("DELETE", VM)) == (code == 0)


async def test_refusals_are_told(run: Run, server: StubServer) -> None:
    server.on(*VMS, refusal("401 Unauthorized", "unauthorized"))
    for command in (["list"], ["create", "a"], ["show", "a"], ["destroy", "a", "--yes"]):
        ran = await run("vm", *command)
        assert (ran.code, ran.out) == (1, b"")
        assert "error: about unauthorized\n hint: a hint\n" in ran.err
