"""A terminal for what is tested."""

from __future__ import annotations

import os
import pty
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Terminal:
    """A pseudo-terminal (pty(7)), and all that was written to it."""

    def __init__(self) -> None:
        self._controller, self.descriptor = pty.openpty()
        self._shown = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._controller, 65536)
            except OSError:  # EIO: nobody has the other side open any more
                return
            self._shown += data

    def end(self) -> str:
        """What was shown on it. Nothing may be written to it any more."""
        os.close(self.descriptor)
        self._reader.join()
        os.close(self._controller)
        return self._shown.decode()


@contextmanager
def standard_stream(
    name: str, monkeypatch: pytest.MonkeyPatch, *, term: str = "xterm"
) -> Iterator[list[str]]:
    """Have `sys.stdout` or `sys.stderr` be a terminal; the list holds what it showed, after the block."""
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", "100")
    shown: list[str] = []
    terminal = Terminal()
    with (
        open(terminal.descriptor, "w", encoding="utf-8", closefd=False) as stream,
        monkeypatch.context() as patch,
    ):
        patch.setattr(sys, name, stream)
        try:
            yield shown
        finally:
            stream.flush()
            shown.append(terminal.end())
