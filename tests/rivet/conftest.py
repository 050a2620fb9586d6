"""The npm clients, installed once for all sessions."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.server_process import ServerProcess
from rivet.npm_client import KEPT, VERSIONS, Installed, NpmUnavailableError, install

_numbers = itertools.count(1)


@pytest.fixture(scope="session", params=VERSIONS)
def npm_client(request: pytest.FixtureRequest) -> Installed:
    """Each version of the client. Without it a test is skipped, or fails where `CI` is set."""
    try:
        return Installed(request.param, install(request.param, KEPT))
    except NpmUnavailableError as error:
        if os.environ.get("CI"):
            pytest.fail(f"rivetkit {request.param}: {error}")
        pytest.skip(f"rivetkit {request.param}: {error}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that the tests share; each uses keys of its own."""
    with ServerProcess(tmp_path_factory.mktemp("rivet-server")) as running:
        yield running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of this test's own."""
    with ServerProcess(tmp_path) as running:
        yield running


@pytest.fixture
def key() -> list[str]:
    """A key that no other test uses. It has what could be taken for something else, but for commas."""
    return ["rivet", f"a/b\\c {next(_numbers)}"]
