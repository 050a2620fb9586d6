"""The store on a data directory, locked against a second server."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from hatchway.errors import Conflict
from hatchway.store.cron import CronJobs
from hatchway.store.database import Database
from hatchway.store.failures import translate
from hatchway.store.previews import Previews
from hatchway.store.services import Services
from hatchway.store.vms import Vms

DATABASE = "hatchway.db"
LOCK = "hatchway.lock"


def _skip_none(_: int) -> bool:
    return False


class Store:
    """All that outlives the process. Made by `Store.open`."""

    def __init__(
        self, db: Database, lock: int, vms: Vms, previews: Previews, services: Services, cron: CronJobs
    ) -> None:
        self._db = db
        self._lock = lock
        self.vms = vms
        self.previews = previews
        self.services = services
        self.cron = cron

    @classmethod
    async def open(
        cls,
        data_dir: Path,
        clock: Callable[[], float] = time.time,
        skip_slots: Callable[[int], bool] = _skip_none,
    ) -> Store:
        """Open the store in `data_dir`, which is made if it is not there, for its owner only.

        Args:
            data_dir: the directory.
            clock: seconds since the epoch.
            skip_slots: says of a VM slot that something else uses its uid range; called in another thread.

        Raises:
            Conflict: `data_dir_in_use` by another server, or `data_too_new`.
            Unavailable: `storage_full`, `storage_failed`.
        """
        try:
            lock = _lock(data_dir)
        except OSError as error:
            raise translate(error) from None
        try:
            db = await Database.open(data_dir / DATABASE)
        except BaseException:
            os.close(lock)
            raise
        previews = Previews(db, clock)
        return cls(db, lock, Vms(db, previews, skip_slots), previews, Services(db), CronJobs(db))

    async def close(self) -> None:
        """Finish what was asked for, close the database and give the data directory free.

        May be called again.
        """
        await self._db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _lock(data_dir: Path) -> int:
    """Make the directory and its files with their modes, and take the lock.

    Returns the descriptor that holds it.

    The lock has a file of its own: closing any descriptor of the database would drop SQLite's POSIX locks on
    it (https://www.sqlite.org/howtocorrupt.html, section 2.2). flock(2) ends with the process, however it
    ends, so there is never a stale lock to clean up.
    """
    if not data_dir.exists():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        data_dir.chmod(0o700)  # mkdir(2) applies the umask
    lock = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                "data_dir_in_use",
                "another Hatchway server is using this data directory",
                "stop that server, or give this one a directory of its own with --data-dir",
            ) from None
        # SQLite gives the -wal and -shm files the mode of the database.
        database = os.open(data_dir / DATABASE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fchmod(database, 0o600)
        os.close(database)
    except BaseException:
        os.close(lock)
        raise
    return lock
