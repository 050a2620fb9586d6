"""What sqlite3 and the file system can fail with, as errors that may reach a user: no path, no SQL."""

from __future__ import annotations

import errno
import logging
import sqlite3

from hatchway.errors import HatchwayError, NotFound, Unavailable

_log = logging.getLogger("hatchway.store")
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


def storage_full() -> Unavailable:
    """The disk that holds the data directory has no room left."""
    return Unavailable(
        "storage_full",
        "the disk with the server's data is full; nothing was changed",
        "free some space, then try again",
    )


def storage_failed() -> Unavailable:
    """The database could not be read or written for a reason other than room."""
    return Unavailable(
        "storage_failed",
        "the server's database could not be used; nothing was changed",
        "see the server's log; check that the data directory (--data-dir) can be written",
    )


def vm_not_found() -> NotFound:
    """What belongs to a VM cannot be kept without it."""
    return NotFound("vm_not_found", "there is no VM with this id", "it may have been destroyed")


def store_closed() -> Unavailable:
    """The server is stopping."""
    return Unavailable("store_closed", "the server is stopping", "try again once it is up")


def translate(error: BaseException) -> BaseException:
    """The error that a caller of the store may see for what a job raised.

    Errors of sqlite3 and the operating system become `storage_full` or `storage_failed`; anything else is the
    job's own and stays. The cause is logged by its symbolic name only: messages may hold paths.
    """
    if isinstance(error, HatchwayError):
        return error
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", None) or type(error).__name__
        _log.error("the database failed: %s", name)
        # Extended result codes keep the primary code in the low byte (https://www.sqlite.org/rescode.html).
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return storage_full() if code == sqlite3.SQLITE_FULL else storage_failed()
    if isinstance(error, OSError):
        _log.error("the data directory failed: %s", errno.errorcode.get(error.errno or 0, "OSError"))
        return storage_full() if error.errno in _NO_SPACE else storage_failed()
    if isinstance(error, StopIteration):  # a future refuses to carry one
        return RuntimeError("a database job raised StopIteration")
    return error
