from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import hatchway
from client.stub_server import VM, VM_ID, StubServer, answer, refusal
from hatchway.client import AsyncClient, VmInfo, VmKind, create_client
from hatchway.errors import Conflict, InvalidRequest, NotFound


async def test_every_attribute_is_a_kind_of_vm(client: AsyncClient) -> None:
    assert isinstance(client.vm, VmKind)
    assert client.vm.name == "vm"
    assert client.builder.name == client.kind("builder").name == "builder"
    assert client.kind("_own").name == "_own"


async def test_python_itself_asks_for_no_kind(client: AsyncClient) -> None:
    assert not hasattr(client, "__deepcopy__")
    assert not hasattr(client, "_repr_html_")
    with pytest.raises(InvalidRequest) as caught:
        client.kind("a b")
    assert caught.value.code == "invalid_option"


async def test_get_or_create_does_no_io(client: AsyncClient, server: StubServer) -> None:
    agent = client.vm.get_or_create(["my-agent", "two"])
    assert agent.key == ("my-agent", "two")
    assert client.vm.get_or_create("one").key == ("one",)
    assert repr(agent) == f"{type(agent).__name__}(kind='vm', key=['my-agent', 'two'])"
    assert server.connections == 0


VM_INFO = {
    "id": VM_ID,
    "name": "vm",
    "key": ["my-agent", "a/b"],
    "state": "asleep",
    "created_at": "2030-01-02T03:04:05Z",
}


async def test_all_vms(client: AsyncClient, server: StubServer) -> None:
    server.on("GET", "/api/vms", answer({"vms": [VM_INFO, {**VM_INFO, "state": "running", "more": 1}]}))
    one, two = await client.list_vms()
    assert one == VmInfo(
        VM_ID, "vm", ("my-agent", "a/b"), "asleep", datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    )
    assert two == replace(one, state="running")
    server.on("GET", VM, answer(VM_INFO))
    assert await client.vm.get_or_create("a").info() == one


async def test_a_vm_that_is_there_is_found_and_none_is_made(client: AsyncClient, server: StubServer) -> None:
    server.on("GET", "/api/vms", answer({"vms": [VM_INFO]}))
    agent = await client.vm.get(["my-agent", "a/b c"])
    assert [one.target for one in server.received] == ["/api/vms?name=vm&key=my-agent/a%5C/b%20c"]
    assert agent.key == ("my-agent", "a/b c")
    server.on("GET", f"{VM}/files/exists", answer({"exists": True}), refusal("404 Not Found", "vm_not_found"))
    assert await agent.exists("/x")
    assert len(server.received) == 2, "it is looked up once"
    server.on("GET", "/api/vms", answer({"vms": []}))
    for _ in range(2):
        with pytest.raises(NotFound) as caught:
            await agent.exists("/x")
        assert caught.value.code == "vm_not_found"
        with pytest.raises(NotFound) as caught:
            await agent.info()
        assert caught.value.code == "vm_not_found"
        with pytest.raises(NotFound) as caught:
            await client.vm.get("a")
        assert caught.value.code == "vm_not_found"
    assert await agent.list_previews() == []
    await agent.destroy()
    assert {one.method for one in server.received} == {"GET"}


async def test_an_agent_that_makes_none_follows_the_key(client: AsyncClient, server: StubServer) -> None:
    server.on("GET", "/api/vms", answer({"vms": [VM_INFO]}), answer({"vms": [{**VM_INFO, "id": "second"}]}))
    server.on("GET", f"{VM}/files/exists", refusal("404 Not Found", "vm_not_found"))
    server.on("GET", "/api/vms/second/files/exists", answer({"exists": True}))
    agent = await client.vm.get("my-agent")
    assert await agent.exists("/x")


@pytest.mark.parametrize("key", ["", [], ["x" * 129], [1], None])
async def test_bad_keys_find_nothing(client: AsyncClient, server: StubServer, key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await client.vm.get(key)
    assert caught.value.code == "invalid_key"
    assert server.received == []


@pytest.mark.parametrize("key", ["", [], ["x" * 129], [1], None])
async def test_bad_keys_are_refused_at_once(client: AsyncClient, key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.vm.get_or_create(key)
    assert caught.value.code == "invalid_key"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6420",
        "ftp://localhost",
        "http://",
        "http://h/?x=1",
        "http://h/#x",
        "http://h:port",
        None,
        5,
    ],
)
def test_what_is_no_server(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        AsyncClient(url)
    assert caught.value.code == "invalid_url"


def test_a_credential_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidRequest) as caught:
        AsyncClient("http://me:hunter2@localhost:6420")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "a b", "a\n", "ü"])
def test_what_is_no_api_token(token: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        AsyncClient(token=token)
    assert caught.value.code == "invalid_token"


async def test_the_token_is_sent_and_never_shown(server: StubServer) -> None:
    server.on("DELETE", "/api/vms/vm00000000000000001a", answer(None, "204 No Content"))
    async with AsyncClient(server.url, token="hunter2") as client:
        agent = client.vm.get_or_create("a")
        await agent.destroy()
        assert "hunter2" not in repr(client) + repr(agent) + repr(client.vm)
    assert [one.values("hatchway-token") for one in server.received] == [["hunter2"], ["hunter2"]]


async def test_the_token_comes_from_the_environment(
    server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("DELETE", "/api/vms/vm00000000000000001a", answer(None, "204 No Content"))
    for value, sent in (("from-env", ["from-env"]), ("", [])):
        monkeypatch.setenv("HATCHWAY_TOKEN", value)
        async with create_client(server.url) as client:
            await client.vm.get_or_create("a").destroy()
        assert server.received[-1].values("hatchway-token") == sent


async def test_a_closed_client_says_so(client: AsyncClient) -> None:
    agent = client.vm.get_or_create("a")
    await client.aclose()
    await client.aclose()
    with pytest.raises(Conflict) as caught:
        await agent.exists("/x")
    assert caught.value.code == "client_closed"


async def test_a_server_behind_a_path(server: StubServer) -> None:
    server.on("POST", "/some/where/api/vms", answer({"id": "x"}))
    server.on("GET", "/some/where/api/vms/x/files/exists", answer({"exists": True}))
    async with AsyncClient(server.url + "/some/where/") as client:
        assert client.url == server.url + "/some/where"
        assert await client.vm.get_or_create("a").exists("/x")


def test_the_package_offers_the_client() -> None:
    assert hatchway.create_client is hatchway.AsyncClient is AsyncClient
    assert copy.copy(hatchway.errors.NotFound("a", "b", "c")).code == "a"
    assert pickle.loads(pickle.dumps(hatchway.errors.NotFound("a", "b", "c"))).hint == "c"
