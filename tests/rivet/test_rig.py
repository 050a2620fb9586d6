"""The rig: the npm client, driven from Python, says to a server what its user's code would."""

from __future__ import annotations

import base64
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from rivet.canned_server import BY_NAME, FOUND, MADE, place, serving
from rivet.client_process import NpmClient
from rivet.driver_process import ClientEndedError, ClientError
from rivet.npm_client import Installed
from rivet.values import UNDEFINED


async def test_an_action_arrives_and_its_output_comes_back(npm_client: Installed) -> None:
    action = place(npm_client, "action/readFile")
    output = {"content": ["$Uint8Array", "AQL/"], "size": 3, "none": None}
    async with serving({"PUT /actors": MADE, f"POST {action}": (200, {"output": output})}) as server:
        async with NpmClient(npm_client.folder, server.url) as client:
            said = await client.action(["my-agent"], "readFile", "/a", b"\1\2\xff", UNDEFINED)
            assert said == {"content": b"\1\2\xff", "size": 3, "none": None}
            paths = [path for path in await client.requests() if "metadata" not in path]
        assert paths == [f"{each.method} {each.target}" for each in server.seen]
    asked = server.seen[-1]
    assert (asked.method, asked.target.partition("?")[0]) == ("POST", action)
    assert asked.headers["x-rivet-encoding"] == "json"
    assert json.loads(asked.body) == {"args": ["/a", ["$Uint8Array", "AQL/"], None]}
    if npm_client.version == BY_NAME:
        assert len(server.seen) == 1
        assert parse_qs(asked.target.partition("?")[2])["rvt-key"] == ["my-agent"]
    else:
        assert [each.method for each in server.seen] == ["PUT", "POST"]
        assert json.loads(server.seen[0].body)["key"] == "my-agent"


async def test_a_handle_keeps_what_it_has_resolved(npm_client: Installed) -> None:
    answers = {"PUT /actors": MADE, f"POST {place(npm_client, 'action/exists')}": (200, {"output": True})}
    async with serving(answers) as server, NpmClient(npm_client.folder, server.url) as client:
        handle = await client.get_or_create(["my-agent"])
        assert await handle.resolve() == "id-1"
        assert await handle.action("exists", "/a") is True
        assert await handle.action("exists", "/b") is True
        assert [each.method for each in server.seen] == ["PUT", "POST", "POST"]


async def test_an_error_is_raised_and_not_tried_again(npm_client: Installed) -> None:
    action = place(npm_client, "action/readFile")
    error = {"group": "vm", "code": "not_found", "message": "no such file", "metadata": {"hint": [1]}}
    async with serving({"PUT /actors": MADE, f"POST {action}": (404, error)}) as server:
        async with NpmClient(npm_client.folder, server.url) as client:
            with pytest.raises(ClientError) as raised:
                await client.action(["my-agent"], "readFile", "/a")
        assert [each.target.partition("?")[0] for each in server.seen].count(action) == 1
    assert (raised.value.group, raised.value.code) == ("vm", "not_found")
    assert (raised.value.message, raised.value.metadata) == ("no such file", {"hint": [1]})
    assert raised.value.name == ("RivetError" if npm_client.version == BY_NAME else "ActorError")


async def test_an_error_without_metadata_has_none(npm_client: Installed) -> None:
    error = (401, {"group": "auth", "code": "denied", "message": "who are you?"})
    async with serving({"PUT /actors": error}) as server:
        async with NpmClient(npm_client.folder, server.url, token="a token") as client:
            handle = await client.get_or_create(["my-agent"])
            with pytest.raises(ClientError) as raised:
                await handle.resolve()
        assert server.seen[0].headers["authorization"] == "Bearer a token"
    assert raised.value.metadata is UNDEFINED


async def test_get_create_and_an_id(npm_client: Installed) -> None:
    answers = {
        "GET /actors": (200, {"actors": [FOUND]}),
        "POST /actors": (200, {"actor": FOUND, "created": True}),
        "POST /gateway/id-1/action/exists": (200, {"output": True}),
    }
    async with serving(answers) as server, NpmClient(npm_client.folder, server.url) as client:
        assert await (await client.get(["a/b", ""])).resolve() == "id-1"
        created = await client.create(["new"], {"input": {"x": 1}})
        assert await created.action("exists", "/") is True
        assert await (await client.get_for_id("id-1")).action("exists", "/") is True
        got, made, *_ = server.seen
        assert parse_qs(got.target.partition("?")[2])["key"] == [r"a\/b/\0"]
        assert base64.b64decode(json.loads(made.body)["input"]) == bytes.fromhex("b90001 6178 01")


async def test_fetch_has_status_headers_and_body(npm_client: Installed) -> None:
    path = place(npm_client, "request/a")
    answers = {
        "PUT /actors": MADE,
        "GET /actors": (200, {"actors": [FOUND]}),
        f"POST {path}": (418, b"\0\xff"),
    }
    async with serving(answers) as server, NpmClient(npm_client.folder, server.url) as client:
        said = await client.fetch(
            ["my-agent"], "/a?b=%20", method="POST", headers={"X-Own": "1"}, body=b"\xfe\0"
        )
        assert (said.status, said.body) == (418, b"\0\xff")
        assert said.header("Content-Type") == "application/octet-stream"
        asked = server.seen[-1]
        assert asked.target.startswith(f"{path}?b=%20")
        assert (asked.headers["x-own"], asked.body) == ("1", b"\xfe\0")


async def test_the_gateway_url(npm_client: Installed) -> None:
    async with serving({"PUT /actors": MADE}) as server, NpmClient(npm_client.folder, server.url) as client:
        said = await client.gateway_url(["my-agent"])
        assert said.partition("?")[0] == server.url + place(npm_client, "").rstrip("/")


@asynccontextmanager
async def connections_served() -> AsyncIterator[str]:
    """A server of connections to `id-1`: the action `say` makes an event, `fail` an error, `leave` a closing."""

    def message(tag: str, **values: object) -> str:
        return json.dumps({"body": {"tag": tag, "val": values}})

    async def serve_one(connection: ServerConnection) -> None:
        await connection.send(message("Init", actorId="id-1", connectionId="1"))
        async for frame in connection:
            asked = json.loads(frame)["body"]["val"]
            match asked:
                case {"name": "say", "id": number, "args": values}:
                    await connection.send(message("Event", name="said", args=values))
                    await connection.send(message("ActionResponse", id=number, output=len(values)))
                case {"name": "fail", "id": number}:
                    error = {"group": "vm", "code": "broken", "message": "no", "metadata": None}
                    await connection.send(message("Error", **error, actionId=number))
                case {"name": "leave"}:
                    await connection.close(1001, "vm.gone")

    def metadata(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(HTTPStatus.OK, "{}") if request.path.startswith("/metadata") else None

    async with serve(
        serve_one, "127.0.0.1", 0, process_request=metadata, subprotocols=[Subprotocol("rivet")]
    ) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def test_a_connection_has_actions_events_and_errors(npm_client: Installed) -> None:
    async with connections_served() as url, NpmClient(npm_client.folder, url) as client:
        connection = await (await client.get_for_id("id-1")).connect()
        await connection.subscribe("said")
        for number in range(20):
            assert await connection.action("say", number, b"\xff") == 2
        assert [await connection.event("said") for _ in range(20)] == [[n, b"\xff"] for n in range(20)]
        with pytest.raises(ClientError) as raised:
            await connection.action("fail")
        assert (raised.value.group, raised.value.code, raised.value.metadata) == ("vm", "broken", None)
        await connection.unsubscribe("said")
        await connection.action("say", "nobody listens")
        assert connection.waiting_events("said") == 0
        await connection.dispose()
        await connection.status("idle")
        assert connection.statuses == ["connected", "idle"]


async def test_a_connection_that_is_closed_is_made_again(npm_client: Installed) -> None:
    async with connections_served() as url, NpmClient(npm_client.folder, url) as client:
        connection = await (await client.get_for_id("id-1")).connect()
        await connection.subscribe("said")
        with pytest.raises(ClientError) as raised:
            await connection.action("leave")
        assert (raised.value.group, raised.value.code) == ("vm", "gone")
        assert (await connection.error()).code == "gone"
        await connection.status("connected", times=2)
        await connection.action("say", "again")
        assert await connection.event("said") == ["again"]


async def test_a_call_ends_in_time(npm_client: Installed) -> None:
    async with (
        serving({"PUT /actors": None}) as server,
        NpmClient(npm_client.folder, server.url, seconds=1) as client,
    ):
        handle = await client.get_or_create(["my-agent"])
        with pytest.raises(TimeoutError, match="resolve took more than 1 s"):
            await handle.resolve()
        assert await client.echo("goes on") == "goes on"


async def test_a_process_that_ends_says_why(npm_client: Installed, tmp_path: Path) -> None:
    async with NpmClient(tmp_path, "http://127.0.0.1:1") as client:
        with pytest.raises(ClientEndedError, match="Cannot find package 'rivetkit'"):
            await client.echo(1)
        with pytest.raises(ClientEndedError):
            await client.echo(2)
    async with serving({"PUT /actors": None}) as server, NpmClient(npm_client.folder, server.url) as client:
        handle = await client.get_or_create(["my-agent"])
        os.kill(client.driver.pid, signal.SIGKILL)
        with pytest.raises(ClientEndedError):
            await handle.resolve()


async def test_the_process_ends_with_the_client(npm_client: Installed) -> None:
    async with serving({"PUT /actors": None}) as server:
        async with NpmClient(npm_client.folder, server.url, seconds=1) as client:
            with pytest.raises(TimeoutError):
                await (await client.get_or_create(["my-agent"])).resolve()
        with pytest.raises(ProcessLookupError):
            os.kill(client.driver.pid, 0)
