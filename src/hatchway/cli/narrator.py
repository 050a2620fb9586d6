"""How the demo is told: numbered steps with the code that runs, its answers, and the time it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text


class Narrator:
    """Prints steps as they happen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0

    def title(self, text: str) -> None:
        """The first line."""
        self._console.print(Text(text, style="bold"))

    @contextmanager
    def step(self, what: str, code: str = "") -> Iterator[None]:
        """One step: `what` and `code` are printed before it begins, its time in milliseconds when it has ended."""
        self._steps += 1
        self._console.print()
        self._console.print(Text.assemble((f"{self._steps:>2}  ", "bold cyan"), (what, "bold")))
        for line in code.splitlines():
            self._console.print(Text(f"    {line}", style="cyan"))
        started = time.perf_counter()
        yield
        elapsed = (time.perf_counter() - started) * 1000
        self._console.print(Text(f"    {elapsed:.1f} ms", style="dim"))

    def answer(self, text: str) -> None:
        """Something that came back."""
        for line in text.splitlines() or [""]:
            self._console.print(Text.assemble(("    → ", "green"), line))

    def closing(self, *lines: Text) -> None:
        """The last lines."""
        self._console.print()
        for line in lines:
            self._console.print(line)
