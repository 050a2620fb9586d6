from __future__ import annotations

import pytest
import typer.main

from cli.conftest import Run
from hatchway.cli.app import app
from hatchway.server.setting_table import SETTINGS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "without an API token"),
        (["--port", "70000"], "port must be"),
        (["--preview-domain", "http://x"], "preview_domain must be"),
        (["nonsense"], "not of the form module:registry"),
        (["--public-url", "https://preview.example.org"], "reaches the proxy"),
        (["--public-url", "preview.example.org"], "public_url must be"),
        (["--trusted-proxy", "proxy.example.org"], "a trusted proxy must be"),
        (["--allowed-host", "https://a.example"], "--allowed-host: an allowed host must be"),
        (["--trusted-proxy", "192.0.2.1", "--trusted-proxy", "0.0.0.0/0"], "forge its address"),
        (["--tls-cert", "cert.pem"], "tls_cert is given without tls_key"),
        (["--limit", "head_second=1"], "there is no limit named 'head_second'"),
        (["--limit", "head_seconds=soon"], "the limit head_seconds must be a number"),
    ],
)
async def test_what_cannot_be_served_is_told_before_anything_starts(
    run: Run, arguments: list[str], message: str
) -> None:
    ran = await run("serve", *arguments)
    assert (ran.code, ran.out) == (1, b"")
    assert message in ran.err
    assert " hint: " in ran.err or message in {"port must be", "the limit head_seconds must be a number"}
    assert "Traceback" not in ran.err


async def test_the_nearest_limit_is_named(run: Run) -> None:
    ran = await run("serve", "--limit", "answer_second=1")
    assert "did you mean answer_seconds?" in ran.err


@pytest.mark.parametrize(
    ("mistyped", "nearest"), [("--prot", "--port"), ("--trusted-proxies", "--trusted-proxy")]
)
async def test_the_nearest_option_is_named(run: Run, mistyped: str, nearest: str) -> None:
    ran = await run("serve", mistyped, "1")
    assert (ran.code, ran.out) == (2, b"")
    assert nearest in ran.err.replace(mistyped, "")


@pytest.mark.parametrize(
    ("variable", "value", "message", "hint"),
    [
        (
            "HATCHWAY_PORT",
            "http",
            "HATCHWAY_PORT: port must be a whole number between 0 and 65535, not 'http'",
            None,
        ),
        ("HATCHWAY_PROT", "7000", "there is no setting HATCHWAY_PROT", "did you mean HATCHWAY_PORT?"),
        (
            "HATCHWAY_TOKEN",
            "hunter2 hunter2",
            "HATCHWAY_TOKEN: the API token must be visible ASCII characters without spaces",
            None,
        ),
        ("HATCHWAY_TOKNE", "hunter2", "there is no setting HATCHWAY_TOKNE", "did you mean HATCHWAY_TOKEN?"),
    ],
)
async def test_what_the_environment_has_wrong(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str, hint: str | None
) -> None:
    monkeypatch.setenv(variable, value)
    ran = await run("serve")
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err == f"error: {message}\n" + (f" hint: {hint}\n" if hint else "")
    assert "hunter2" not in ran.err


def test_every_flag_of_the_table_is_an_option() -> None:
    group: typer.core.TyperGroup = typer.main.get_command(app)  # type: ignore[assignment]
    options = {each.opts[0]: each for each in group.commands["serve"].params}
    for setting in SETTINGS.values():
        if setting.flag is None:
            continue
        option = options[setting.flag]
        assert isinstance(option, typer.core.TyperOption)
        assert option.help == setting.help
        assert option.name == (setting.name if setting.limit is None else "limit")
