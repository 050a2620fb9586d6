from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Run
from hatchway.server.setting_table import SETTINGS

SECRET = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def _no_module_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


async def test_each_setting_its_value_and_where_it_comes_from(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HATCHWAY_TOKEN", SECRET)
    monkeypatch.setenv("HATCHWAY_ALLOWED_HOSTS", "a.example, B.example")
    monkeypatch.setenv("HATCHWAY_LIMIT_ANSWER_SECONDS", "123456789.5")
    ran = await run(
        "serve", "--show-config", "--port", "0", "--host", "10.0.0.0", "--limit", "head_bytes=1000"
    )
    assert (ran.code, ran.err) == (0, "")
    lines = [line.split(maxsplit=1) for line in ran.out.decode().splitlines()]
    assert [line[0] for line in lines] == list(SETTINGS)
    shown = {name: " ".join(rest.split()) for name, rest in lines}
    expected = {
        "host": "flag: --host 10.0.0.0",
        "port": "flag: --port 0",
        "data_dir": f"default {tmp_path}/data/hatchway",
        "token": "environment: HATCHWAY_TOKEN set",
        "allowed_hosts": "environment: HATCHWAY_ALLOWED_HOSTS a.example, b.example",
        "tls_cert": "default none",
        "limit_head_bytes": "flag: --limit head_bytes 1000",
        "limit_answer_seconds": "environment: HATCHWAY_LIMIT_ANSWER_SECONDS 123456789.5",
        "limit_head_seconds": "default 30",
    }
    assert expected.items() <= shown.items()
    assert SECRET not in ran.out.decode()
    assert list(tmp_path.iterdir()) == [], "nothing was started"


async def test_json(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"name": "token", "set": False, "source": "default", "given_as": None} in json.loads(
        (await run("serve", "--show-config", "--json")).out
    )
    monkeypatch.setenv("HATCHWAY_TOKEN", SECRET)
    monkeypatch.setenv("HATCHWAY_TRUSTED_PROXIES", "192.0.2.1,10.0.0.0/8")
    ran = await run("serve", "--show-config", "--json", "--limit", "wait_seconds=0")
    assert (ran.code, ran.err) == (0, "")
    shown = json.loads(ran.out)
    for expected in (
        {"name": "token", "set": True, "source": "environment", "given_as": "HATCHWAY_TOKEN"},
        {"name": "port", "value": 6420, "source": "default", "given_as": None},
        {"name": "public_url", "value": None, "source": "default", "given_as": None},
        {
            "name": "trusted_proxies",
            "value": ["192.0.2.1/32", "10.0.0.0/8"],
            "source": "environment",
            "given_as": "HATCHWAY_TRUSTED_PROXIES",
        },
        {
            "name": "limit_wait_seconds",
            "value": 0,
            "source": "flag",
            "given_as": "--limit wait_seconds",
        },
    ):
        assert expected in shown
    assert [each["name"] for each in shown] == list(SETTINGS)
    assert SECRET not in ran.out.decode()


@pytest.mark.parametrize("secret", [SECRET, f"{SECRET} {SECRET}"])
async def test_a_token_in_code_is_not_shown(run: Run, tmp_path: Path, secret: str) -> None:
    module = f"secret_server_{len(secret)}"
    (tmp_path / f"{module}.py").write_text(
        f"from hatchway import agent_os, setup\nregistry = setup(use={{'vm': agent_os()}}, token={secret!r})\n"
    )
    ran = await run("serve", f"{module}:registry", "--show-config")
    said = ran.out.decode() + ran.err
    assert SECRET not in said
    assert ran.code == (1 if " " in secret else 0)
    assert "setup(token=…)" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "70000"], "--port: port must be"),
        (["--host", "::"], "--host: listening on :: without an API token"),
        (["--limit", "head_second=1"], "did you mean head_seconds?"),
        (["--tls-cert", "no.pem", "--tls-key", "no.pem"], "the certificate"),
        (["no_such_module:registry"], "no_such_module"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
async def test_what_is_invalid_is_said_and_nothing_shown(
    run: Run, arguments: list[str], words: str, as_json: bool
) -> None:
    ran = await run("serve", "--show-config", *arguments, *(["--json"] if as_json else []))
    assert (ran.code, ran.out) == (1, b"")
    assert words in ran.err


async def test_json_goes_with_it_only(run: Run) -> None:
    ran = await run("serve", "--json")
    assert (ran.code, ran.out) == (2, b"")
    assert "--show-config" in ran.err
