"""The commands and the unit of docs/deploy.md, with another folder in place of /etc/hatchway; its proxies are run by
tests/e2e/test_behind_a_proxy.py."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme

from docs.document import blocks, read
from e2e.server_process import clean_environment
from e2e.visitor import CertificateFiles

PAGE = "docs/deploy.md"
ETC = "/etc/hatchway"
DOMAIN = "preview.example.com"

_TOKEN, *_SERVERS = (block.text for block in blocks(read(PAGE), "sh"))


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """What stands for /etc/hatchway: a certificate, and what the page's first commands make."""
    CertificateFiles(trustme.CA(), tmp_path, DOMAIN, f"*.{DOMAIN}")
    subprocess.run(["bash", "-ec", _TOKEN.replace(ETC, str(tmp_path))], check=True, timeout=30)
    return tmp_path


def settings_of(command: str, etc: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """What a server that is started like this would do."""
    command = re.sub(r"^(/opt/hatchway/bin/)?hatchway serve ", "serve --show-config --json ", command)
    assert command.startswith("serve ")
    script = f'exec "$0" -m hatchway {command.strip().replace(ETC, str(etc))}'
    ran = subprocess.run(
        ["bash", "-c", script, sys.executable],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_environment(**environment),
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return {each["name"]: each.get("value") for each in json.loads(ran.stdout)}


def environment_of(etc: Path) -> dict[str, str]:
    """The file that is kept beside the certificate, as systemd reads it (systemd.exec(5), EnvironmentFile=)."""
    file = etc / "environment"
    assert file.stat().st_mode & 0o077 == 0
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def test_the_token_is_made_as_servers_take_it(etc: Path) -> None:
    assert re.fullmatch("[0-9a-f]{64}", environment_of(etc)["HATCHWAY_TOKEN"])


@pytest.mark.parametrize("command", _SERVERS)
def test_servers_are_started_with_options_that_fit_together(command: str, etc: Path) -> None:
    settings = settings_of(command, etc, environment_of(etc))
    assert settings["preview_domain"] == DOMAIN
    assert settings["public_url"] == f"https://{DOMAIN}"


def test_the_unit_starts_such_a_server(etc: Path) -> None:
    (block,) = blocks(read(PAGE), "ini")
    unit = dict(re.findall(r"^(\w+)=((?:.*\\\n)*.*)$", block.text, re.MULTILINE))
    assert unit["EnvironmentFile"] == f"{ETC}/environment"
    settings = settings_of(unit["ExecStart"], etc, environment_of(etc))
    assert settings["data_dir"] == f"/var/lib/{unit['StateDirectory']}"
    listener = settings_of(_SERVERS[0], etc, environment_of(etc))
    for name in ("host", "port", "preview_domain", "public_url", "tls_cert", "tls_key"):
        assert settings[name] == listener[name]
