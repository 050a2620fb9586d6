"""Software of users' own, and `pi`, in the VMs of a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from e2e.server_process import COMMAND, ServerProcess, clean_environment, run_command
from hatchway import Agent, AsyncClient, HatchwayError
from hatchway.software.built_in import PI_VERSION
from hatchway.software.versions import is_at_least
from software.packages import NpmRegistry, PythonIndex, write_wheel

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]

SERVER = """
from hatchway import agent_os, setup
from hatchway.software import Folder, Npm, PyPI, Software, common, python

node = Software("own-node", ("node",), Folder({folder!r}))
one = Software("one", ("one",), Folder({folder!r}), needs=(node,))
two = Software("two", ("two",), Npm("two@^1"), needs=(node,))
three = Software("three", ("three",), PyPI("three"), needs=(python,))
gone = Software("gone", ("gone",), Npm("gone"), needs=(node,))
registry = setup(use={{"vm": agent_os(software=[common, one, two, three]), "broken": agent_os(software=[gone])}})
"""
THREE = """
import os, subprocess, sys
import below

def main():
    print('three', below.__name__, *sys.argv[1:])
    # A child finds the packages as its parent does, and no setting was needed for that.
    subprocess.run([sys.executable, '-c', 'import three'], check=True)
    assert 'PYTHONPATH' not in os.environ
"""


@pytest.fixture
def own_server(
    tmp_path: Path, npm_registry: NpmRegistry, python_index: PythonIndex
) -> Iterator[ServerProcess]:
    """A server with software from a folder and from two registries."""
    folder = tmp_path / "opt" / "one"
    (folder / "bin").mkdir(parents=True)
    for command in ("one", "node"):
        (folder / "bin" / command).write_text(f'#!/bin/sh\necho {command} "$@"\n')
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    npm_registry.add("two", "1.4.0")
    python_index.add(write_wheel(tmp_path, "below"))
    python_index.add(
        write_wheel(
            tmp_path, "three", files={"three.py": THREE}, scripts={"three": "three:main"}, requires=("below",)
        )
    )
    (tmp_path / "own_server.py").write_text(SERVER.format(folder=str(folder)))
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": _python_path(tmp_path)}
    with ServerProcess(tmp_path, "own_server:registry", environment=environment) as server:
        yield server


def _python_path(folder: Path) -> str:
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))


@pytest.fixture
async def client(own_server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncClient]:
    monkeypatch.delenv("HATCHWAY_TOKEN", raising=False)
    async with AsyncClient(own_server.url) as client:
        yield client


async def said(agent: Agent, command: str | list[str]) -> str:
    ran = await agent.exec(command)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    return ran.stdout


async def test_users_own_software_runs(
    client: AsyncClient, own_server: ServerProcess, tmp_path: Path
) -> None:
    agent = client.vm.get_or_create(["own"])
    assert await said(agent, ["one", "well"]) == "one well\n"
    assert await said(agent, ["two", "well"]) == "two 1.4.0 well\n"
    assert await said(agent, ["three", "well"]) == "three below well\n"
    assert await said(agent, ["python3", "-c", "import three; print(three.__file__)"]) == (
        await said(agent, "echo /usr/local/lib/hatchway/three/lib/python3.*/site-packages/three.py")
    )
    assert b"two 1.4.0 is ready" in own_server.output
    # What a VM does to it is its own.
    await said(agent, "rm -r /usr/local/lib/hatchway /usr/local/bin/two; echo changed >/usr/bin/one")
    other = client.vm.get_or_create(["other"])
    assert await said(other, ["two"]) == "two 1.4.0\n"
    assert await said(other, ["one"]) == "one\n"
    assert own_server.output.count(b"is ready") == 2, "provided once for all VMs"


async def test_nothing_of_where_it_came_from_is_seen(client: AsyncClient, tmp_path: Path) -> None:
    agent = client.vm.get_or_create(["own"])
    assert await said(agent, ["two"]) == "two 1.4.0\n"
    found = await agent.exec(
        ["grep", "-rlsE", f"{tmp_path}|127\\.0\\.0\\.1", "/usr/local/lib/hatchway", "/usr/local/bin/two"]
    )
    assert (found.exit_code, found.stdout) == (1, "")
    mounts = await said(agent, ["cat", "/proc/self/mountinfo"])
    assert str(tmp_path) not in mounts


async def test_what_a_registry_lacks_is_told_to_whoever_needs_it(
    client: AsyncClient, own_server: ServerProcess, tmp_path: Path
) -> None:
    agent = client.kind("broken").get_or_create(["own"])
    with pytest.raises(HatchwayError) as caught:
        await agent.exec("true")
    assert (caught.value.code, caught.value.status) == ("software_not_found", 503)
    assert caught.value.message == (
        "the npm registry has no gone for this machine, which is the software 'gone'"
    )
    assert str(tmp_path) not in str(caught.value)


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose cache outlives the tests, beside the packages of the tests themselves.

    An ordinary user finds what root has fetched; nobody else can have put anything there.
    """
    kept = Path(sys.prefix).resolve() / "cache"
    if not kept.exists() and not os.access(kept.parent, os.W_OK):
        kept = tmp_path_factory.mktemp("cache")
    return {"XDG_CACHE_HOME": str(kept)}


@pytest.mark.slow
async def test_pi_says_its_version(
    fetched: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = [*COMMAND, "software", "install", "pi"]
    ran = subprocess.run(
        install, capture_output=True, env=clean_environment(**fetched), timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stderr.decode().splitlines()[-1] == f"pi {PI_VERSION}: installed"
    listed = json.loads(run_command("software", "list", "--json", environment=fetched).stdout)
    (entry,) = (each for each in listed if each["name"] == "pi")
    assert (entry["state"], entry["version"]) == ("installed", PI_VERSION)
    (tmp_path / "pi_server.py").write_text(
        "from hatchway import agent_os, setup\n"
        "from hatchway.software import common, node, pi\n"
        "registry = setup(use={'vm': agent_os(software=[common, node, pi])})\n"
    )
    environment = fetched | {"PYTHONPATH": _python_path(tmp_path)}
    monkeypatch.delenv("HATCHWAY_TOKEN", raising=False)
    with ServerProcess(tmp_path, "pi_server:registry", environment=environment) as server:
        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create(["pi"])
            assert await said(agent, ["pi", "--version"]) == f"{PI_VERSION}\n"
            assert is_at_least((await said(agent, ["node", "--version"])).strip().removeprefix("v"), "22.19")
            assert (await said(agent, ["npm", "--version"]))[0].isdigit()
        assert b"fetching" not in server.output, "it was there already"
