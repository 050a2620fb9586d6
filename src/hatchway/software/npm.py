"""Packages of the npm registry as layers: resolved into a lock, checked, installed from it. No package's code runs.

npm is the host's or that of a Node.js layer, with the host's settings for its registry. What else an npmrc may say is
overridden.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from hatchway.software import refusals
from hatchway.software.installer import run
from hatchway.software.last_words import last_words
from hatchway.software.layers import PACKAGES, Made
from hatchway.software.npm_lock import MODULES, read_lock
from hatchway.software.refusals import Wanted
from hatchway.software.sources import COMMAND, Npm

_FLAGS = (
    *("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--no-progress"),
    *("--loglevel=error", "--logs-max=0"),
    # By default it would wait for a minute before it tries a last time.
    "--fetch-retry-maxtimeout=10000",
    # What an npmrc could say that would end up as another layer, or none.
    *("--location=project", "--no-global", "--no-workspaces", "--no-dry-run", "--bin-links"),
    *("--install-strategy=hoisted", "--omit=dev", "--no-legacy-peer-deps", "--no-engine-strict"),
    "--no-omit-lockfile-registry-resolved",
    # Nothing but what the registry has and gives a hash for. Older versions of npm do not know these; npm_lock looks
    # anew. Not --allow-remote, which would also mean a registry that keeps its packages on another host.
    *("--allow-git=none", "--allow-file=none", "--allow-directory=none"),
)
_ENVIRONMENT = {"NODE_USE_SYSTEM_CA": "1"}
"""Node.js brings authorities of its own; this lets it trust the machine's, too, as pip does."""

_log = logging.getLogger(__name__)


def npm_of_layer(layer: Path) -> list[str] | None:
    """The command that runs the npm in a layer, if that has Node.js and npm."""
    node = layer / "local/bin/node"
    script = layer / "local/lib/node_modules/npm/bin/npm-cli.js"
    return [str(node), str(script)] if node.is_file() and script.is_file() else None


def npm_of_host() -> list[str] | None:
    """The command that runs the host's npm, if there is one."""
    npm = shutil.which("npm")
    return None if npm is None or shutil.which("node") is None else [npm]


async def install(
    software: str,
    source: Npm,
    commands: Sequence[str],
    npm: Sequence[str],
    usr: Path,
    work: Path,
    say: Callable[[str], None],
) -> Made:
    """Install a package for a VM.

    Args:
        software: the name of the software.
        source: the package.
        commands: of its commands, those that a VM shall find in its PATH.
        npm: the command that runs npm.
        usr: the layer to fill.
        work: a folder for what is needed meanwhile.
        say: told of the progress.

    Raises:
        Unavailable: `software_not_found`, `software_unavailable`.
        OSError: a folder cannot be written.
    """
    wanted = Wanted(software, source.package, "npm registry")
    project = work / "project"
    project.mkdir()
    package = {
        "name": "layer",
        "version": "1.0.0",
        "private": True,
        "dependencies": {source.name: source.wanted},
    }
    (project / "package.json").write_text(json.dumps(package))
    await _run_npm(wanted, npm, ("install", "--package-lock-only"), project, work)
    packages = read_lock(wanted, (project / "package-lock.json").read_bytes())
    chosen = packages.get(f"{MODULES}/{source.name}")
    if chosen is None:
        raise refusals.unavailable(wanted)
    others = " and what it needs" if len(packages) > 1 else ""
    say(f"{software}: fetching {chosen.name} {chosen.version}{others} from the {wanted.registry}")
    await _run_npm(wanted, npm, ("ci",), project, work)
    home = usr / PACKAGES / software
    home.mkdir(parents=True)
    modules = home / MODULES
    os.rename(project / MODULES, modules)
    # It names where each package came from.
    (modules / ".package-lock.json").unlink(missing_ok=True)
    _link_commands(wanted, modules, commands, usr)
    installed = (each for name, each in sorted(packages.items()) if (home / name).is_dir())
    return Made(chosen.version, tuple(installed))


async def _run_npm(
    wanted: Wanted, npm: Sequence[str], arguments: Sequence[str], project: Path, work: Path
) -> None:
    # The project is where it runs. Told by --prefix, it would not read the npmrc of the machine.
    ran = await run([*npm, *arguments, *_FLAGS, f"--cache={work / 'npm-cache'}"], project, _ENVIRONMENT)
    if ran.exit_code != 0:
        _log.warning("npm failed for the software %s: %s", wanted.software, last_words(ran.stderr))
        raise refusals.npm_refusal(wanted, ran.stderr)


def _link_commands(wanted: Wanted, modules: Path, commands: Sequence[str], usr: Path) -> None:
    bin_folder = usr / "local/bin"
    bin_folder.mkdir(parents=True)
    root = os.path.realpath(modules)
    for command in commands:
        program = os.path.realpath(modules / ".bin" / command)
        if not os.path.isfile(program) or os.path.commonpath([root, program]) != root:
            found = [each.name for each in (modules / ".bin").glob("*") if COMMAND.fullmatch(each.name)]
            raise refusals.no_command(wanted, command, found)
        (bin_folder / command).symlink_to(os.path.relpath(program, os.path.realpath(bin_folder)))
        Path(program).chmod(0o755)
