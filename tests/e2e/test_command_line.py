"""The command, as a process: data on stdout, everything else on stderr, exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from e2e.server_process import ServerProcess, clean_environment, run_command

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
        assert fields.keys() == {"url", "path", "token", "port", "expires_at", "forward_host", "cors"}
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
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
    [["fly"], ["exec"], ["preview", "create", "cli", "abc"], ["exec", "-e", "X", "cli", "--", "true"]],
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
