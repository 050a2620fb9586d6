from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Run
from client.stub_server import VM, StubServer, answer
from hatchway.cli import gc

ID = "a" * 20
ITEMS = [
    {"kind": "vm_folder", "name": ID, "bytes": 5 << 20},
    {"kind": "unfinished_layer", "name": "node", "bytes": 3},
]


async def test_a_server_is_asked(run: Run, server: StubServer) -> None:
    server.on("POST", "/api/gc", answer({"dry_run": True, "bytes": 5, "items": ITEMS}))
    ran = await run("gc", "--dry-run")
    assert (ran.code, ran.out.decode()) == (
        0,
        f"files of a VM that there is not\t{ID}\t5.0 MiB\nunfinished software\tnode\t3 bytes\n",
    )
    assert ran.err == "5.0 MiB would be freed\n"
    assert server.to("POST", "/api/gc")[-1].json() == {"dry_run": True}
    ran = await run("gc", "--json")
    assert json.loads(ran.out) == {"dry_run": False, "bytes": (5 << 20) + 3, "items": ITEMS}
    assert server.to("POST", "/api/gc")[-1].json() == {"dry_run": False}
    server.on("POST", "/api/gc", answer({"dry_run": True, "bytes": 0, "items": []}))
    ran = await run("gc")
    assert (ran.code, ran.out, ran.err) == (0, b"", "there is nothing that nobody owns\n")


async def test_a_server_that_was_named_must_be_there(run: Run, tmp_path: Path) -> None:
    ran = await run("gc", "--url", "http://localhost:1")
    assert (ran.code, ran.out) == (1, b"")
    assert "localhost:1" in ran.err


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "data" / "vms" / ID).mkdir(parents=True)
    return tmp_path / "data"


@pytest.mark.parametrize("named", [True, False])
async def test_without_a_server_it_is_done_here(
    run: Run, data_dir: Path, tmp_path: Path, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = ["--data-dir", str(data_dir), "--cache-dir", str(tmp_path / "cache")]
    if not named:
        monkeypatch.setattr(gc, "DEFAULT_URL", "http://localhost:1")
        monkeypatch.setenv("HATCHWAY_URL", "http://localhost:1")
        monkeypatch.setenv("HATCHWAY_DATA_DIR", str(data_dir))
        monkeypatch.setenv("HATCHWAY_CACHE_DIR", str(tmp_path / "cache"))
        folders = []
    ran = await run("gc", "--dry-run", *folders)
    assert (ran.code, ran.out.decode().split("\t")[1]) == (0, ID), ran.err
    assert (data_dir / "vms" / ID).exists()
    ran = await run("gc", *folders)
    assert ran.code == 0
    assert not (data_dir / "vms" / ID).exists()
    assert not (tmp_path / "cache").exists()


async def test_no_folder_is_made(run: Run, tmp_path: Path) -> None:
    ran = await run("gc", "--data-dir", str(tmp_path / "none"))
    assert (ran.code, ran.err) == (0, "there is nothing that nobody owns\n")
    assert list(tmp_path.iterdir()) == []


async def test_the_disk_of_a_vm(run: Run, server: StubServer) -> None:
    server.on("GET", f"{VM}/disk", answer({"bytes": 1536, "limit": 1 << 30}))
    ran = await run("vm", "disk", "my-agent")
    assert (ran.code, ran.out) == (0, b"used\t1.5 KiB\nlimit\t1.0 GiB\n")
    server.on("GET", f"{VM}/disk", answer({"bytes": 5, "limit": None}))
    assert (await run("vm", "disk", "my-agent")).out == b"used\t5 bytes\nlimit\tnone\n"
    assert json.loads((await run("vm", "disk", "my-agent", "--json")).out) == {"bytes": 5, "limit": None}
