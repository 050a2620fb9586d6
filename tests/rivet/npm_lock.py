"""Writes the lock files of `npm/` anew: the client at its version, with the newest allowed one of what it needs.

The whole package pulls in 480 MB for its server's side. Its client imports a handful of small packages, which are named
here; the lock file's entry for `rivetkit` depends on these alone, and `npm ci` installs what a lock file says.

usage: python -m rivet.npm_lock
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rivet.npm_client import LOCKS, NpmUnavailableError, run_npm

IMPORTED = {
    "2.2.1": (
        *("@hono/zod-openapi", "@rivetkit/bare-ts", "@rivetkit/on-change", "@rivetkit/traces", "cbor-x"),
        *("get-port", "hono", "invariant", "p-retry", "pino", "tar", "vbare", "zod"),
    ),
    "2.3.19": (
        *("@opentelemetry/api", "@rivetkit/bare-ts", "cbor-x", "invariant", "p-retry", "pino", "vbare"),
        "zod",
    ),
}
"""Of each version, the dependencies that `rivetkit/client` imports, itself or by way of its other modules."""

BESIDE = {"sucrase": "3.35.1", "ws": "8.18.3"}
"""What a user has besides: the client's WebSocket on a Node.js without its own, and what strips the types."""


def lock(version: str) -> None:
    """Write `npm/{version}/package.json` and its lock file.

    Args:
        version: of the client; one of `IMPORTED`.

    Raises:
        NpmUnavailableError: npm is missing, or failed.
    """
    with tempfile.TemporaryDirectory(prefix="hatchway-lock-") as made:
        folder = Path(made)
        described: dict[str, Any] = json.loads(
            run_npm(
                folder,
                "view",
                "--json",
                f"rivetkit@{version}",
                "dependencies",
                "license",
                "dist.integrity",
            )
        )
        needs = {name: described["dependencies"][name] for name in IMPORTED[version]}
        _write(folder / "package.json", {"private": True, "dependencies": {**needs, **BESIDE}})
        run_npm(folder, "install", "--package-lock-only", "--omit-lockfile-registry-resolved")
        locked: dict[str, Any] = json.loads((folder / "package-lock.json").read_text())
    packages = {name: each for name, each in locked["packages"].items() if name and not each.get("optional")}
    for each in packages.values():
        # Compiled accelerators: without them the same is done in JavaScript.
        each.pop("optionalDependencies", None)
    packages["node_modules/rivetkit"] = {
        "version": version,
        "integrity": described["dist.integrity"],
        "license": described["license"],
        "dependencies": needs,
    }
    root = {
        "name": f"hatchway-rivetkit-{version}",
        "dependencies": dict(sorted({"rivetkit": version, **BESIDE}.items())),
    }
    target = LOCKS / version
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    _write(target / "package.json", {"name": root["name"], "private": True, **root})
    _write(
        target / "package-lock.json",
        {
            "name": root["name"],
            "lockfileVersion": locked["lockfileVersion"],
            "requires": True,
            "packages": {"": root, **dict(sorted(packages.items()))},
        },
    )


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    try:
        for each_version in IMPORTED:
            lock(each_version)
    except (NpmUnavailableError, subprocess.SubprocessError) as error:
        sys.exit(str(error))
