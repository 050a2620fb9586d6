"""The cache: a layer is there whole or not at all, made by one process at a time, where nobody else can write."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hatchway.errors import Unavailable
from hatchway.software.layers import Layer, LayerCache, Made
from hatchway.software.manifest import Package
from hatchway.software.trees import UnfitTreeError

ONE = Package("tool", "1.0", "sha512-x")


def making(
    version: str = "1.0", *packages: Package, text: str = "x"
) -> Callable[[Path, Path], Awaitable[Made]]:
    async def make(usr: Path, work: Path) -> Made:
        assert list(usr.iterdir()) == list(work.iterdir()) == []
        (usr / "bin").mkdir()
        (usr / "bin" / "tool").write_text(text)
        (work / "rubbish").write_text("y")
        return Made(version, packages or (ONE,))

    return make


async def add(
    cache: LayerCache, make: Callable[[Path, Path], Awaitable[Made]], source: str = "npm tool@1"
) -> Layer:
    async with cache.locked("tool"):
        return await cache.add("tool", source, ("tool",), make)


async def test_a_layer_and_its_manifest(cache_dir: Path) -> None:
    cache = LayerCache(cache_dir)
    assert cache.all("tool") == []
    assert not cache_dir.exists(), "to look makes nothing"
    layer = await add(cache, making())
    folder = cache_dir / "layers" / "tool" / f"1.0-{os.uname().machine}"
    assert layer.usr == folder / "usr"
    assert cache.all("tool") == [layer] == LayerCache(cache_dir).all("tool")
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name, "lock"]
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == [
        "manifest.json",
        "usr",
        "usr/bin",
        "usr/bin/tool",
    ]
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest == {
        "format": 1,
        "name": "tool",
        "source": "npm tool@1",
        "commands": ["tool"],
        "architecture": os.uname().machine,
        "version": "1.0",
        "number": 1,
        "packages": [{"name": "tool", "version": "1.0", "integrity": "sha512-x"}],
        "size": 1,
    }


@pytest.mark.parametrize("umask", [0o077, 0o002, 0o000])
async def test_everybody_can_read_a_layer_and_only_its_owner_write(cache_dir: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        layer = await add(LayerCache(cache_dir), making())
    finally:
        os.umask(before)
    for path in (layer.usr.parent, layer.usr, *layer.usr.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o755 if path.is_dir() else 0o644), path
    for path in (cache_dir, cache_dir / "layers", cache_dir / "layers" / "tool"):
        assert not path.stat().st_mode & 0o022, path
    assert LayerCache(cache_dir).all("tool") == [layer]


async def test_the_last_one_counts_and_the_same_again_is_none(cache_dir: Path) -> None:
    cache = LayerCache(cache_dir)
    first = await add(cache, making("1.0"))
    assert await add(cache, making("1.0")) == first
    second = await add(cache, making("2.0"))
    other = await add(cache, making("2.0"), source="npm tool@2")
    again = await add(cache, making("1.0"))
    newer = await add(cache, making("1.0", ONE, Package("below", "2", "sha512-y")))
    assert [each.manifest.number for each in (first, second, other, again, newer)] == [1, 2, 3, 4, 5]
    assert cache.all("tool") == [newer, again, other, second, first]
    machine = os.uname().machine
    assert [each.usr.parent.name for each in cache.all("tool")] == [
        f"1.0-{machine}-3",
        f"1.0-{machine}-2",
        f"2.0-{machine}-2",
        f"2.0-{machine}",
        f"1.0-{machine}",
    ]


async def test_what_fails_leaves_nothing(cache_dir: Path) -> None:
    cache = LayerCache(cache_dir)

    async def fail(usr: Path, work: Path) -> Made:
        await making()(usr, work)
        raise Unavailable("software_not_found", "no")

    async def be_unfit(usr: Path, work: Path) -> Made:
        raise UnfitTreeError("it is unfit")

    async def lead_out(usr: Path, work: Path) -> Made:
        (usr / "link").symlink_to("/etc/passwd")
        return Made("1.0", ())

    for make, code in (
        (fail, "software_not_found"),
        (be_unfit, "software_unavailable"),
        (lead_out, "software_unavailable"),
        (making("../1.0"), "software_unavailable"),
        (making(""), "software_unavailable"),
    ):
        with pytest.raises(Unavailable) as caught:
            await add(cache, make)
        assert caught.value.code == code
        assert str(cache_dir) not in str(caught.value)
        assert [path.name for path in (cache_dir / "layers" / "tool").iterdir()] == ["lock"]


async def test_what_a_killed_process_left_is_no_layer_and_is_swept(cache_dir: Path) -> None:
    cache = LayerCache(cache_dir)
    layer = await add(cache, making())
    left = layer.usr.parent.with_name(".new-dead") / "layer"
    os.makedirs(left.parent)
    os.rename(layer.usr.parent, left)
    assert cache.all("tool") == []
    assert (await add(cache, making("2.0"))).manifest.version == "2.0"
    assert not left.parent.exists()


async def test_only_one_at_a_time(cache_dir: Path) -> None:
    inside = 0

    async def be_alone() -> None:
        nonlocal inside
        async with LayerCache(cache_dir).locked("tool"):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(be_alone() for _ in range(3)))


@pytest.mark.parametrize(
    "damage", ["nothing", "no JSON", "other format", "other name", "other machine", "no layer"]
)
async def test_a_damaged_layer_is_none(cache_dir: Path, damage: str) -> None:
    cache = LayerCache(cache_dir)
    layer = await add(cache, making())
    manifest = layer.usr.parent / "manifest.json"
    fields = json.loads(manifest.read_bytes())
    if damage == "nothing":
        manifest.unlink()
    elif damage == "no layer":
        os.rename(layer.usr, layer.usr.with_name("elsewhere"))
    else:
        changes = {
            "no JSON": None,
            "other format": fields | {"format": 0},
            "other name": fields | {"name": "else"},
            "other machine": fields | {"architecture": "pdp11"},
        }
        manifest.write_text("{" if changes[damage] is None else json.dumps(changes[damage]))
    assert cache.all("tool") == []
    assert (await add(cache, making())).usr.parent.name.endswith("-2")


@pytest.mark.parametrize("which", ["cache", "cache/layers", "cache/layers/tool"])
async def test_a_cache_that_others_can_write_to_is_not_used(cache_dir: Path, which: str) -> None:
    cache = LayerCache(cache_dir)
    await add(cache, making())
    (cache_dir.parent / which).chmod(0o777)
    for action in (lambda: add(cache, making()), lambda: asyncio.to_thread(cache.all, "tool")):
        with pytest.raises(Unavailable) as caught:
            await action()
        assert caught.value.code == "software_unavailable"
        assert "others can write to it" in caught.value.message
        assert "XDG_CACHE_HOME" in caught.value.hint
        assert str(cache_dir) not in str(caught.value)


async def test_a_layer_that_others_can_write_to_is_none(cache_dir: Path) -> None:
    cache = LayerCache(cache_dir)
    layer = await add(cache, making())
    layer.usr.parent.chmod(0o775)
    assert cache.all("tool") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_a_cache_of_another_user_is_not_used(cache_dir: Path) -> None:
    cache = LayerCache(cache_dir)
    layer = await add(cache, making())
    os.chown(layer.usr.parent, 54321, 54321)
    assert cache.all("tool") == []
    os.chown(cache_dir, 54321, 54321)
    with pytest.raises(Unavailable, match="belongs to another user"):
        cache.all("tool")
