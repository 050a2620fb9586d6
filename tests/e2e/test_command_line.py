"""The command, as a process: data on stdout, everything else on stderr, exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from e2e.server_process import ServerProcess, clean_environment, run_at_terminal, run_command
from hatchway.cli.qr_code import qr_lines

pytestmark = pytest.mark.sandbox


@pytest.fixture
def at(server: ServerProcess) -> dict[str, str]:
    """The environment of a command for the shared server."""
    return {"HATCHWAY_URL": server.url}


def test_the_installed_command_is_this_one() -> None:
    script = Path(sys.executable).parent / "hatchway"
    if not script.exists():
        pytest.skip("the package is not installed beside this interpreter")
    ran = subprocess.run(
        [script, "--version"], capture_output=True, env=clean_environment(), timeout=60, check=True
    )
    assert ran.stdout == run_command("--version").stdout
    assert re.fullmatch(rb"hatchway [0-9.]+\n", ran.stdout)


def test_exec_passes_everything_through(at: dict[str, str]) -> None:
    ran = run_command("exec", "cli", "--", "sh", "-c", "echo out; echo err >&2; exit 7", environment=at)
    assert (ran.returncode, ran.stdout, ran.stderr) == (7, b"out\n", b"err\n")
    ran = run_command("exec", "cli", "-i", "--", "cat", stdin=b"\0\xff in", environment=at)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"\0\xff in", b"")
    ran = run_command(
        "exec", "cli", "-e", "A=b c", "--cwd", "/tmp", "--", "sh", "-c", 'echo "$A"; pwd', environment=at
    )
    assert ran.stdout == b"b c\n/tmp\n"
    ran = run_command("exec", "cli", "--timeout", "0.2", "--", "sleep", "1000", environment=at)
    assert ran.returncode == 137
    assert b"killed after 0.2 s" in ran.stderr
    assert ran.stdout == b""


def test_a_key_of_parts_is_the_clients_list(server: ServerProcess, at: dict[str, str]) -> None:
    assert run_command("exec", "cli/parts", "--", "true", environment=at).returncode == 0
    vms = httpx.get(f"{server.url}/api/vms", trust_env=False).json()["vms"]
    assert ["cli", "parts"] in [vm["key"] for vm in vms]


@pytest.mark.parametrize("with_json", [False, True])
def test_previews_are_made_and_revoked(server: ServerProcess, at: dict[str, str], with_json: bool) -> None:
    flags = ["--json"] if with_json else []
    made = run_command("preview", "create", "cli", "3000", "--expires-in", "60", *flags, environment=at)
    assert made.returncode == 0
    if with_json:
        fields = json.loads(made.stdout)
        assert fields.keys() == {
            "id",
            "url",
            "path",
            "token",
            "port",
            "expires_at",
            "forward_host",
            "cors",
            "label",
            "wake",
        }
        url = fields["url"]
        assert made.stderr == b""
    else:
        url = made.stdout.decode().removesuffix("\n")
        assert made.stderr.startswith(b"port 3000, until ")
    found = re.fullmatch(rf"http://([a-z0-9]{{32}})\.localhost:{server.port}/", url)
    assert found is not None
    at_path = f"{server.url}/fetch/{found[1]}/"
    assert httpx.get(at_path, trust_env=False).status_code == 502  # it holds, and nothing listens
    for expected in ("revoked", "there was no live preview"):
        # Through standard input, so that the token shows in no list of processes.
        revoked = run_command("preview", "revoke", "cli", *flags, stdin=found[1].encode(), environment=at)
        assert revoked.returncode == 0
        assert expected in revoked.stderr.decode()
        assert (revoked.stdout != b"") == with_json
    assert httpx.get(at_path, trust_env=False).status_code == 403


def listed(*arguments: str, at: dict[str, str]) -> list[list[str]]:
    """The fields of a list that is not printed to a terminal."""
    ran = run_command(*arguments, environment=at)
    assert ran.returncode == 0, ran.stderr.decode()
    return [line.split("\t") for line in ran.stdout.decode().splitlines()]


def test_vms_are_made_listed_shown_and_destroyed(at: dict[str, str]) -> None:
    key = "cli/of its own/a\\/b"
    absent = run_command("vm", "show", key, environment=at)
    assert (absent.returncode, absent.stdout) == (1, b"")
    assert b"error: there is no VM" in absent.stderr
    assert key not in [row[0] for row in listed("vm", "list", at=at)]
    made = run_command("vm", "create", key, environment=at)
    assert (made.returncode, made.stderr) == (0, b"created\n")
    again = run_command("vm", "create", key, environment=at)
    assert (again.stdout, again.stderr) == (made.stdout, b"it was there already\n")
    (row,) = [row for row in listed("vm", "list", "--kind", "vm", at=at) if row[0] == key]
    assert (row[1:3], row[4]) == (["vm", "asleep"], made.stdout.decode().rstrip())
    shown = json.loads(run_command("vm", "show", key, "--json", environment=at).stdout)
    assert (shown["key"], shown["id"], shown["state"]) == (["cli", "of its own", "a/b"], row[4], "asleep")
    assert run_command("exec", key, "--", "true", environment=at).returncode == 0
    assert ["state", "running"] in listed("vm", "show", key, at=at)
    refused = run_command("vm", "destroy", key, stdin=b"y\n", environment=at)
    assert refused.returncode == 1
    assert b"hint: give --yes" in refused.stderr
    code, said = run_at_terminal("vm", "destroy", key, typed="n\n", environment=at)
    assert code == 1
    assert said.endswith("previews? [y/N] nothing was destroyed\n")
    assert key in [row[0] for row in listed("vm", "list", at=at)]
    code, said = run_at_terminal("vm", "destroy", key, typed="y\n", environment=at)
    assert code == 0
    assert said.endswith("previews? [y/N] destroyed\n")
    assert f"Destroy the VM {key} of the kind vm" in said
    assert key not in [row[0] for row in listed("vm", "list", at=at)]
    assert run_command("vm", "destroy", key, "--yes", environment=at).returncode == 1


def test_previews_are_listed_renewed_and_revoked(server: ServerProcess, at: dict[str, str]) -> None:
    key = "cli/previews"
    assert run_command("preview", "list", key, environment=at).returncode == 1
    made = [
        json.loads(run_command("preview", "create", key, "3000", *options, "--json", environment=at).stdout)
        for options in (["--label", "für Ana", "--expires-in", "60"], ["--forward-host", "--cors", "app"], [])
    ]
    rows = listed("preview", "list", key, at=at)
    assert [(row[0], row[1], row[2], row[4]) for row in rows] == [
        (made[0]["id"], "3000", "für Ana", ""),
        (made[1]["id"], "3000", "", "forward-host,cors=app"),
        (made[2]["id"], "3000", "", ""),
    ]
    code, table = run_at_terminal("preview", "list", key, environment=at)
    assert code == 0
    assert table.splitlines()[0].split() == ["ID", "PORT", "LABEL", "UNTIL", "OPTIONS"]
    assert table.splitlines()[1].split() == [made[0]["id"], "3000", "für", "Ana", rows[0][3]]
    renewed = run_command("preview", "renew", key, made[0]["id"], "--expires-in", "7200", environment=at)
    assert renewed.returncode == 0
    assert renewed.stdout.decode().rstrip() == listed("preview", "list", key, at=at)[0][3] > rows[0][3]
    pages = [f"{server.url}/fetch/{one['token']}/" for one in made]
    revoked = run_command("preview", "revoke", key, "--id", made[0]["id"], environment=at)
    assert (revoked.returncode, revoked.stderr) == (0, b"revoked\n")
    assert [httpx.get(page, trust_env=False).status_code for page in pages] == [403, 502, 502]
    revoked = run_command("preview", "revoke", key, "--all", environment=at)
    assert (revoked.returncode, revoked.stderr) == (0, b"2 previews revoked\n")
    assert [httpx.get(page, trust_env=False).status_code for page in pages] == [403, 403, 403]
    assert json.loads(run_command("preview", "list", key, "--json", environment=at).stdout) == []
    ended = run_command("preview", "renew", key, made[0]["id"], environment=at)
    assert ended.returncode == 1
    assert b"error: this VM has no live preview with this id" in ended.stderr


def test_a_preview_is_opened_in_the_browser_or_printed(at: dict[str, str], tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    ran = run_command("preview", "open", "cli", "3000", environment=at | {"BROWSER": f"{browser} %s"})
    assert (ran.returncode, ran.stdout) == (0, b"")
    assert re.fullmatch(r"http://[a-z0-9]{32}\.localhost:[0-9]+/", (tmp_path / "opened").read_text())
    none = {"BROWSER": "", "PATH": str(tmp_path / "none"), "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    ran = run_command("preview", "open", "cli", "3000", environment=at | none)
    assert ran.returncode == 0
    assert re.fullmatch(rb"http://[a-z0-9]{32}\.localhost:[0-9]+/\n", ran.stdout)
    assert ran.stderr.startswith(b"no browser was found to open it\n")


def test_a_preview_as_a_qr_code(at: dict[str, str]) -> None:
    ran = run_command("preview", "create", "cli", "3000", "--qr", environment=at)
    assert ran.returncode == 0
    url = ran.stdout.decode().rstrip()
    assert "\n".join(qr_lines(url, inverted=True)) in ran.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["preview", "list", "cli/none"], ["error: ", "no VM", "hint: "]),
        (["preview", "renew", "cli", "x"], ["error: ", "hexadecimal", "hint: "]),
        (["preview", "create", "cli", "3000", "--label", "a\nb"], ["error: ", "label"]),
        (["vm", "create", "--kind", "other", "cli"], ["error: ", "other", "hint: "]),
        (["vm", "show", "a\\b"], ["error: ", "backslash", "hint: "]),
        (["exec", "cli", "--", "no-such-command"], ["error: ", "no-such-command"]),
        (["exec", "", "--", "true"], ["error: ", "key"]),
        (["exec", "--kind", "other", "cli", "--", "true"], ["error: ", "other", "hint: "]),
        (["preview", "create", "cli", "70000"], ["error: ", "65535"]),
        (["preview", "create", "cli", "3000", "--expires-in", "0"], ["error: ", "1 and 86400"]),
        (["preview", "revoke", "cli"], ["error: ", "token"]),
        (["exec", "--url", "http://localhost:1", "cli", "--", "true"], ["error: ", "hatchway serve"]),
        (["exec", "--url", "nonsense", "cli", "--", "true"], ["error: ", "nonsense", "hint: "]),
    ],
)
def test_errors_say_what_and_what_next(at: dict[str, str], arguments: list[str], words: list[str]) -> None:
    ran = run_command(*arguments, environment=at)
    said = ran.stderr.decode()
    assert (ran.returncode, ran.stdout) == (1, b"")
    for word in words:
        assert word in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["exec"],
        ["preview", "create", "cli", "abc"],
        ["preview", "revoke", "cli", "--all", "--id", "x"],
        ["vm", "destroy"],
        ["exec", "-e", "X", "cli", "--", "true"],
    ],
)
def test_wrong_usage_is_2(at: dict[str, str], arguments: list[str]) -> None:
    ran = run_command(*arguments, environment=at)
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert b"Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], ["HATCHWAY_TOKEN"]),
        (["--host", "192.0.2.1"], ["HATCHWAY_TOKEN"]),
        (["--port", "70000"], ["65535"]),
        (["--preview-domain", "not a domain"], ["preview_domain"]),
        (["no_such_module:registry"], ["no_such_module"]),
        (["broken:registry"], ["ZeroDivisionError", "broken.py, line 1"]),
        (["empty:registry"], ["registry"]),
        (["nonsense"], ["module:registry"]),
    ],
)
def test_a_server_that_cannot_be_says_why(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "empty.py").write_text("")
    data = tmp_path / "data"
    ran = run_command("serve", "--port", "0", "--data-dir", str(data), *arguments, cwd=tmp_path)
    said = ran.stderr.decode()
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert said.startswith("error: ")
    assert "hint: " in said or "--port" in arguments
    for word in words:
        assert word in said
    assert "Traceback" not in said
    assert not data.exists()


def test_a_data_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = run_command("serve", "--port", "0", "--data-dir", str(tmp_path / "file" / "data"))
    assert ran.returncode == 1
    assert b"error: the server's database could not be used" in ran.stderr
    assert b"Traceback" not in ran.stderr
    assert b"internal" not in ran.stderr


def test_doctor_says_that_vms_can_run_here() -> None:
    ran = run_command("doctor")
    assert ran.returncode == 0, ran.stdout.decode()
    assert ran.stderr == b"VMs can run here\n"
    findings = json.loads(run_command("doctor", "--json").stdout)
    assert findings != []
    for finding in findings:
        assert finding.keys() >= {"name", "status", "detail", "fix"}
        assert finding["status"] in {"ok", "limited"}


def test_the_demo_shows_every_step_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    environment = {"TMPDIR": str(folder), "HATCHWAY_TOKEN": "of-another-server"}
    ran = run_command("demo", environment=environment)
    told = ran.stdout.decode()
    assert ran.returncode == 0, ran.stderr.decode()
    for words in (
        "200 OK: Hello from VM",
        '{"method":"POST","received":{"key":"value"}}',
        "204 No Content",
        "access-control-allow-origin: *",
        "the same URL now: 403 Forbidden",
        "another-agent, port 3000: Hello from another VM",
    ):
        assert words in told
    assert re.search(r"http://[a-z0-9]{32}\.localhost:[0-9]+/", told)
    assert list(folder.iterdir()) == []
