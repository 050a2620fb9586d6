"""Previews: three addresses, the end of each way to have one, and what survives the server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from e2e.addresses import MODES, address
from e2e.conftest import HARDLY_WAITS, MakeAgent
from e2e.guest import refusal_of, start_service, wait_for_port
from e2e.server_process import ServerProcess
from e2e.waiting import BOUND_SECONDS, eventually
from hatchway import Agent, AsyncClient, Preview

pytestmark = pytest.mark.sandbox


async def get(
    http: httpx.AsyncClient, server: ServerProcess, preview: Preview, mode: str = "host", target: str = "/"
) -> httpx.Response:
    to = address(mode, server, preview, target)
    return await http.get(to.url, headers=to.headers)


async def open_socket(mode: str, server: ServerProcess, preview: Preview) -> ClientConnection:
    to = address(mode, server, preview, "/socket")
    uri = f"ws{to.url.removeprefix('http')}"
    if mode == "host":  # this client writes the Host header from the URI
        uri = f"ws://{preview.token}.localhost:{server.port}/socket"
    headers = {name: value for name, value in to.headers.items() if name != "Host"}
    return await connect(
        uri, host="127.0.0.1", port=server.port, additional_headers=headers, proxy=None, open_timeout=30
    )


@pytest.mark.parametrize("mode", MODES)
async def test_each_address_leads_to_the_service(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient, mode: str
) -> None:
    await start_service(agent, 3000)
    preview = await agent.create_signed_preview_url(3000)
    echoed = (await get(http, server, preview, mode, "/echo?q=%20")).json()
    assert (echoed["method"], echoed["url"]) == ("GET", "/echo?q=%20")
    assert echoed["rawHeaders"][:2] == ["Host", "localhost:3000"]


async def test_the_gateway_form_of_the_path_leads_there_too(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient
) -> None:
    await start_service(agent, 3000)
    preview = await agent.create_signed_preview_url(3000)
    for prefix in ("", "/request", "/gateway/my-agent/request"):
        answer = await http.get(f"http://127.0.0.1:{server.port}{prefix}/fetch/{preview.token}/echo")
        assert answer.json()["url"] == "/echo"


@pytest.mark.parametrize("how", ["revoked", "destroyed"])
@pytest.mark.parametrize("mode", MODES)
async def test_the_end_closes_connections_that_idle_and_holds_for_new_ones(
    agent: Agent, server: ServerProcess, mode: str, how: str
) -> None:
    await start_service(agent, 3000)
    preview = await agent.create_signed_preview_url(3000)
    to = address(mode, server, preview)
    target = httpx.URL(to.url).raw_path
    host = to.headers.get("Host", f"127.0.0.1:{server.port}")
    token = f"Hatchway-Preview-Token: {preview.token}\r\n" if mode == "header" else ""
    request = b"GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (target, host.encode(), token.encode())
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

    async def exchange() -> bytes:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        return head.split(b" ")[1]

    assert [await exchange(), await exchange()] == [b"200", b"200"]
    if how == "revoked":
        assert await agent.expire_signed_preview_url(preview.token) is True
    else:
        await agent.destroy()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    assert await exchange() == b"403"
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("mode", MODES)
async def test_revocation_cuts_open_streams(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient, mode: str
) -> None:
    await start_service(agent, 3000)
    preview, other = [await agent.create_signed_preview_url(3000) for _ in range(2)]
    to, kept = address(mode, server, preview, "/events?cut"), address(mode, server, other, "/events?kept")
    async with (
        http.stream("GET", to.url, headers=to.headers) as stream,
        http.stream("GET", kept.url, headers=kept.headers) as other_stream,
    ):
        events, other_events = stream.aiter_raw(), other_stream.aiter_raw()
        assert await anext(events) == await anext(other_events) == b"data: first\n\n"
        await agent.expire_signed_preview_url(preview.token)
        # Cut, not ended: no client may take it for whole.
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await anext(events)

        async def noticed() -> bool:
            return bool((await agent.vm_fetch(3000, "/closed")).json() == ["/events?cut"])

        await eventually(noticed, "the service notices that its client has gone")
        await agent.vm_fetch(3000, "/finish")
        assert await anext(other_events) == b"data: last\n\n"


@pytest.mark.parametrize("mode", MODES)
async def test_revocation_cuts_open_websockets(agent: Agent, server: ServerProcess, mode: str) -> None:
    await start_service(agent, 3000)
    preview, other = [await agent.create_signed_preview_url(3000) for _ in range(2)]
    socket, kept = [await open_socket(mode, server, each) for each in (preview, other)]
    for each in (socket, kept):
        await each.send("hello")
        assert await asyncio.wait_for(each.recv(), BOUND_SECONDS) == "hello"
    await agent.expire_signed_preview_url(preview.token)
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(socket.recv(), BOUND_SECONDS)
    await kept.send("still there")
    assert await asyncio.wait_for(kept.recv(), BOUND_SECONDS) == "still there"
    await kept.close()


async def test_a_preview_ends_by_itself(agent: Agent, server: ServerProcess, http: httpx.AsyncClient) -> None:
    await start_service(agent, 3000)
    short, long = [await agent.create_signed_preview_url(3000, seconds) for seconds in (2, 600)]
    assert (await get(http, server, long)).status_code == 200
    to = address("host", server, short, "/events")
    async with http.stream("GET", to.url, headers=to.headers) as stream:
        events = stream.aiter_raw()
        assert await anext(events) == b"data: first\n\n"
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await anext(events)
    assert datetime.now(UTC) >= short.expires_at

    async def ended() -> bool:
        return (await get(http, server, short)).status_code == 403

    await eventually(ended, "the preview is refused")
    assert (await get(http, server, long)).status_code == 200


@pytest.mark.parametrize("how", ["id", "all"])
@pytest.mark.parametrize("mode", MODES)
async def test_revocation_without_the_token_cuts_what_is_open(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient, mode: str, how: str
) -> None:
    await start_service(agent, 3000)
    preview = await agent.create_signed_preview_url(3000)
    to = address(mode, server, preview, "/events")
    async with http.stream("GET", to.url, headers=to.headers) as stream:
        events = stream.aiter_raw()
        assert await anext(events) == b"data: first\n\n"
        socket = await open_socket(mode, server, preview)
        if how == "id":
            assert await agent.expire_preview(preview.id) is True
        else:
            assert await agent.expire_all_previews() == 1
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await anext(events)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), BOUND_SECONDS)
    assert (await get(http, server, preview, mode)).status_code == 403


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_open_under_a_renewed_preview_lives_past_the_old_end(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient, mode: str
) -> None:
    await start_service(agent, 3000)
    preview = await agent.create_signed_preview_url(3000)
    to = address(mode, server, preview, "/events")
    async with http.stream("GET", to.url, headers=to.headers) as stream:
        events = stream.aiter_raw()
        assert await anext(events) == b"data: first\n\n"
        socket = await open_socket(mode, server, preview)
        await agent.renew_preview(preview.id, 3)
        witness = await agent.create_signed_preview_url(3000, 3)
        await agent.renew_preview(preview.id, 600)

        async def over() -> bool:
            return witness.id not in {one.id for one in await agent.list_previews()}

        await eventually(over, "a preview that ends later than the old end has ended")
        assert (await get(http, server, preview, mode)).status_code == 200
        await socket.send("still there")
        assert await asyncio.wait_for(socket.recv(), BOUND_SECONDS) == "still there"
        renewed = await agent.renew_preview(preview.id, 1)
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await anext(events)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), BOUND_SECONDS)
    assert datetime.now(UTC) >= renewed.expires_at
    assert (await get(http, server, preview, mode)).status_code == 403
    refusal = await refusal_of(agent.renew_preview(preview.id))
    assert (refusal.status, refusal.code) == (404, "preview_not_found")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("token", ["a" * 32, "A-B", "x" * 200, "_._"])
async def test_a_token_that_is_none_is_refused_alike(
    server: ServerProcess, http: httpx.AsyncClient, mode: str, token: str
) -> None:
    made_up = Preview(id="", path="", token=token, port=1, expires_at=datetime.now(UTC), url="")
    answer = await get(http, server, made_up, mode)
    assert answer.status_code == 403
    assert answer.json()["code"] == "preview_not_found"
    assert token not in answer.text


async def test_the_token_of_one_vm_opens_no_other(
    make_agent: MakeAgent, server: ServerProcess, http: httpx.AsyncClient
) -> None:
    one, two = make_agent(), make_agent()
    await asyncio.gather(start_service(one, name="one"), start_service(two, name="two"))
    preview = await one.create_signed_preview_url(3000)
    # The VM in the path's older form says nothing; the token alone decides.
    answer = await http.get(f"{server.url}/gateway/{two.key[-1]}/request/fetch/{preview.token}/")
    assert answer.text == "one"
    assert await two.expire_signed_preview_url(preview.token) is False
    assert (await get(http, server, preview)).text == "one"
    # A destroyed VM's previews go with it.
    await one.destroy()
    assert (await get(http, server, preview)).status_code == 403
    assert await one.expire_signed_preview_url(preview.token) is False


@pytest.mark.parametrize("port", [0, -1, 65536, 70000, "abc", 3.5, True, None, [3000]])
async def test_a_port_that_is_none_is_refused_with_the_limits(agent: Agent, port: Any) -> None:
    refusal = await refusal_of(agent.create_signed_preview_url(port))
    assert (refusal.status, refusal.code) == (400, "invalid_port")
    assert refusal.message == "port must be a whole number between 1 and 65535"


@pytest.mark.parametrize("seconds", [0, -5, 86401, 10**30, "60", 1.5, True])
async def test_an_expiry_out_of_range_is_refused_with_the_limits(agent: Agent, seconds: Any) -> None:
    refusal = await refusal_of(agent.create_signed_preview_url(3000, seconds))
    assert (refusal.status, refusal.code) == (400, "invalid_expiry")
    assert refusal.message == "expires_in_seconds must be between 1 and 86400"


async def test_the_longest_life_and_both_ends_of_the_ports_are_allowed(agent: Agent) -> None:
    for port, seconds in ((1, 1), (65535, 86400)):
        assert (await agent.create_signed_preview_url(port, seconds)).port == port


@pytest.mark.parametrize("mode", MODES)
async def test_any_origin_may_read_a_preview(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient, mode: str
) -> None:
    await start_service(agent, 3000)
    preview = await agent.create_signed_preview_url(3000)
    to = address(mode, server, preview)
    asking = {"Origin": "https://example.org", "Access-Control-Request-Method": "PATCH"}
    preflight = await http.options(
        to.url, headers=to.headers | asking | {"Access-Control-Request-Headers": "authorization,x-own"}
    )
    assert (preflight.status_code, preflight.content) == (204, b"")
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-methods"] == "PATCH"
    assert preflight.headers["access-control-allow-headers"] == "authorization,x-own"
    assert "access-control-allow-credentials" not in preflight.headers
    answer = await http.get(to.url, headers=to.headers | {"Origin": "https://example.org"})
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
    own = address(mode, server, preview, "/own-cors")
    answer = await http.get(own.url, headers=own.headers | {"Origin": "https://example.org"})
    assert answer.headers.get_list("access-control-allow-origin") == ["https://one.example"]
    # A page of any origin may also read why a preview is closed.
    await agent.expire_signed_preview_url(preview.token)
    refused = await http.get(to.url, headers=to.headers | {"Origin": "https://example.org"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (403, "*")
    assert (await http.options(to.url, headers=to.headers | asking)).status_code == 204


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
async def test_tokens_survive_the_server(
    tmp_path: Path, own_server: ServerProcess, http: httpx.AsyncClient, end: str
) -> None:
    async with AsyncClient(own_server.url) as client:
        agent = client.vm.get_or_create("survivor")
        await start_service(agent, 3000)
        kept, revoked = [await agent.create_signed_preview_url(3000) for _ in range(2)]
        await agent.expire_signed_preview_url(revoked.token)
        # Acknowledged is durable: nothing happens between these answers and the end of the server.
        short = await agent.create_signed_preview_url(3000, 5, label="für Ana")
        long = await agent.create_signed_preview_url(3000)
        last = await agent.create_signed_preview_url(3000)
        renewed = [await agent.renew_preview(short.id, 900), await agent.renew_preview(long.id, 1)]
        if end == "SIGTERM":
            assert own_server.terminate() == 0
        else:
            own_server.kill()
    with ServerProcess(tmp_path, *HARDLY_WAITS) as again:
        assert (await get(http, again, revoked)).status_code == 403
        # The VM wakes for the request; its service has to be started again.
        closed = await get(http, again, kept)
        assert (closed.status_code, closed.json()["code"]) == (502, "port_closed")
        async with AsyncClient(again.url) as client:
            agent = await client.vm.get("survivor")
            listed = {one.id: one for one in await agent.list_previews()}
            assert listed[short.id] == renewed[0]
            assert listed[short.id].label == "für Ana"
            assert set(listed) - {long.id} == {kept.id, last.id, short.id}

            async def ended() -> bool:
                return long.id not in {one.id for one in await agent.list_previews()}

            await eventually(ended, "a preview that was renewed to end soon has ended")
            assert (await get(http, again, long)).status_code == 403
            assert await agent.exists("/home/user/zoo.js")
            await agent.spawn("node", ["/home/user/zoo.js", "3000", "again", "127.0.0.1"])
            await wait_for_port(agent, 3000)
            for preview in (kept, last, short):
                assert (await get(http, again, preview)).text == "again"
            assert await agent.expire_signed_preview_url(kept.token) is True
        assert (await get(http, again, kept)).status_code == 403
