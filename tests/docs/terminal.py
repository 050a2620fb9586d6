"""Commands as they are typed at a terminal of 80 columns: what it shows, and Ctrl-C."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from e2e.waiting import wait_until

COLUMNS = 80
_ROWS = 50
_STOP_SECONDS = 20.0


class Typed:
    """A command that was typed. It runs in bash, and has the terminal to itself.

    Args:
        command: the line.
        folder: the working directory.
        environment: all of its environment.
    """

    def __init__(self, command: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.command = command
        self._shown = bytearray()
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, COLUMNS, 0, 0))
        try:
            self._process = subprocess.Popen(
                ["bash", "-c", command],
                stdin=its,
                stdout=its,
                stderr=its,
                cwd=folder,
                env={**environment, "TERM": "dumb"},
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(its)
        self._reader = threading.Thread(target=self._read, args=(ours,), daemon=True)
        self._reader.start()

    @property
    def shown(self) -> str:
        """What the terminal shows by now."""
        return self._shown.decode(errors="replace").replace("\r\n", "\n")

    @property
    def ended(self) -> bool:
        """Whether the command has ended, and all that it wrote is shown."""
        return self._process.poll() is not None and not self._reader.is_alive()

    def wait(self, until: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait until it has ended, or `until()` holds."""
        wait_until(lambda: self.ended or until(), f"{self.command!r} {what}", seconds)

    def interrupt(self) -> int:
        """Ctrl-C; its exit code."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        code = self._process.wait(_STOP_SECONDS)
        self._reader.join(_STOP_SECONDS)
        return code

    def kill(self) -> None:
        """End it, whatever state it is in."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _read(self, terminal: int) -> None:
        try:
            while piece := os.read(terminal, 65536):
                self._shown += piece
        except OSError as error:  # how the end of all that had the terminal open is told (pty(7))
            if error.errno != errno.EIO:
                raise
        finally:
            os.close(terminal)
