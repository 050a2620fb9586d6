"""The file requests that guest init answers. Paths resolve inside the guest, as its own processes see them.

The server never opens a path of the guest itself: guest init opens it and hands out an fd, so a symbolic link can lead
nowhere but into the VM. Only regular files outside /proc are handed out: /proc/self would mean guest init itself, and a
FIFO or device would block or do something else than a file does.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from hatchway.vm.sandbox import syscalls
from hatchway.vm.sandbox.wire import Message

MAX_UNFINISHED_WRITES = 256
_READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_NOCTTY
_DEFAULT_MODE = 0o644


class _UnfinishedWrite:
    """A new file beside the one it will replace."""

    def __init__(self, fd: int, temporary: bytes, target: bytes, mode: int) -> None:
        self.fd = fd
        self.temporary = temporary
        self.target = target
        self.mode = mode


class FileRequests:
    """Answers `open`, `create`, `commit`, `discard`, `stat` and `delete`."""

    def __init__(self) -> None:
        self._unfinished: dict[int, _UnfinishedWrite] = {}
        self._last_handle = 0
        self.operations: dict[str, Callable[[Message, list[int]], Message]] = {
            "open": self._open,
            "create": self._create,
            "commit": self._commit,
            "discard": self._discard,
            "stat": self._stat,
            "delete": self._delete,
        }

    def discard_all(self) -> None:
        """Remove what was being written and will never be finished."""
        for handle in list(self._unfinished):
            self._discard({"handle": handle}, [])

    def _open(self, request: Message, reply_fds: list[int]) -> Message:
        fd = syscalls.open_without_magic_links(_path(request), _READ_FLAGS)
        try:
            status = os.fstat(fd)
            _require_regular(status)
            if syscalls.is_procfs(fd):
                raise OSError(errno.EACCES, "kind")
        except OSError:
            os.close(fd)
            raise
        reply_fds.append(fd)
        return {}

    def _create(self, request: Message, reply_fds: list[int]) -> Message:
        """Begin to write a file: a temporary one in the same folder, so that the change is one rename at the end."""
        if len(self._unfinished) >= MAX_UNFINISHED_WRITES:
            raise OSError(errno.EMFILE, "")
        target = os.path.realpath(_path(request))
        try:
            existing: os.stat_result | None = os.lstat(target)
        except FileNotFoundError:
            existing = None
        mode = _DEFAULT_MODE
        if existing is not None:
            _require_regular(existing)
            mode = stat.S_IMODE(existing.st_mode)
        if request["mode"] is not None:
            mode = int(request["mode"]) & 0o7777
        temporary = os.path.join(os.path.dirname(target), b".hatchway-" + os.urandom(8).hex().encode())
        fd = syscalls.open_without_magic_links(temporary, _CREATE_FLAGS, 0o600)
        self._last_handle += 1
        self._unfinished[self._last_handle] = _UnfinishedWrite(fd, temporary, target, mode)
        reply_fds.append(os.dup(fd))
        return {"handle": self._last_handle}

    def _commit(self, request: Message, _reply_fds: list[int]) -> Message:
        write = self._unfinished.pop(int(request["handle"]))
        try:
            os.fchmod(write.fd, write.mode)
            os.replace(write.temporary, write.target)
        except OSError:
            _remove(write.temporary)
            raise
        finally:
            os.close(write.fd)
        return {}

    def _discard(self, request: Message, _reply_fds: list[int]) -> Message:
        write = self._unfinished.pop(int(request["handle"]))
        os.close(write.fd)
        _remove(write.temporary)
        return {}

    def _stat(self, request: Message, _reply_fds: list[int]) -> Message:
        try:
            status = os.stat(_path(request))
        except (FileNotFoundError, NotADirectoryError):
            return {"kind": None}
        return {"kind": _kind(status)}

    def _delete(self, request: Message, _reply_fds: list[int]) -> Message:
        path = _path(request)
        if stat.S_ISDIR(os.lstat(path).st_mode):
            os.rmdir(path)
        else:
            os.unlink(path)
        return {}


def _path(request: Message) -> bytes:
    return os.fsencode(request["path"])


def _kind(status: os.stat_result) -> str:
    if stat.S_ISREG(status.st_mode):
        return "file"
    return "directory" if stat.S_ISDIR(status.st_mode) else "other"


def _require_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, "kind")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EACCES, "kind")


def _remove(path: bytes) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # the guest may have removed it, or made its folder unwritable
