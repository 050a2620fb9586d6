"""`hatchway` for one VM, as a process."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.terminals import Terminal
from e2e.server_process import COMMAND, clean_environment


class Command:
    """Runs command lines in a folder, against one server.

    Args:
        url: the server's.
        key: of a VM of the test's own, as it is typed.
        folder: where the command lines run.
    """

    def __init__(self, url: str, key: str, folder: Path) -> None:
        self.key = key
        self.folder = folder
        self.environment = clean_environment(HATCHWAY_URL=url)

    def __call__(self, *arguments: str | bytes, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run one to its end."""
        return subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            env=self.environment,
            cwd=self.folder,
            timeout=60,
            check=False,
        )

    def ok(self, *arguments: str | bytes, stdin: bytes = b"") -> bytes:
        """The output of one that succeeds and says nothing else."""
        ran = self(*arguments, stdin=stdin)
        assert (ran.returncode, ran.stderr) == (0, b""), ran.stderr.decode()
        return ran.stdout

    def fails(self, *arguments: str | bytes, code: int = 1) -> str:
        """What one says that fails, as anybody may read it."""
        ran = self(*arguments)
        said = ran.stderr.decode()
        assert (ran.returncode, ran.stdout) == (code, b""), said
        assert "Traceback" not in said
        assert "internal" not in said
        return said

    def sh(self, script: str) -> bytes:
        """The output of a script in the VM."""
        return self.ok("exec", self.key, "--", "sh", "-c", script)

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start one, with pipes to it and from it; at the end of the block it is waited for."""
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=self.environment,
            cwd=self.folder,
        ) as process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise

    def first_byte(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """What one does whose reader leaves after a byte."""
        return subprocess.run(
            ["bash", "-c", '"$@" | head -c 1; exit "${PIPESTATUS[0]}"', "bash", *COMMAND, *arguments],
            capture_output=True,
            env=self.environment,
            timeout=60,
            check=False,
        )

    def shown(self, stream: str, *arguments: str) -> str:
        """What one shows on a terminal that is its `stdout` or `stderr`."""
        terminal = Terminal()
        subprocess.run(
            [*COMMAND, *arguments],
            **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: terminal.descriptor},  # type: ignore[call-overload]
            env=self.environment | {"TERM": "xterm", "COLUMNS": "100"},
            cwd=self.folder,
            timeout=60,
            check=True,
        )
        return terminal.end().replace("\r\n", "\n")
