from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from e2e.waiting import eventually
from hatchway.software import installer
from hatchway.software.installer import run


async def test_what_it_says_and_how_it_ends(tmp_path: Path) -> None:
    lines: list[str] = []
    program = "printf 'one\\ntwo\\nthr'; sleep 0; echo ee; echo bad >&2; pwd; exit 7"
    ran = await run(["sh", "-c", program], tmp_path, {}, lines.append)
    assert (ran.exit_code, ran.stderr) == (7, "bad\n")
    assert ran.stdout.splitlines() == ["one", "two", "three", os.path.realpath(tmp_path)]
    assert lines == ran.stdout.splitlines()


async def test_nothing_of_hatchways_own_settings_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HATCHWAY_TOKEN", "secret-of-the-api")
    monkeypatch.setenv("OF_THE_USER", "kept")
    ran = await run(["env"], tmp_path, {"ADDED": "1"})
    assert "secret-of-the-api" not in ran.stdout
    assert "HATCHWAY" not in ran.stdout
    assert {"OF_THE_USER=kept", "ADDED=1"} <= set(ran.stdout.splitlines())


async def test_only_the_end_of_much_is_kept(tmp_path: Path) -> None:
    program = (
        "import sys; sys.stdout.write('x' * 10_000_000 + 'end'); sys.stderr.write('y' * 1_000_000 + 'end')"
    )
    ran = await run([sys.executable, "-c", program], tmp_path)
    assert len(ran.stdout) == len(ran.stderr) == 64 * 1024
    assert ran.stdout.endswith("xend")
    assert ran.stderr.endswith("yend")


async def test_one_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer, "INSTALL_SECONDS", 0.2)
    ran = await run(["sh", "-c", "sleep 1000 & exec sleep 1000"], tmp_path)
    assert ran.exit_code == -9
    assert "took longer" in ran.stderr


async def test_cancelled_it_ends_with_its_children(tmp_path: Path) -> None:
    running = asyncio.create_task(run(["sh", "-c", "sleep 1000 & echo $! >child; wait"], tmp_path))

    async def has_a_child() -> bool:
        return (tmp_path / "child").exists() and (tmp_path / "child").read_text().endswith("\n")

    await eventually(has_a_child, "it has a child")
    child = int((tmp_path / "child").read_text())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    async def is_gone() -> bool:
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(") ")[2][0]
        except FileNotFoundError:
            return True
        return state == "Z"

    await eventually(is_gone, "its child has ended")


async def test_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await run(["/nowhere/npm"], tmp_path)
