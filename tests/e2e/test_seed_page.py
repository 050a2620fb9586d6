"""The seed's page: its snippets as they stand in examples/, and the documented shape of every call's result."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from e2e.addresses import address
from e2e.guest import start_service
from e2e.server_process import ServerProcess, clean_environment
from e2e.waiting import wait_until
from hatchway import Agent

pytestmark = pytest.mark.sandbox

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(name: str, server: ServerProcess) -> list[str]:
    ran = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        capture_output=True,
        text=True,
        env=clean_environment(HATCHWAY_URL=server.url),
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return ran.stdout.splitlines()


def test_the_snippets_run_as_they_stand(own_server: ServerProcess) -> None:
    assert run_example("fetch", own_server) == ["Status: 200", "Body: Hello from VM"]

    status, headers, body = run_example("fetch_options", own_server)
    assert status == "Status: 200 OK"
    assert headers.startswith("Headers: {")
    assert "'content-length': '13'" in headers
    assert body == "Body: Hello from VM"

    lines = dict(line.split(": ", 1) for line in run_example("preview", own_server))
    token = lines["Token"]
    assert re.fullmatch("[a-z0-9]{32}", token)
    assert lines["Preview URL"] == f"http://{token}.localhost:{own_server.port}/"
    assert lines["Preview path"] == f"/request/fetch/{token}"
    assert datetime.fromisoformat(lines["Expires at"]) > datetime.now(UTC)
    assert lines["Short-lived preview"].startswith("/request/fetch/")
    host = {"Host": f"{token}.localhost:{own_server.port}"}
    base = f"http://127.0.0.1:{own_server.port}"
    pages: list[httpx.Response] = []

    def shown() -> bool:
        pages.append(httpx.get(base, headers=host, trust_env=False))
        return pages[-1].status_code == 200

    wait_until(shown, "the app answers")
    assert pages[-1].headers["content-type"] == "text/html"
    assert "<h1>Hello from my app</h1>" in pages[-1].text

    assert run_example("revoke", own_server) == ["Revoked: True"]


@pytest.mark.parametrize("example", ["server", "server_with_preview_options"])
def test_the_server_snippets_name_a_registry(example: str, tmp_path: Path) -> None:
    # registry.start() takes port 6420, which may be in use here: the same registry is served on a free one.
    with ServerProcess(tmp_path, f"{example}:registry", environment={"PYTHONPATH": str(EXAMPLES)}) as server:
        assert httpx.get(f"{server.url}/api/vms", trust_env=False).json() == {"vms": []}
        made = httpx.post(f"{server.url}/api/vms", json={"name": "vm", "key": ["my-agent"]}, trust_env=False)
        assert made.status_code == 201


async def test_every_call_has_its_documented_result(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient
) -> None:
    script = 'require("http").createServer((q, s) => s.end("Hello from VM")).listen(4000)'
    assert await agent.write_file("/home/user/server.js", script) is None  # type: ignore[func-returns-value]
    process = await agent.spawn("node", ["/home/user/server.js"])
    assert process.pid > 0
    await start_service(agent, 3000)

    response = await agent.vm_fetch(3000, "/")
    assert (response.status, response.status_text, response.ok) == (200, "OK", True)
    assert (response.body, response.text) == (b"zoo", "zoo")

    response = await agent.vm_fetch(
        3000,
        "/echo?q=1",
        method="POST",
        headers={"Content-Type": "application/json"},
        body='{"key": "value"}',
    )
    assert response.headers["Content-Type"] == "application/json"
    echoed = response.json()
    assert (echoed["method"], echoed["url"]) == ("POST", "/echo?q=1")
    assert "application/json" in echoed["rawHeaders"]

    before = datetime.now(UTC)
    preview = await agent.create_signed_preview_url(3000)
    short = await agent.create_signed_preview_url(3000, 300)
    after = datetime.now(UTC)
    assert preview.port == short.port == 3000
    assert re.fullmatch("[a-z0-9]{32}", preview.token)
    assert preview.path == f"/request/fetch/{preview.token}"
    assert preview.url == f"http://{preview.token}.localhost:{server.port}/"
    assert before <= preview.expires_at - timedelta(hours=1) <= after
    assert before <= short.expires_at - timedelta(seconds=300) <= after
    assert preview.expires_at.utcoffset() == timedelta(0)

    to = address("host", server, preview)
    assert (await http.get(to.url, headers=to.headers)).text == "zoo"
    # The path that the call returned, relative to the server as it stands.
    assert (await http.get(f"http://127.0.0.1:{server.port}{preview.path}/")).text == "zoo"
    assert await agent.expire_signed_preview_url(preview.token) is True
    assert await agent.expire_signed_preview_url(preview.token) is False
    assert (await http.get(to.url, headers=to.headers)).status_code == 403


@pytest.mark.parametrize("url", ["/echo", "echo", "http://localhost:3000/echo", "http://example.org/echo"])
async def test_vm_fetch_takes_paths_and_absolute_urls(agent: Agent, url: str) -> None:
    await start_service(agent, 3000)
    echoed = (await agent.vm_fetch(3000, url)).json()
    assert echoed["url"] == "/echo"
    assert echoed["rawHeaders"][:2] == ["Host", "localhost:3000"]
