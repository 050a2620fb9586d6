"""The snippets and commands in the documents: the Python runs, the commands exist, and both print what is shown."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
import typer.main

from docs.document import DOCUMENTS, Block, Shown, blocks, commands, normalise, read, shows
from e2e.server_process import clean_environment
from e2e.waiting import wait_until
from hatchway import AsyncClient, Client
from hatchway.cli.app import app

SERVER = "# server.py\n"
FILE = re.compile(r"# \w+\.py\n")
"""How a block begins that is a file: it is run by a test of its own."""
URL = "http://localhost:6420"

_LISTENING = re.compile(r"listening on (http://localhost:[0-9]+)\n")
_PRINTS = re.compile(r"^ *print\(.*\)  # (.+)$", re.MULTILINE)
_CODE_SPAN = re.compile(r"`(hatchway [^`]+)`")
_END_OF_COMMAND = frozenset({"|", ";", "&&", "--", "&"})


def with_python() -> list[str]:
    return [name for name in DOCUMENTS if blocks(read(name), "python")]


@dataclass(frozen=True)
class Served:
    """The README's server, running, and an environment in which commands find it."""

    url: str
    environment: Mapping[str, str]
    folder: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Runs the README's server.py as it stands, but on a free port."""
    folder = tmp_path_factory.mktemp("readme")
    (block,) = [each for each in blocks(read("README.md"), "python") if each.text.startswith(SERVER)]
    assert block.text.count("registry.start()") == 1
    (folder / "server.py").write_text(block.text.replace("registry.start()", "registry.start(port=0)"))
    (folder / "bin").mkdir()
    command = folder / "bin/hatchway"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m hatchway "$@"\n')
    command.chmod(0o755)
    environment = clean_environment(XDG_DATA_HOME=str(folder / "data"), COLUMNS="80")
    environment["PATH"] = f"{folder / 'bin'}:{environment['PATH']}"
    said = folder / "said"
    with said.open("wb") as output:
        server = subprocess.Popen([sys.executable, "server.py"], cwd=folder, env=environment, stderr=output)
    try:
        wait_until(
            lambda: _LISTENING.search(said.read_text()) is not None or server.poll() is not None,
            "the server listens",
            20,
        )
        found = _LISTENING.search(said.read_text())
        assert found is not None, said.read_text()
        yield Served(found[1], environment | {"HATCHWAY_URL": found[1]}, folder)
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
        assert "Traceback" not in said.read_text()
    finally:
        server.kill()
        server.wait()


def compiled(document: str, block: Block) -> CodeType:
    """The code of a block, its lines numbered as in the document."""
    code: CodeType = compile(
        "\n" * block.line + block.text,
        document,
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
        dont_inherit=True,
    )
    return code


@pytest.mark.sandbox
@pytest.mark.parametrize("document", with_python())
def test_the_python_of_a_document_runs_and_prints_what_it_says(
    document: str, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HATCHWAY_TOKEN", "HATCHWAY_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(served.folder)
    snippets = [
        Block(each.language, each.text.replace(URL, served.url), each.line)
        for each in blocks(read(document), "python")
        if not FILE.match(each.text)
    ]
    expected = [said for each in snippets for said in _PRINTS.findall(each.text)]
    assert len(expected) == sum(each.text.count("print(") for each in snippets), (
        "each print says what it prints"
    )
    printed = io.StringIO()

    async def run() -> None:
        names: dict[str, Any] = {}
        try:
            for snippet in snippets:
                result = FunctionType(compiled(document, snippet), names)()
                if inspect.isawaitable(result):
                    await result
        finally:
            for value in names.values():
                if isinstance(value, AsyncClient):
                    await value.aclose()
                elif isinstance(value, Client):
                    value.close()

    with contextlib.redirect_stdout(printed):
        asyncio.run(run())
    assert normalise(printed.getvalue()).splitlines() == [normalise(each) for each in expected]


def consoles() -> list[tuple[str, Block]]:
    return [(name, block) for name in DOCUMENTS for block in blocks(read(name), "console")]


def run_shown(shown: Shown, served: Served) -> list[str]:
    """What a command prints in a terminal of 80 columns."""
    ran = subprocess.run(
        ["bash", "-c", shown.command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=served.environment,
        cwd=served.folder,
        timeout=60,
        check=False,
    )
    return normalise(ran.stdout.decode()).splitlines()


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("document", "block"), consoles(), ids=[f"{name}:{block.line}" for name, block in consoles()]
)
def test_commands_show_their_real_output(document: str, block: Block, served: Served) -> None:
    for shown in commands(block):
        command = shown.command
        if command == "make demo":
            assert re.search(
                r"^demo:\n(?:\t.*\n)*?\t@\.venv/bin/hatchway demo ", read("Makefile"), re.MULTILINE
            )
            command = "hatchway demo"
        real = run_shown(Shown(command, []), served)
        expected = normalise("\n".join(shown.output)).splitlines()
        assert shows(expected, real), f"{shown.command} printed:\n" + "\n".join(real)


def mentioned() -> list[str]:
    """Every hatchway command in the documents, from console blocks and from the text."""
    found = []
    for name in DOCUMENTS:
        text = read(name)
        found += [shown.command for block in blocks(text, "console") for shown in commands(block)]
        found += _CODE_SPAN.findall(text)
    return sorted({command for command in found if "hatchway " in command and not command.startswith("#")})


def simple_commands(line: str) -> list[list[str]]:
    """The words of each hatchway command in a line, up to what is not its own."""
    found: list[list[str]] = []
    words = shlex.shlex(line, posix=True, punctuation_chars=";|&")
    words.whitespace_split = True
    current: list[str] | None = None
    for word in words:
        if word == "hatchway":
            current = []
            found.append(current)
        elif word in _END_OF_COMMAND:
            current = None
        elif current is not None:
            current.append(word)
    return found


@pytest.mark.parametrize("line", mentioned())
def test_commands_and_their_options_exist(line: str) -> None:
    parsed = simple_commands(line)
    assert parsed
    for words in parsed:
        command: Any = typer.main.get_command(app)
        while words and hasattr(command, "commands"):
            assert words[0] in command.commands, f"no command {words[0]}"
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
        assert {word for word in words if word.startswith("-")} <= known


def test_words_of_commands() -> None:
    line = "echo x | hatchway preview revoke a --json; hatchway exec b -e A=B -- hatchway --nonsense"
    assert simple_commands(line)[:2] == [["preview", "revoke", "a", "--json"], ["exec", "b", "-e", "A=B"]]
