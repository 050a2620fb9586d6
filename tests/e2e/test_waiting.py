"""A request that is there before the service: held until it listens, or told why it never will."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from e2e.addresses import MODES, address
from e2e.guest import RESOURCES, refusal_of
from e2e.server_process import ServerProcess
from hatchway import Agent, AsyncClient, HatchwayError, Preview

pytestmark = pytest.mark.sandbox

LISTENS_LATER = (
    "setTimeout(() => require('http').createServer((_, answer) => answer.end('up')).listen(3000), 1000)"
)
FAILS_LATER = "setTimeout(() => { console.error('cannot start: \\x1b[31mSECRET'); process.exit(3) }, 300)"
NEVER_LISTENS = "setInterval(() => {}, 1000)"
TRIES_ITS_PORT = """
import http.server, select, socket

for _ in range(2):
    with socket.create_server(("127.0.0.1", 3000)) as probe:
        select.select([probe], [], [])

class Up(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"up")

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 100

Server(("127.0.0.1", 3000), Up).serve_forever()
"""
"""As development servers do, it sees whether its port is free by listening on it; here each time until somebody has
connected, whom the end of that listener resets."""
PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that waits as long as it does by default: longer than anything here needs."""
    with ServerProcess(tmp_path_factory.mktemp("waiting-server")) as running:
        yield running


@pytest.fixture
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("impatient"), "--limit", "wait_seconds=0.5") as running:
        yield running


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.url) as connected:
        yield connected


async def _visit(
    http: httpx.AsyncClient,
    server: ServerProcess,
    preview: Preview,
    mode: str = "host",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    to = address(mode, server, preview)
    return await http.get(to.url, headers=to.headers | (headers or {}))


async def _closed_with(server: ServerProcess, preview: Preview) -> tuple[int, str]:
    """The code and the reason that a WebSocket is closed with."""
    uri = f"ws://{preview.token}.localhost:{server.port}/"
    async with connect(uri, host="127.0.0.1", port=server.port, proxy=None) as socket:
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def test_a_service_that_takes_a_second_to_start_answers_the_first_request(agent: Agent) -> None:
    await agent.spawn("node", ["-e", LISTENS_LATER])
    response = await agent.vm_fetch(3000, "/")
    assert (response.status, response.text) == (200, "up")


async def test_everybody_who_is_there_first_is_answered(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient
) -> None:
    preview = await agent.create_signed_preview_url(3000)
    await agent.spawn("node", ["-e", LISTENS_LATER])
    visits = [_visit(http, server, preview, MODES[number % 3]) for number in range(30)]
    fetches = [agent.vm_fetch(3000, "/", method="POST", body=b"x" * 100_000) for _ in range(20)]
    answers, fetched = await asyncio.gather(asyncio.gather(*visits), asyncio.gather(*fetches))
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "up")] * 30
    assert [(response.status, response.text) for response in fetched] == [(200, "up")] * 20


async def test_a_service_that_tries_its_port_first_is_waited_for_on(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient
) -> None:
    preview = await agent.create_signed_preview_url(3000)
    await agent.spawn("python3", ["-c", TRIES_ITS_PORT])
    fetches = asyncio.gather(*(agent.vm_fetch(3000, "/") for _ in range(20)))
    visits = asyncio.gather(*(_visit(http, server, preview) for _ in range(20)))
    assert [(response.status, response.text) for response in await fetches] == [(200, "up")] * 20
    assert [(answer.status_code, answer.text) for answer in await visits] == [(200, "up")] * 20


async def test_a_websocket_is_connected_once_its_service_listens(agent: Agent, server: ServerProcess) -> None:
    for script in ("zoo.js", "websocket.js"):
        await agent.write_file(f"/home/user/{script}", (RESOURCES / script).read_bytes())
    await agent.write_file("later.js", "setTimeout(() => require('/home/user/zoo.js'), 500)")
    await agent.spawn("node", ["later.js", "3000", "zoo", "127.0.0.1"])
    preview = await agent.create_signed_preview_url(3000)
    uri = f"ws://{preview.token}.localhost:{server.port}/socket"
    async with connect(uri, host="127.0.0.1", port=server.port, proxy=None) as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"


async def test_a_link_may_be_opened_before_anything_is_started(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient
) -> None:
    preview = await agent.create_signed_preview_url(3000)
    visit = asyncio.ensure_future(_visit(http, server, preview))  # which boots the VM
    await agent.spawn("node", ["-e", LISTENS_LATER])
    assert (await visit).text == "up"


async def test_a_service_in_the_background_of_a_command_is_waited_for(agent: Agent) -> None:
    await agent.write_file("server.js", LISTENS_LATER)
    await agent.exec("node server.js >log 2>&1 &")
    assert (await agent.vm_fetch(3000, "/")).text == "up"


async def test_a_program_that_has_ended_is_told_with_its_last_words_to_the_api_alone(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient
) -> None:
    preview = await agent.create_signed_preview_url(3000)
    process = await agent.spawn("node", ["-e", FAILS_LATER])
    for _ in ("while it runs", "when it has ended"):
        visit = asyncio.ensure_future(_visit(http, server, preview))
        page = asyncio.ensure_future(_visit(http, server, preview, headers=PAGE))
        closed = asyncio.ensure_future(_closed_with(server, preview))
        error = await refusal_of(agent.vm_fetch(3000, "/"))
        assert (error.code, error.status, error.retry_after) == ("process_exited", 502, None)
        assert error.message.endswith("exited with code 3")
        assert error.details is not None
        assert error.details["pid"] == process.pid
        assert str(error.details["command"]).startswith("node -e 'setTimeout(")
        assert (error.details["exit_code"], error.details["signal"]) == (3, None)
        assert error.details["stderr"] == "cannot start: \ufffd[31mSECRET"
        for answer in (await visit, await page):
            assert (answer.status_code, answer.headers["hatchway-error"]) == (502, "process_exited")
            assert "retry-after" not in answer.headers
            assert "exited with code 3" in answer.text
            assert "SECRET" not in answer.text
            assert "setTimeout" not in answer.text
        assert "http-equiv" not in (await page).text
        code, reason = await closed
        assert (code, reason) == (1014, error.message)


async def test_a_program_that_runs_and_does_not_listen(
    impatient: ServerProcess, http: httpx.AsyncClient
) -> None:
    async with AsyncClient(impatient.url) as client:
        agent = client.vm.get_or_create("busy")
        preview = await agent.create_signed_preview_url(3000)
        await agent.spawn("node", ["-e", NEVER_LISTENS])
        error = await refusal_of(agent.vm_fetch(3000, "/"))
        assert (error.code, error.status, error.retry_after) == ("port_closed", 502, 2)
        assert error.message.endswith("nothing began to within 0.5 s")
        program = await _visit(http, impatient, preview)
        assert (program.status_code, program.headers["retry-after"]) == (502, "2")
        assert program.json()["retry_after"] == 2
        page = await _visit(http, impatient, preview, headers=PAGE)
        assert (page.status_code, page.headers["retry-after"]) == (502, "2")
        assert '<meta http-equiv="refresh" content="2">' in page.text
        code, reason = await _closed_with(impatient, preview)
        assert code == 1013  # try again later
        assert reason.startswith("nothing listens on port 3000")


async def test_a_vm_in_which_nothing_runs(impatient: ServerProcess, http: httpx.AsyncClient) -> None:
    async with AsyncClient(impatient.url) as client:
        agent = client.vm.get_or_create("empty")
        preview = await agent.create_signed_preview_url(3000)
        answer = await _visit(http, impatient, preview)
        assert (answer.status_code, answer.json()["code"]) == (502, "port_closed")
        assert "retry-after" not in answer.headers
        code, _reason = await _closed_with(impatient, preview)
        assert code == 1014  # bad gateway


async def test_waiting_can_be_turned_off(tmp_path_factory: pytest.TempPathFactory) -> None:
    with ServerProcess(tmp_path_factory.mktemp("none"), "--limit", "wait_seconds=0") as server:
        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create("busy")
            await agent.spawn("node", ["-e", NEVER_LISTENS])
            error = await refusal_of(agent.vm_fetch(3000, "/"))
            assert (error.code, error.message) == ("port_closed", "nothing listens on port 3000 in this VM")


async def test_destroying_the_vm_ends_the_waiting(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient
) -> None:
    preview = await agent.create_signed_preview_url(3000)
    await agent.spawn("node", ["-e", NEVER_LISTENS])
    visits = [asyncio.ensure_future(_visit(http, server, preview)) for _ in range(5)]
    await agent.exec("true")
    await agent.destroy()
    for visit in visits:
        try:
            answer = await visit
        except httpx.HTTPError:
            continue  # cut with its preview
        assert answer.json()["code"] in {"vm_stopped", "preview_not_found", "vm_not_found"}


async def test_a_caller_may_leave(agent: Agent) -> None:
    await agent.spawn("node", ["-e", NEVER_LISTENS])
    with pytest.raises(HatchwayError) as caught:
        await agent.vm_fetch(3000, "/", timeout=0.3)
    assert caught.value.code == "timeout"
    await agent.spawn("node", ["-e", LISTENS_LATER])
    assert (await agent.vm_fetch(3000, "/")).text == "up"
