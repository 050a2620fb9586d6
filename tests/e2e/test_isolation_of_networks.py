"""Nothing on the host, and no other VM, can be reached: not through `vm_fetch`, a preview, or from inside a VM."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from e2e.addresses import MODES, address
from e2e.conftest import MakeAgent
from e2e.guest import RESOURCES, refusal_of, start_service
from e2e.host_service import CANARY, HostService, host_addresses
from e2e.server_process import ServerProcess
from hatchway import Agent

pytestmark = pytest.mark.sandbox


@pytest.fixture
def host_services() -> Iterator[list[HostService]]:
    """One on every address of the host; each is shown to work from the host itself."""
    with ExitStack() as stack:
        services = [stack.enter_context(HostService(family, (host, 0))) for family, host in host_addresses()]
        assert all(service.can_be_reached_from_here() for service in services)
        yield services
        assert [service.visitors for service in services] == [0] * len(services)


async def probe(agent: Agent, places: list[dict[str, object]]) -> list[str]:
    await agent.write_file("probe.js", (RESOURCES / "probe.js").read_bytes())
    ran = await agent.exec(["node", "probe.js", json.dumps(places)])
    assert ran.exit_code == 0, ran.stderr
    results: list[str] = json.loads(ran.stdout)
    assert len(results) == len(places)
    return results


async def test_vm_fetch_does_not_reach_the_host(agent: Agent, host_services: list[HostService]) -> None:
    for service in host_services:
        refusal = await refusal_of(agent.vm_fetch(service.port, "/"))
        assert (refusal.status, refusal.code) == (502, "port_closed")


async def test_the_host_of_a_url_is_ignored(agent: Agent, host_services: list[HostService]) -> None:
    await start_service(agent, 3000)
    for service in host_services:
        host = f"[{service.place[0]}]" if ":" in service.place[0] else service.place[0]
        response = await agent.vm_fetch(3000, f"http://{host}:{service.port}/echo")
        assert response.json()["url"] == "/echo"


async def test_a_redirect_to_the_host_is_not_followed(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient, host_services: list[HostService]
) -> None:
    await start_service(agent, 3000)
    to = f"http://127.0.0.1:{host_services[0].port}/"
    response = await agent.vm_fetch(3000, f"/redirect?to={to}")
    assert (response.status, response.headers["location"]) == (302, to)
    preview = await agent.create_signed_preview_url(3000)
    at = address("host", server, preview, f"/redirect?to={to}")
    answer = await http.get(at.url, headers=at.headers)
    assert (answer.status_code, answer.headers["location"]) == (302, to)


@pytest.mark.parametrize("mode", MODES)
async def test_a_preview_does_not_reach_the_host(
    agent: Agent,
    server: ServerProcess,
    http: httpx.AsyncClient,
    host_services: list[HostService],
    mode: str,
) -> None:
    for port in [service.port for service in host_services] + [server.port]:
        to = address(mode, server, await agent.create_signed_preview_url(port))
        answer = await http.get(to.url, headers=to.headers)
        assert (answer.status_code, answer.json()["code"]) == (502, "port_closed")
        assert CANARY not in answer.content


async def test_no_address_of_the_host_is_reached_from_inside(
    agent: Agent, server: ServerProcess, host_services: list[HostService]
) -> None:
    places: list[dict[str, object]] = [
        {"host": service.place[0], "port": service.port} for service in host_services
    ]
    places += [{"host": host, "port": server.port} for host in ("127.0.0.1", "::1", "localhost")]
    # Every port that is open on the host's loopback, by every name a guest may think of.
    for service in host_services:
        names = ("127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "127.1.2.3", "localhost")
        places += [{"host": name, "port": service.port} for name in names]
    results = await probe(agent, places)
    assert set(results) <= {"ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL"}


async def test_the_probe_does_find_what_is_open(agent: Agent) -> None:
    await start_service(agent, 3000)
    assert await probe(agent, [{"host": "127.0.0.1", "port": 3000}]) == ["connected"]


async def test_no_abstract_unix_socket_of_the_host_is_reached(agent: Agent) -> None:
    name = f"hatchway-e2e-{id(agent)}"
    with HostService(socket.AF_UNIX, f"\0{name}") as service:
        assert service.can_be_reached_from_here()
        # A name that begins with NUL is one of the abstract namespace (unix(7)).
        assert await probe(agent, [{"path": f"\0{name}"}]) == ["ECONNREFUSED"]
        assert service.visitors == 0


async def test_there_is_no_interface_but_loopback(agent: Agent) -> None:
    script = 'console.log(JSON.stringify(Object.keys(require("os").networkInterfaces())))'
    assert json.loads((await agent.exec(["node", "-e", script])).stdout) == ["lo"]


async def test_another_vm_is_not_reached(make_agent: MakeAgent) -> None:
    one, two = make_agent(), make_agent()
    await start_service(one, 3000, host="0.0.0.0")
    await start_service(one, 3001, host="::")
    names = ("127.0.0.1", "::1", "0.0.0.0", "localhost", "127.0.0.2")
    places: list[dict[str, object]] = [
        {"host": name, "port": port} for name in names for port in (3000, 3001)
    ]
    assert "connected" not in await probe(two, places)
    assert "connected" in await probe(one, places)
    refusal = await refusal_of(two.vm_fetch(3000, "/"))
    assert (refusal.status, refusal.code) == (502, "port_closed")
