"""The blocks and commands in the documents: the Python runs, the commands exist, and both print what is shown."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.main

from compatibility.packages import layer
from docs.document import DOCUMENTS, Block, all_blocks, blocks, commands, read
from docs.terminal import COLUMNS
from docs.walkthrough import MAKE, follow
from e2e.server_process import ServerProcess, clean_environment
from hatchway.cli.app import app

SERVER = "server.py"

OUTPUT = {"text"}
"""Languages of what is only shown."""
FOLLOWED = {"python", "console"}
ELSEWHERE = {"docs/deploy.md": {"caddyfile", "ini", "nginx", "sh"}, "docs/from-rivet.md": {"ts"}}
"""What is run by other tests: test_deploy.py and tests/e2e/test_behind_a_proxy.py; those of tests/rivet."""

_CODE_SPAN = re.compile(r"`(hatchway [^`]+)`")
_END_OF_COMMAND = frozenset({"|", ";", "&&", "--", "&"})

# FastAPI is among the packages of the compatibility tests, which are installed beside ours.
_UVICORN = "import sys; sys.path.append({!r}); from uvicorn import main; sys.exit(main())"


def followed() -> list[tuple[str, Block]]:
    """Each block that is run where it stands, with its document."""
    return [
        (name, block)
        for name in DOCUMENTS
        for block in all_blocks(read(name))
        if block.language in FOLLOWED or block.file is not None
    ]


def of(language: str) -> pytest.MarkDecorator:
    chosen = [(name, block) for name, block in followed() if block.language == language]
    names = [f"{name}:{block.line}" for name, block in chosen]
    return pytest.mark.parametrize(("document", "block"), chosen, ids=names)


@dataclass(frozen=True, repr=False)
class Walks:
    """What is wrong with each document, by the lines of its blocks; a document is followed when first asked for."""

    environment: Mapping[str, str]
    folder: Path
    server: str
    found: dict[str, Mapping[int, str]] = field(default_factory=dict)

    def wrong(self, document: str, line: int) -> str | None:
        """What is wrong with the block in that line."""
        if document not in self.found:
            folder = self.folder / document.replace("/", "-")
            folder.mkdir()
            (folder / SERVER).write_text((self.folder / SERVER).read_text())
            (folder / ".venv").symlink_to(self.folder)
            environment = {**self.environment, "XDG_DATA_HOME": str(folder / "data")}
            with pytest.MonkeyPatch.context() as patch:
                for name in [name for name in os.environ if name.startswith("HATCHWAY_")]:
                    patch.delenv(name)
                patch.setenv("XDG_DATA_HOME", environment["XDG_DATA_HOME"])
                patch.chdir(folder)
                self.found[document] = follow(document, read(document), folder, environment, self.server)
        return self.found[document].get(line) or self.found[document].get(0)


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walks]:
    """Runs the README's server.py as it stands, but on a free port, for all documents that start none."""
    folder = tmp_path_factory.mktemp("documents")
    (block,) = [each for each in blocks(read("README.md"), "python") if each.file == SERVER]
    assert block.text.count("registry.start()") == 1
    (folder / SERVER).write_text(block.text)
    commands = {
        "hatchway": '-m hatchway "$@"',
        "python": '"$@"',
        "uvicorn": f'-c {shlex.quote(_UVICORN.format(str(layer() / "local/lib/compatibility/python")))} "$@"',
    }
    (folder / "bin").mkdir()
    for name, arguments in commands.items():
        command = folder / "bin" / name
        command.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments}\n")
        command.chmod(0o755)
    (folder / "bin/activate").touch()  # the commands are in the path
    environment = clean_environment(COLUMNS=str(COLUMNS))
    environment["PATH"] = f"{folder / 'bin'}:{environment['PATH']}"
    (folder / "served").mkdir()
    (folder / "served" / SERVER).write_text(block.text)
    with ServerProcess(
        folder / "served",
        command=[sys.executable, SERVER],
        environment={"HATCHWAY_PORT": "0", "HATCHWAY_DATA_DIR": str(folder / "served/data")},
    ) as server:
        yield Walks(environment, folder, urlsplit(server.url).netloc)
        assert server.terminate() == 0
        assert b"Traceback" not in server.output


@pytest.mark.sandbox
@of("python")
def test_the_python_of_a_document_runs_and_prints_what_it_says(
    document: str, block: Block, walks: Walks
) -> None:
    wrong = walks.wrong(document, block.line)
    assert wrong is None, wrong


@pytest.mark.sandbox
@of("console")
def test_commands_show_their_real_output(document: str, block: Block, walks: Walks) -> None:
    wrong = walks.wrong(document, block.line)
    assert wrong is None, wrong


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_is_run_or_is_output(document: str) -> None:
    allowed = FOLLOWED | OUTPUT | ELSEWHERE.get(document, set())
    for block in all_blocks(read(document)):
        assert block.language in allowed or block.file is not None, f"{document}:{block.line}"


@pytest.mark.parametrize("target", MAKE)
def test_what_targets_come_to(target: str) -> None:
    name = target.removeprefix("make ")
    recipe = rf"^{name}:\n(?:\t.*\n)*?\t@\.venv/bin/{MAKE[target]}\b"
    assert re.search(recipe, read("Makefile"), re.MULTILINE)


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
        while words and not words[0].startswith("-") and hasattr(command, "commands"):
            assert words[0] in command.commands, f"no command {words[0]}"
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
        assert {word for word in words if word.startswith("-") and word != "-"} <= known


def test_words_of_commands() -> None:
    line = "echo x | hatchway preview revoke a --json; hatchway exec b -e A=B -- hatchway --nonsense"
    assert simple_commands(line)[:2] == [["preview", "revoke", "a", "--json"], ["exec", "b", "-e", "A=B"]]
