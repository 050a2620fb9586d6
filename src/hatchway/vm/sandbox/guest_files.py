"""The file requests that guest init answers. Paths resolve inside the guest, as its own processes see them.

The server never opens a path of the guest itself: guest init opens it and hands out an fd, so a symbolic link can lead
nowhere but into the VM. Only regular files outside /proc are handed out: /proc/self would mean guest init itself, and a
FIFO or device would block or do something else than a file does.

What takes a moment is done here; what may take long is begun here and done by a worker, whose pipe is on the answer.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from hatchway.archive.descent import kind_of
from hatchway.vm.sandbox import guest_transfers, syscalls
from hatchway.vm.sandbox.guest_paths import (
    Place,
    find_place,
    make_folder,
    make_folders,
    open_folder,
    open_for_reading,
)
from hatchway.vm.sandbox.guest_worker import Outlet, Workers
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
    """Answers the requests that are about files.

    Args:
        workers: do what takes long.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._unfinished: dict[int, _UnfinishedWrite] = {}
        self._last_handle = 0
        self.operations: dict[str, Callable[[Message, list[int]], Message]] = {
            "open": self._open,
            "create": self._create,
            "commit": self._commit,
            "discard": self._discard,
            "stat": self._stat,
            "delete": self._delete,
            "mkdir": self._mkdir,
            "move": self._move,
            "list": self._list,
            "archive": self._archive,
            "unpack": self._unpack,
        }

    def discard_all(self) -> None:
        """Remove what was being written and will never be finished."""
        for handle in list(self._unfinished):
            self._discard({"handle": handle}, [])

    def _open(self, request: Message, reply_fds: list[int]) -> Message:
        reply_fds.append(_open_file(_path(request)))
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
        folder = os.path.dirname(target)
        if request["parents"]:
            os.close(make_folders(folder)[0])
        temporary = os.path.join(folder, b".hatchway-" + os.urandom(8).hex().encode())
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
        flags = os.O_PATH if request["follow"] else os.O_PATH | os.O_NOFOLLOW
        fd = syscalls.open_without_magic_links(_path(request), flags)
        try:
            status = os.fstat(fd)
            target = None
            # What a link of /proc leads to may be no path of the guest's at all.
            if stat.S_ISLNK(status.st_mode) and not syscalls.is_procfs(fd):
                # Bytes as text, one for one: JSON that holds them as they are would not be read.
                target = os.readlink(b"", dir_fd=fd).decode("latin-1")
        finally:
            os.close(fd)
        return {
            "kind": kind_of(status.st_mode),
            "size": status.st_size,
            "mode": stat.S_IMODE(status.st_mode),
            "uid": status.st_uid,
            "gid": status.st_gid,
            "mtime_ns": status.st_mtime_ns,
            "target": target,
        }

    def _delete(self, request: Message, reply_fds: list[int]) -> Message:
        place = find_place(_path(request))
        try:
            if not stat.S_ISDIR(place.status().st_mode):
                os.unlink(place.name, dir_fd=place.folder)
                return {}
            try:
                os.rmdir(place.name, dir_fd=place.folder)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY or not request["recursive"]:
                    raise

                def work(outlet: Outlet, _inlet: int) -> None:
                    guest_transfers.remove(outlet, place)

                self._workers.start(work, reply_fds, [place.folder])
            return {}
        finally:
            place.close()

    def _mkdir(self, request: Message, _reply_fds: list[int]) -> Message:
        path, mode = _path(request), request["mode"]
        if mode is not None:
            mode = int(mode) & 0o7777
        try:
            if request["recursive"]:
                os.close(make_folders(path, mode)[0])
            else:
                place = find_place(path)
                try:
                    make_folder(place.folder, place.name, mode)
                finally:
                    place.close()
        except OSError as error:
            # In the way of all folders, also of those above, is what is none; in the way of one is anything.
            in_the_way = errno.ENOTDIR if request["recursive"] else errno.EEXIST
            if error.errno == in_the_way or error.errno == errno.EBUSY:
                raise OSError(errno.EEXIST, "exists") from None
            raise
        return {}

    def _move(self, request: Message, reply_fds: list[int]) -> Message:
        source = find_place(_path(request, "source"))
        try:
            target = find_place(_path(request, "target"))
            try:
                self._move_between(source, target, reply_fds)
            finally:
                target.close()
        finally:
            source.close()
        return {}

    def _move_between(self, source: Place, target: Place, reply_fds: list[int]) -> None:
        is_folder = stat.S_ISDIR(source.status().st_mode)
        if target.is_folder and not is_folder:
            raise OSError(errno.ENOTDIR, "move")
        try:
            os.rename(source.name, target.name, src_dir_fd=source.folder, dst_dir_fd=target.folder)
            return
        except OSError as error:
            # Another file system, or a folder of a lower layer, which overlayfs does not rename.
            if error.errno != errno.EXDEV:
                raise OSError(error.errno, "move") from None
        if syscalls.is_procfs(source.folder):
            raise OSError(errno.EACCES, "kind")
        # Found out now rather than when all is copied and the source shall go.
        if not os.access(".", os.W_OK, dir_fd=source.folder, effective_ids=True) or (
            is_folder and not os.access(source.name, os.W_OK, dir_fd=source.folder, effective_ids=True)
        ):
            raise OSError(errno.EACCES, "")

        def work(outlet: Outlet, _inlet: int) -> None:
            guest_transfers.move(outlet, source, target)

        self._workers.start(work, reply_fds, [source.folder, target.folder])

    def _list(self, request: Message, reply_fds: list[int]) -> Message:
        excluded = [os.fsencode(pattern) for pattern in request["exclude"]]
        max_depth = request["max_depth"]
        folder = open_folder(_path(request))
        try:

            def work(outlet: Outlet, _inlet: int) -> None:
                guest_transfers.tell_entries(outlet, folder, max_depth, excluded)

            self._workers.start(work, reply_fds, [folder])
        finally:
            os.close(folder)
        return {}

    def _archive(self, request: Message, reply_fds: list[int]) -> Message:
        path = _path(request)
        found = _open_anything(path)
        try:

            def work(outlet: Outlet, _inlet: int) -> None:
                guest_transfers.pack(outlet, found, os.path.basename(path.rstrip(b"/")))

            self._workers.start(work, reply_fds, [found])
        finally:
            os.close(found)
        return {}

    def _unpack(self, request: Message, reply_fds: list[int]) -> Message:
        try:
            found, made = make_folders(_path(request))
        except NotADirectoryError:
            raise OSError(errno.ENOTDIR, "folder") from None
        try:
            folder = open_for_reading(found)
        finally:
            os.close(found)
        try:

            def work(outlet: Outlet, inlet: int) -> None:
                guest_transfers.unpack(outlet, inlet, folder, is_new=made)

            self._workers.start(work, reply_fds, [folder], takes_input=True)
        finally:
            os.close(folder)
        return {}


def _path(request: Message, which: str = "path") -> bytes:
    return os.fsencode(request[which])


def _open_anything(path: bytes) -> int:
    """Open a folder or regular file for reading."""
    try:
        return open_folder(path)
    except OSError as error:
        if (error.errno, error.strerror) != (errno.ENOTDIR, "folder"):
            raise
    return _open_file(path)


def _open_file(path: bytes) -> int:
    fd = syscalls.open_without_magic_links(path, _READ_FLAGS)
    try:
        _require_regular(os.fstat(fd))
        if syscalls.is_procfs(fd):
            raise OSError(errno.EACCES, "kind")
    except OSError:
        os.close(fd)
        raise
    return fd


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
