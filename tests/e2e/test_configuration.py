"""Settings of real servers, from code, from the environment and from flags."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from e2e.guest import refusal_of
from e2e.server_process import COMMAND, ServerProcess, clean_environment, run_command
from hatchway import AsyncClient

pytestmark = pytest.mark.sandbox

API_TOKEN = "api-t0ken-canary-77d2"

SERVER = """\
from hatchway import agent_os, setup

registry = setup(
    use={"vm": agent_os()},
    port=0,
    data_dir="data",
    preview_domain="setup.localhost",
    gateway_limits={"wait_seconds": 0.1, "head_bytes": 5000},
)

if __name__ == "__main__":
    registry.start(START)
"""


def write_server(folder: Path, start: str = "") -> None:
    (folder / "my_server.py").write_text(SERVER.replace("START", start))


async def test_a_server_by_the_environment_alone(tmp_path: Path, http: httpx.AsyncClient) -> None:
    environment = {
        "HATCHWAY_HOST": "127.0.0.1",
        "HATCHWAY_PORT": "0",
        "HATCHWAY_DATA_DIR": str(tmp_path / "data"),
        "HATCHWAY_CACHE_DIR": str(tmp_path / "cache"),
        "HATCHWAY_PREVIEW_DOMAIN": "environment.localhost",
        "HATCHWAY_ALLOWED_HOSTS": "api.example,other.example",
        "HATCHWAY_TOKEN": API_TOKEN,
        "HATCHWAY_LIMIT_WAIT_SECONDS": "0",
        "HATCHWAY_LIMIT_HEAD_BYTES": "5000",
        "HATCHWAY_URL": "http://of-commands.example",
        "HATCHWAY_DEBUG": "",
    }
    command = (*COMMAND, "serve")
    with ServerProcess(tmp_path, environment=environment, command=command) as server:
        assert (tmp_path / "data" / "hatchway.db").exists()
        vms = f"{server.url}/api/vms"
        assert (await http.get(vms)).status_code == 401
        token = {"Hatchway-Token": API_TOKEN}
        for host, status in (("api.example", 200), ("other.example", 200), ("third.example", 403)):
            assert (await http.get(vms, headers=token | {"Host": host})).status_code == status
        assert (await http.get(vms, headers=token | {"X-Long": "x" * 5000})).status_code == 431
        async with AsyncClient(server.url, token=API_TOKEN) as client:
            agent = client.vm.get_or_create("a")
            preview = await agent.create_signed_preview_url(3000)
            assert preview.url.endswith(f".environment.localhost:{server.port}/")
            refused = await refusal_of(agent.vm_fetch(3000, "/"))
            assert refused.code == "port_closed"
        assert API_TOKEN.encode() not in server.output


@pytest.mark.parametrize(
    ("command", "environment", "expected"),
    [
        (["my_server.py"], {}, "setup"),
        (["-m", "hatchway", "serve", "my_server:registry"], {}, "setup"),
        (["my_server.py"], {"HATCHWAY_PREVIEW_DOMAIN": "environment.localhost"}, "environment"),
        (
            ["-m", "hatchway", "serve", "my_server:registry", "--preview-domain", "flag.localhost"],
            {"HATCHWAY_PREVIEW_DOMAIN": "environment.localhost"},
            "flag",
        ),
    ],
)
async def test_settings_of_code_hold_for_both_ways_to_start(
    tmp_path: Path,
    http: httpx.AsyncClient,
    command: list[str],
    environment: Mapping[str, str],
    expected: str,
) -> None:
    write_server(tmp_path)
    with ServerProcess(tmp_path, environment=environment, command=(sys.executable, *command)) as server:
        assert (tmp_path / "data" / "hatchway.db").exists()
        async with AsyncClient(server.url) as client:
            preview = await client.vm.get_or_create("a").create_signed_preview_url(3000)
        assert preview.url.endswith(f".{expected}.localhost:{server.port}/")
        assert (await http.get(server.url, headers={"X-Long": "x" * 5000})).status_code == 431


async def test_what_start_is_given_overrides_setup(tmp_path: Path) -> None:
    write_server(tmp_path, "preview_domain='start.localhost', gateway_limits={'wait_seconds': 0.2}")
    with ServerProcess(tmp_path, command=(sys.executable, "my_server.py")) as server:
        async with AsyncClient(server.url) as client:
            preview = await client.vm.get_or_create("a").create_signed_preview_url(3000)
        assert preview.url.endswith(f".start.localhost:{server.port}/")


def test_show_config_tells_every_layer_and_starts_nothing(tmp_path: Path) -> None:
    write_server(tmp_path)
    ran = run_command(
        *("serve", "my_server:registry", "--show-config", "--json", "--limit", "wait_seconds=3"),
        environment={
            "HATCHWAY_TOKEN": API_TOKEN,
            "HATCHWAY_PORT": "7000",
            "HATCHWAY_LIMIT_WAIT_SECONDS": "2",
            "XDG_CACHE_HOME": "/cache",
        },
        cwd=tmp_path,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    shown = {each.pop("name"): each for each in json.loads(ran.stdout)}
    assert shown["port"] == {"value": 7000, "source": "environment", "given_as": "HATCHWAY_PORT"}
    assert shown["data_dir"] == {
        "value": str(tmp_path / "data"),
        "source": "code",
        "given_as": "setup(data_dir=…)",
    }
    assert shown["cache_dir"] == {"value": "/cache/hatchway", "source": "default", "given_as": None}
    assert shown["token"] == {"set": True, "source": "environment", "given_as": "HATCHWAY_TOKEN"}
    assert shown["limit_head_bytes"] == {
        "value": 5000,
        "source": "code",
        "given_as": "setup(gateway_limits={'head_bytes': …})",
    }
    assert shown["limit_wait_seconds"]["given_as"] == "--limit wait_seconds"
    assert not (tmp_path / "data").exists()
    assert API_TOKEN.encode() not in ran.stdout


@pytest.mark.parametrize("arguments", [["-m", "hatchway", "serve", "my_server:registry"], ["my_server.py"]])
@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"HATCHWAY_PROT": API_TOKEN}, "did you mean HATCHWAY_PORT?"),
        ({"HATCHWAY_PORT": "x"}, "HATCHWAY_PORT: port must be"),
        ({"HATCHWAY_TOKEN": f"{API_TOKEN} "}, "HATCHWAY_TOKEN: the API token must be"),
    ],
)
def test_a_wrong_environment_starts_nothing(
    tmp_path: Path, arguments: list[str], environment: Mapping[str, str], words: str
) -> None:
    write_server(tmp_path)
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=clean_environment(**environment),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert words in ran.stderr.decode()
    assert API_TOKEN not in ran.stderr.decode()
    assert not (tmp_path / "data").exists()
