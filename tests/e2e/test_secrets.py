"""Where tokens must never be: in what a guest receives, in the server's output, in any file of its data."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from e2e.addresses import MODES, address
from e2e.guest import refusal_of, start_service
from e2e.server_process import ServerProcess, run_command
from hatchway import Agent, AsyncClient

pytestmark = pytest.mark.sandbox

API_TOKEN = "api-t0ken-canary-8c41"


def files_with(folder: Path, secrets: list[str]) -> list[str]:
    """The files below `folder` whose name or content holds one of `secrets`, in any case."""
    wanted = [secret.lower().encode() for secret in secrets]
    found = []
    for path in folder.rglob("*"):
        content = str(path.name).lower().encode()
        if path.is_file() and not path.is_symlink():
            content += path.read_bytes().lower()
        if any(secret in content for secret in wanted):
            found.append(str(path.relative_to(folder)))
    return found


async def test_a_preview_token_stays_with_its_holder(
    tmp_path: Path, own_server: ServerProcess, http: httpx.AsyncClient
) -> None:
    tokens = []
    async with AsyncClient(own_server.url) as client:
        agent = client.vm.get_or_create("canary")
        await start_service(agent, 3000)
        for mode in MODES:
            preview = await agent.create_signed_preview_url(3000)
            tokens.append(preview.token)
            own = f"http://{preview.token}.localhost:{own_server.port}"
            base = f"http://127.0.0.1:{own_server.port}/fetch/{preview.token}"
            for extra in (
                {},
                {"Referer": f"{own}/page", "Origin": own},
                {"Referer": f"{base}/page", "Origin": f"http://127.0.0.1:{own_server.port}"},
                {
                    "X-Forwarded-Host": f"{preview.token}.localhost",
                    "Forwarded": f"host={preview.token}.localhost",
                },
                {"X-Original-URL": f"{base}/", "Via": f"1.1 {preview.token}.localhost"},
                {"Hatchway-Preview-Token": preview.token},
                {"X-Own": preview.token.upper()},
            ):
                to = address(mode, own_server, preview, "/echo")
                answer = await http.post(to.url, headers=to.headers | extra, content=b"body")
                # The header comes before the path, which then is the service's own, and one it does not have.
                both = mode == "path" and "Hatchway-Preview-Token" in extra
                assert answer.status_code == (404 if both else 200)
        preview = await agent.create_signed_preview_url(3000)
        tokens.append(preview.token)
        uri = f"ws://{preview.token}.localhost:{own_server.port}/socket"
        async with connect(
            uri, host="127.0.0.1", port=own_server.port, origin=Origin(preview.url[:-1]), proxy=None
        ) as socket:
            await socket.send("headers")
            assert preview.token not in str(await socket.recv())
        # What is refused, revoked and mistaken is not logged either.
        await agent.expire_signed_preview_url(tokens[0])
        await http.get(f"{own_server.url}/fetch/{tokens[0]}/")
        await http.get(f"{own_server.url}/api/{tokens[1]}?path={tokens[2]}")
        await http.post(f"{own_server.url}/api/vms", json={"name": tokens[1], "key": tokens[2]})
        seen = await agent.vm_fetch(3000, "/seen")
        inside = await agent.exec(
            "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; env; find / -xdev -newer /etc/passwd"
        )
    # Beside wait_for_port's: every POST, and the handshake of the WebSocket.
    requests = [request for request in seen.json() if request[:2] != ["GET", "/"]]
    assert [request[0] for request in requests] == ["POST"] * len(MODES) * 7 + ["GET"]
    for token in tokens:
        assert token not in seen.text.lower()
        assert token not in inside.stdout
    # While it runs (with the database's log), and once it has stopped.
    assert files_with(tmp_path, tokens) == []
    own_server.terminate()
    assert files_with(tmp_path, tokens) == []
    assert own_server.output.count(b"\n") < 10


async def test_the_canary_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"\0\0CANARY\0")
    assert files_with(tmp_path, ["canary"]) == ["folder/file"]


async def test_the_api_token_stays_between_client_and_server(tmp_path: Path, http: httpx.AsyncClient) -> None:
    with ServerProcess(tmp_path, environment={"HATCHWAY_TOKEN": API_TOKEN}) as server:
        vms = f"{server.url}/api/vms"
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": f"Basic {API_TOKEN}"},
            {"Hatchway-Token": API_TOKEN[:-1]},
            {"Hatchway-Token": API_TOKEN.upper()},
            {"Cookie": f"Hatchway-Token={API_TOKEN}"},
        ):
            refused = await http.get(vms, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
            assert API_TOKEN not in refused.text
        assert (await http.get(f"{vms}?token={API_TOKEN}")).status_code == 401
        for headers in ({"Authorization": f"Bearer {API_TOKEN}"}, {"Hatchway-Token": API_TOKEN}):
            assert (await http.get(vms, headers=headers)).status_code == 200

        async with AsyncClient(server.url) as stranger:
            refusal = await refusal_of(stranger.vm.get_or_create("canary").exec("true"))
            assert (refusal.status, refusal.code) == (401, "unauthorized")
        async with AsyncClient(server.url, token=API_TOKEN) as client:
            agent = client.vm.get_or_create("canary")
            await start_service(agent, 3000)
            await _use_everything(agent, server, http)
            inside = await agent.exec("cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; env")
            seen = (await agent.vm_fetch(3000, "/seen")).text
        assert API_TOKEN not in inside.stdout
        assert API_TOKEN not in seen
        # The service's own credential does reach it.
        assert "Bearer for the service" in seen
        assert files_with(tmp_path, [API_TOKEN]) == []
        environment = {"HATCHWAY_URL": server.url, "HATCHWAY_TOKEN": API_TOKEN}
        ran = run_command("exec", "canary", "--", "echo", "ran", environment=environment)
        assert (ran.returncode, ran.stdout) == (0, b"ran\n")
        ran = run_command("exec", "canary", "--", "true", environment={"HATCHWAY_URL": server.url})
        assert ran.returncode == 1
        assert b"API token" in ran.stderr
    assert files_with(tmp_path, [API_TOKEN]) == []


async def _use_everything(agent: Agent, server: ServerProcess, http: httpx.AsyncClient) -> None:
    """A client sends its token with every call; a careless one with previews too."""
    own = {"Authorization": "Bearer for the service"}
    assert (await agent.vm_fetch(3000, "/echo", headers=own)).status == 200
    preview = await agent.create_signed_preview_url(3000)
    for mode in MODES:
        to = address(mode, server, preview, "/echo")
        assert (await http.get(to.url, headers=to.headers)).status_code == 200  # the token alone is enough
        for careless in ({"Authorization": f"Bearer {API_TOKEN}"}, {"Hatchway-Token": API_TOKEN}):
            assert (await http.get(to.url, headers=to.headers | careless)).status_code == 200
    vm = (await http.get(f"{server.url}/api/vms", headers={"Hatchway-Token": API_TOKEN})).json()["vms"][0]
    fetch = f"{server.url}/api/vms/{vm['id']}/ports/3000/echo"
    assert (await http.get(fetch)).status_code == 401
    assert (await http.get(fetch, headers={"Authorization": f"Bearer {API_TOKEN}"})).status_code == 200
