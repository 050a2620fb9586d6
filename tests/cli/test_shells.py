from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cli.conftest import Run
from hatchway.cli.shells import with_shell


@pytest.mark.parametrize(
    ("arguments", "completed"),
    [
        (["--show-completion"], ["--show-completion", "fish"]),
        (["--install-completion"], ["--install-completion", "fish"]),
        (["--show-completion", "bash"], ["--show-completion", "bash"]),
        (["--show-completion", "--version"], ["--show-completion", "fish", "--version"]),
        (["--show-completion=zsh"], ["--show-completion=zsh"]),
        (["exec", "a", "--", "--show-completion"], ["exec", "a", "--", "--show-completion"]),
        ([], []),
    ],
)
def test_the_users_shell_is_meant_unless_another_is_named(arguments: list[str], completed: list[str]) -> None:
    assert with_shell(arguments, "/usr/bin/fish") == completed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_the_script_of_a_shell(run: Run, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    named = await run("--show-completion", shell)
    assert (named.code, named.err) == (0, "")
    assert f"_HATCHWAY_COMPLETE=complete_{shell}".encode() in named.out
    monkeypatch.setenv("SHELL", f"/bin/{shell}")
    assert (await run("--show-completion")).out == named.out


async def test_bash_takes_the_script(run: Run) -> None:
    script = (await run("--show-completion", "bash")).out
    subprocess.run(["bash", "-n"], input=script, check=True)


@pytest.mark.parametrize(
    ("own", "words"), [("/bin/sh", "'sh' is not a shell"), ("", "the shell is not known")]
)
async def test_a_shell_that_cannot_complete(
    run: Run, monkeypatch: pytest.MonkeyPatch, own: str, words: str
) -> None:
    monkeypatch.setenv("SHELL", own)
    for option in ("--show-completion", "--install-completion"):
        ran = await run(option)
        assert (ran.code, ran.out) == (1, b"")
        assert words in ran.err
        assert f"hint: name it: hatchway {option} bash|zsh|fish" in ran.err


async def test_it_is_written_where_the_shell_finds_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    ran = await run("--install-completion", "bash")
    assert (ran.code, ran.out) == (0, b"")
    written = tmp_path / ".bash_completions" / "hatchway.sh"
    assert str(written) in ran.err
    assert str(written) in (tmp_path / ".bashrc").read_text()
    assert written.read_text() == (await run("--show-completion", "bash")).out.decode().rstrip("\n")


async def test_a_home_that_cannot_be_written_to_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    ran = await run("--install-completion", "bash")
    assert (ran.code, ran.out) == (1, b"")
    assert "hint: print it instead" in ran.err
    assert "Traceback" not in ran.err
