"""A server of the matrix, and the tool of each module in a VM of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Generator, Iterator

import httpx
import pytest
from playwright.async_api import Page

from compatibility import page
from compatibility.app import Running, ToLoopback, agent_of, end, start
from compatibility.packages import HERE, layer
from e2e import chromium
from e2e.server_process import ServerProcess
from hatchway import Agent, AsyncClient

_passed = pytest.StashKey[list[page.Row]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-compatibility",
        action="store_true",
        help="write docs/compatibility.md from the tests that passed; give tests/compatibility as the only folder",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    running = item.funcargs.get("running")
    if report.when == "call" and report.passed and isinstance(running, Running):
        row = page.Row(running.app.tool, running.version, *page.subject(item.function, item.path.stem))
        item.session.stash.setdefault(_passed, []).append(row)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--write-compatibility", default=False) and session.testsfailed == 0:
        rows = session.stash.get(_passed, None) or []
        # A test with parameters has passed more than once.
        page.PAGE.write_text(page.write(dict.fromkeys(rows)))


@pytest.fixture(autouse=True)
def _no_settings_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HATCHWAY_TOKEN", "HATCHWAY_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    assert layer().is_dir(), "the locked packages are not installed: run tools/setup test"
    folder = tmp_path_factory.mktemp("compatibility")
    environment = {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(HERE.parent), os.environ.get("PYTHONPATH"))))
    }
    with ServerProcess(folder, "compatibility.served:registry", environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, server: ServerProcess) -> Iterator[Running]:
    """The module's `APP`, in a VM that its tests share."""
    started = asyncio.run(start(request.module.APP, server))
    locked = started.app.locked_version
    assert locked in (None, started.version)
    yield started
    asyncio.run(end(started))


@pytest.fixture
async def agent(running: Running) -> AsyncIterator[Agent]:
    """The VM of `running`."""
    async with AsyncClient(running.server.url) as client:
        yield agent_of(running.app, client)


@pytest.fixture
async def http(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the preview, which keeps cookies and follows no redirects by itself."""
    async with httpx.AsyncClient(
        base_url=running.preview.url, transport=ToLoopback(), trust_env=False, timeout=60
    ) as client:
        yield client


@pytest.fixture
async def browser_page(running: Running) -> AsyncIterator[Page]:
    """A page of Chromium; it must have seen neither an error of a script nor a request that failed."""
    problems: list[str] = []
    async with chromium.launch() as browser:
        opened = await browser.new_page()
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on("requestfailed", lambda request: problems.append(f"{request.url}: {request.failure}"))
        yield opened
    assert problems == []
