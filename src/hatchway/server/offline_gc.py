"""Garbage collection in a data folder that no server uses."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from hatchway.errors import Unavailable
from hatchway.server.server import LOGS
from hatchway.store.store import Store
from hatchway.vm import garbage
from hatchway.vm.garbage import Garbage


async def collect_offline(data_dir: Path, cache_dir: Path, *, dry_run: bool) -> list[Garbage]:
    """Remove what nobody owns any more, or only tell what that is. The folder is locked meanwhile; none is made.

    Args:
        data_dir: of the server that does not run.
        cache_dir: where it keeps fetched software.
        dry_run: remove nothing.

    Raises:
        Conflict: `data_dir_in_use`; `data_too_new`.
        Unavailable: `storage_full`, `storage_failed`.
    """
    try:
        found = await asyncio.to_thread(garbage.collect_layers, cache_dir, dry_run=dry_run)
        if await asyncio.to_thread(data_dir.is_dir):
            found = await _collect_folders(data_dir, dry_run=dry_run) + found
    except OSError as error:
        raise Unavailable(
            "storage_failed",
            f"something could not be removed ({os.strerror(error.errno or 0)})",
            "check the permissions of the data folder, and try again",
        ) from None
    return found


async def _collect_folders(data_dir: Path, *, dry_run: bool) -> list[Garbage]:
    store = await Store.open(data_dir)
    try:
        # Nothing runs here: those that were destroyed and still have files can go, too.
        waiting = {row.id for row in await store.vms.destroyed()}
        there = await asyncio.to_thread(
            lambda: garbage.vm_ids(data_dir / "vms") | garbage.vm_ids(data_dir / LOGS)
        )
        orphans = there - await store.vms.ids() | waiting
        found = await asyncio.to_thread(garbage.collect_folders, data_dir / "vms", orphans, dry_run=dry_run)
        found += await asyncio.to_thread(garbage.collect_logs, data_dir / LOGS, orphans, dry_run=dry_run)
        if not dry_run:
            for vm_id in waiting:
                await store.vms.purge(vm_id)
        return found
    finally:
        await store.close()
