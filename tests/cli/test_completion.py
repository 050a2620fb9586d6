from __future__ import annotations

import asyncio
import os
import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.conftest import Run, vm_entry
from client.stub_server import VM, StubServer, answer, ndjson, never
from hatchway.cli.completion import plain_words

SPECIAL = set(" \t\n\r'\"\\$`!*?[]{}()<>|&;#^\0\x1b\x7f\u202e\u2028")


@given(st.lists(st.text(st.sampled_from([*SPECIAL, *"ab/.~=-:ü"]) | st.characters())))
def test_no_word_means_anything_to_a_shell(words: list[str]) -> None:
    for word in plain_words(words):
        assert word in words
        assert not SPECIAL & set(word)
        assert word[0] not in "~=-"
        assert word.isprintable()


@pytest.mark.parametrize(
    "word",
    ["my-agent", "team/agent", "src/main.py", "@types", "a+b,c", "größe", "文件", ".hidden", "a:b", "x=1"],
)
def test_plain_words_are_offered(word: str) -> None:
    assert plain_words([word]) == [word]


class Bash:
    """A bash that completes words by this command."""

    def __init__(self, folder: Path, script: bytes, url: str) -> None:
        program = folder / "hatchway"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m hatchway "$@"\n')
        program.chmod(0o755)
        self._script = script.decode()
        self._folder = folder
        self.environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "HATCHWAY_URL": url}

    async def complete(self, *words: str) -> list[str]:
        """What is offered for the last of `words`."""
        line = " ".join(map(shlex.quote, words))
        script = (
            f"{self._script}\nCOMP_WORDS=({line})\nCOMP_CWORD={len(words) - 1}\n"
            '_hatchway_completion hatchway\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
        )
        bash = await asyncio.create_subprocess_exec(
            *("bash", "--norc", "-c", script),
            cwd=self._folder,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await bash.communicate()
        assert (bash.returncode, err) == (0, b"")
        return [word for word in out.decode().split("\n") if word]


@pytest.fixture
async def bash(run: Run, server: StubServer, tmp_path: Path) -> Bash:
    return Bash(tmp_path, (await run("--show-completion", "bash")).out, server.url)


async def test_bash_completes_keys(bash: Bash, server: StubServer) -> None:
    keys = [["my-agent"], ["my", "other"], ["your"], ["my $(id)"], ["my;ls"]]
    vms = [vm_entry(*key) for key in keys] + [vm_entry("my-builder", kind="builder")]
    server.on("GET", "/api/vms", answer({"vms": vms}))
    assert await bash.complete("hatchway", "exec", "my") == ["my-agent", "my/other"]
    assert await bash.complete("hatchway", "fetch", "") == ["my-agent", "my/other", "your"]
    assert await bash.complete("hatchway", "fetch", "--kind", "builder", "") == ["my-builder"]
    assert await bash.complete("hatchway", "exec", "none") == []
    assert server.to("POST", "/api/vms") == []


async def test_bash_completes_commands_and_options(bash: Bash) -> None:
    assert await bash.complete("hatchway", "fe") == ["fetch"]
    assert "--timeout" in await bash.complete("hatchway", "exec", "--t")


async def test_nothing_is_said_of_a_server_that_does_not_answer(bash: Bash, server: StubServer) -> None:
    server.on("GET", "/api/vms", never)
    assert await bash.complete("hatchway", "exec", "my") == []
    server.on("GET", "/api/vms", answer(b"nonsense"))
    assert await bash.complete("hatchway", "exec", "my") == []
    await server.stop()
    assert await bash.complete("hatchway", "exec", "my") == []
    await server.start()


FOLDER = [
    {"path": "lib", "type": "directory", "size": 0},
    {"path": "main.py", "type": "file", "size": 1},
    {"path": "my notes", "type": "file", "size": 1},
    {"path": "$(reboot)", "type": "file", "size": 1},
    {"path": "-rf", "type": "file", "size": 1},
    {"path": ".hidden", "type": "file", "size": 1},
]


def on_folder(server: StubServer, state: str = "running") -> None:
    server.on("GET", "/api/vms", answer({"vms": [vm_entry("my-agent", state=state)]}))
    server.on("GET", f"{VM}/files/list", ndjson(*FOLDER, {"end": True, "entries": 6, "unreadable": 0}))


async def test_bash_completes_paths_in_a_vm(bash: Bash, server: StubServer) -> None:
    on_folder(server)
    assert await bash.complete("hatchway", "cat", "my-agent", "") == ["lib/", "main.py"]
    assert await bash.complete("hatchway", "ls", "my-agent", "/src/m") == ["/src/main.py"]
    assert await bash.complete("hatchway", "rm", "my-agent", "src/a", "src/.h") == ["src/.hidden"]
    folders = [request.target for request in server.to("GET", f"{VM}/files/list")]
    assert [target.partition("?")[2] for target in folders] == [
        f"path={folder}&max_depth=1" for folder in (".", "/src/", "src/")
    ]


async def test_no_vm_is_started_for_it(bash: Bash, server: StubServer) -> None:
    on_folder(server, state="asleep")
    assert await bash.complete("hatchway", "cat", "my-agent", "") == []
    assert await bash.complete("hatchway", "cat", "other", "") == []
    assert {request.target.partition("?")[0] for request in server.received} == {"/api/vms"}


async def test_bash_completes_both_ends_of_a_copy(bash: Bash, server: StubServer, tmp_path: Path) -> None:
    on_folder(server)
    (tmp_path / "my-file").write_text("")
    (tmp_path / "my folder").mkdir()
    assert await bash.complete("hatchway", "cp", "my") == ["my-agent:", "my-file"]
    assert await bash.complete("hatchway", "cp", "./my") == ["./my-file"]
    # A colon is a word of its own to bash, and what follows is completed alone.
    assert await bash.complete("hatchway", "cp", "my-agent", ":", "/src/m") == ["/src/main.py"]
    assert await bash.complete("hatchway", "cp", "my-file", "my-agent", ":", "src/l") == ["src/lib/"]


async def test_other_shells_complete_whole_words(bash: Bash, server: StubServer, tmp_path: Path) -> None:
    on_folder(server)
    environment = bash.environment | {
        "_HATCHWAY_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": "hatchway cp my-agent:/src/m",
    }
    asked = await asyncio.create_subprocess_exec(
        str(tmp_path / "hatchway"), env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asked.communicate()
    assert out == b"my-agent:/src/main.py\n"
