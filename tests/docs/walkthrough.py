"""A document followed block by block, as its reader does it.

- A block whose first line names a file is saved under that name.
- Other Python runs, with `await` and in one namespace, as in `python -m asyncio`; what it prints is the comment behind
  each `print()`.
- The commands of a console block are typed at a terminal, where the output shown must appear. Servers stay up to the
  document's end.

Tokens, ids and ports differ from run to run. Where a document shows one and names it again below, the real one is
meant; so does the walk.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from docs.document import Block, Shown, align, all_blocks, commands, real_names
from docs.terminal import Typed
from hatchway import AsyncClient, Client

SERVER = "localhost:6420"
"""Where documents say that the server is."""

MAKE = {"make demo": "hatchway demo", "make serve": "hatchway serve"}
"""What a target comes to, once everything is set up."""

_STAYS_UP = re.compile(r"\b(hatchway serve|make serve|python server\.py|uvicorn)\b(?!.*--show-config)")
_FREE_PORTS = {"HATCHWAY_PORT": "0", "UVICORN_PORT": "0"}
_PRINTS = re.compile(r"^ *print\(.*\)  # (.+)$", re.MULTILINE)
_SECONDS = 60.0


class Unlike(Exception):  # noqa: N818 - what a document says is unlike what happens
    """What happened is not what the document says."""


class Walk:
    """One document, followed from its beginning to its end.

    Args:
        document: its path in the repository, or another name.
        text: what it says.
        folder: where its reader works.
        environment: all of the environment of commands.
        server: where a server is that runs already, such as `localhost:7000`.
    """

    def __init__(
        self, document: str, text: str, folder: Path, environment: Mapping[str, str], server: str
    ) -> None:
        self._document = document
        self._blocks = all_blocks(text)
        self._folder = folder
        self._environment = {**environment, "HATCHWAY_URL": f"http://{server}"}
        self._real = {SERVER: server}
        self._names: dict[str, Any] = {}
        self._up: list[Typed] = []

    async def follow(self) -> dict[int, str]:
        """Follow the document, up to the first block that fails.

        Returns:
            What is wrong, by the line of the block, for that block and all behind it.
        """
        try:
            for position, block in enumerate(self._blocks):
                try:
                    await self._follow(block)
                except Exception:  # noqa: BLE001 - whatever a document's code raises
                    before = f"{self._document}:{block.line} failed before"
                    behind = {each.line: before for each in self._blocks[position:]}
                    return behind | {block.line: traceback.format_exc()}
            return self._end()
        finally:
            for typed in self._up:
                typed.kill()
            for value in self._names.values():
                if isinstance(value, AsyncClient):
                    await value.aclose()
                elif isinstance(value, Client):
                    value.close()

    async def _follow(self, block: Block) -> None:
        if block.file is not None:
            (self._folder / block.file).write_text(self._in_reality(block.text))
        elif block.language == "python":
            await self._run(block)
        elif block.language == "console":
            for shown in commands(block):
                self._type(shown)

    async def _run(self, block: Block) -> None:
        expected = _PRINTS.findall(block.text)
        if len(expected) != block.text.count("print("):
            raise Unlike("each print says what it prints, in a comment behind it")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            result = FunctionType(self._compiled(block), self._names)()
            if inspect.isawaitable(result):
                await result
        self._compare(expected, printed.getvalue())

    def _compiled(self, block: Block) -> CodeType:
        """The code of a block, its lines numbered as in the document."""
        code: CodeType = compile(
            "\n" * block.line + self._in_reality(block.text),
            self._document,
            "exec",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        return code

    def _type(self, shown: Shown) -> None:
        command = self._in_reality(MAKE.get(shown.command, shown.command))
        stays_up = _STAYS_UP.search(command) is not None
        typed = Typed(command, self._folder, self._environment | (_FREE_PORTS if stays_up else {}))
        if stays_up:
            self._up.append(typed)
        try:
            typed.wait(
                lambda: stays_up and align(shown.output, typed.shown.splitlines()) is not None,
                "shows what it is to show" if stays_up else "ends",
                _SECONDS,
            )
        except AssertionError as error:
            typed.kill()
            raise Unlike(f"{error}; it showed:\n{typed.shown}") from None
        self._compare(shown.output, typed.shown)

    def _compare(self, expected: list[str], real: str) -> None:
        lines = align(expected, real.splitlines())
        if lines is None:
            raise Unlike("said:\n" + "\n".join(expected) + "\n\nreally:\n" + real)
        self._real.update(real_names(lines))
        self._environment["HATCHWAY_URL"] = f"http://{self._real[SERVER]}"

    def _in_reality(self, text: str) -> str:
        for said, real in self._real.items():
            text = text.replace(said, real)
        return text

    def _end(self) -> dict[int, str]:
        """End the servers, the latest first, as Ctrl-C does."""
        for typed in reversed(self._up):
            typed.interrupt()
            if "Traceback" in typed.shown:
                return {0: f"{typed.command}:\n{typed.shown}"}
        return {}


def follow(
    document: str, text: str, folder: Path, environment: Mapping[str, str], server: str
) -> dict[int, str]:
    """As `Walk.follow`, in an event loop of its own."""
    return asyncio.run(Walk(document, text, folder, environment, server).follow())
