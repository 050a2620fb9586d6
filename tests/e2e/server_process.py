"""A server as a real child process: `python -m hatchway serve` on a free port."""

from __future__ import annotations

import errno
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from e2e.waiting import wait_until

COMMAND = (sys.executable, "-m", "hatchway")
START_SECONDS = 20.0
STOP_SECONDS = 10.0
"""Far above what a clean stop takes, far below what a server that waits for its clients would take."""

_LISTENING = re.compile(rb"listening on (https?://localhost:([0-9]+))\n")


def clean_environment(**added: str) -> dict[str, str]:
    """This process's environment without what is meant for other servers and clients, and with `added`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HATCHWAY_")}
    return kept | {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1"} | added


def run_command(
    *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run one `hatchway` command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        env=clean_environment(**(environment or {})),
        cwd=cwd,
        timeout=60,
        check=False,
    )


def run_at_terminal(
    *arguments: str, typed: str = "", environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run one `hatchway` command at a terminal of its own, at which `typed` is typed.

    Returns:
        Its exit code, and what the terminal showed: what was typed too.
    """
    ours, its = pty.openpty()
    try:
        ran = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=its,
            stdout=its,
            stderr=its,
            env=clean_environment(TERM="dumb", COLUMNS="120", **(environment or {})),
        )
        os.close(its)
        os.write(ours, typed.encode())
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError as error:  # how the end of all that had the terminal open is told (pty(7))
            if error.errno != errno.EIO:
                raise
        return ran.wait(timeout=60), shown.decode().replace("\r\n", "\n")
    finally:
        os.close(ours)


class ServerProcess:
    """A server that runs in a process of its own. A context manager, which stops it.

    Args:
        folder: where its data and its output go; another server on the same folder finds the same data.
        arguments: more arguments of `hatchway serve`.
        environment: added to the clean environment.
        command: the command instead, which is then run in `folder`; the environment is to say which port it takes (0)
            and where its data is (`folder/data`), if it does not know.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        self.data_dir = folder / "data"
        # Not below `folder`: the path of a UNIX socket holds at most 107 bytes (unix(7)).
        self._runtime = TemporaryDirectory(prefix="hatchway-e2e-")
        self.runtime_dir = Path(self._runtime.name)
        self._stdout, self._stderr = folder / "stdout", folder / "stderr"
        self._said_before = len(self._stderr.read_bytes()) if self._stderr.exists() else 0
        with open(self._stdout, "ab") as stdout, open(self._stderr, "ab") as stderr:
            self._process = subprocess.Popen(
                [
                    *(command or (*COMMAND, "serve", "--port", "0", "--data-dir", str(self.data_dir))),
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=None if command is None else folder,
                env=clean_environment(XDG_RUNTIME_DIR=self._runtime.name, **(environment or {})),
            )
        try:
            wait_until(self._listens_or_ended, "the server listens", START_SECONDS)
        except BaseException:
            self.kill()
            self._runtime.cleanup()
            raise
        found = _LISTENING.search(self._said())
        assert found is not None, f"the server did not start: {self._said().decode()}"
        self.url = found[1].decode()
        self.port = int(found[2])

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def output(self) -> bytes:
        """All that servers on this folder have written to their stdout and stderr."""
        return self._stdout.read_bytes() + self._stderr.read_bytes()

    def terminate(self) -> int:
        """Stop it with SIGTERM; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._process.poll() is None:
                self.terminate()
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            self._runtime.cleanup()

    def _said(self) -> bytes:
        return self._stderr.read_bytes()[self._said_before :]

    def _listens_or_ended(self) -> bool:
        return _LISTENING.search(self._said()) is not None or self._process.poll() is not None
