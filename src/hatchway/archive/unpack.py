"""Entries into a folder, which they cannot leave.

No link is followed below the folder, whoever made it, and nothing but files, folders and links is made. Files and links
take the place of files and links, each at once; folders that are there are kept, with their modes; a folder never
replaces a file, nor a file a folder.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from hatchway.archive import names
from hatchway.archive.descent import open_folder
from hatchway.archive.member import ArchiveError, Member
from hatchway.archive.reader import ArchiveReader, Event

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
_TEMPORARY = ".hatchway-"
_NEW_FOLDER_MODE = 0o755


class Rules(NamedTuple):
    """What an archive may ask for."""

    mode_bits: int
    """Which permission bits are taken."""
    exact_modes: bool
    """Whether modes are as the archive says, or less what the process's umask takes."""
    absolute_names: bool
    """Whether a name's leading `/` is dropped instead of refused."""
    hard_links: bool
    """Whether a file may be another name of one in the folder."""
    links_out: bool
    """Whether links may lead out of the folder. Those that may not be made are left out."""


OF_OWNER = Rules(0o7777, exact_modes=True, absolute_names=True, hard_links=True, links_out=True)
"""For an archive whose sender may do all that it could do: one that is unpacked in the sender's own VM."""

OF_STRANGER = Rules(0o777, exact_modes=False, absolute_names=False, hard_links=False, links_out=False)
"""For an archive that a guest has made, on the machine of whoever downloads it."""


class _OpenFile(NamedTuple):
    """A file that is being written beside its final name."""

    fd: int
    folder: int
    temporary: str
    name: str
    member: Member


class Unpacking:
    """Unpacks one archive.

    Args:
        root: the folder, open. It stays the caller's.
        rules: what the archive may ask for.
        is_new: whether the folder was made for this: then it gets the mode and time of the one that was packed.
    """

    def __init__(self, root: int, rules: Rules, *, is_new: bool = False) -> None:
        self._root = root
        self._rules = rules
        self._is_new = is_new
        self._reader = ArchiveReader()
        self._parent: tuple[list[bytes], int] | None = None
        self._file: _OpenFile | None = None
        self._left = 0
        self._folders: dict[bytes, Member | None] = {}
        """Those made here, and what was said of them. Each is on the disk, so they are as many as that can hold."""
        self._number = 0
        self.entries = 0
        """How many entries have been unpacked."""
        self.files = 0
        """How many of them are files."""
        self.size = 0
        """How many bytes of content, those of a file under way included."""
        self.whole_size = 0
        """How many bytes of content of files that are there as a whole."""
        self.skipped = 0
        """How many entries were left out: devices and pipes, and links that may not be made."""
        self.left_out = 0
        """How many whoever packed the archive says to have left out."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the archive.

        Raises:
            ArchiveError: for an archive that cannot be unpacked.
            OSError: what the folder does not allow.
        """
        for event in self._reader.feed(data):
            self._take(event)

    def finish(self) -> None:
        """There are no more: what was put off is done.

        Raises:
            ArchiveError: the archive ended before its end.
            OSError: what the folder does not allow.
        """
        self._reader.close()
        # The inner ones first: an outer one may not be entered any more once it has its mode.
        for path, member in sorted(self._folders.items(), key=lambda item: _depth(item[0]), reverse=True):
            if member is not None:
                self._dress(path, member)

    def close(self) -> None:
        """Remove what is unfinished and let go of the folder. May be called again."""
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file.fd)
            _remove(file.folder, file.temporary)
        if self._parent is not None:
            os.close(self._parent[1])
            self._parent = None

    def _take(self, event: Event) -> None:
        if isinstance(event, bytes):
            self._take_content(event)
        elif isinstance(event, Member):
            self._take_member(event)

    def _take_content(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._file is not None:
            view = memoryview(piece)
            while view:
                view = view[os.write(self._file.fd, view) :]
            self.size += len(piece)
            if self._left == 0:
                self._finish_file()

    def _take_member(self, member: Member) -> None:
        self._left = member.size
        path = names.parts(member.name, absolute=self._rules.absolute_names)
        if not path:
            self._take_itself(member)
        elif member.kind == "file":
            self._begin_file(path, member)
        elif member.kind == "directory":
            self._make_folder(path, member)
        elif member.kind == "symlink":
            self._make_link(path, member)
        elif member.kind == "hardlink" and self._rules.hard_links:
            self._make_hard_link(path, member)
        elif member.kind == "hardlink":
            raise ArchiveError("kind")
        else:
            self.skipped += 1

    def _take_itself(self, member: Member) -> None:
        """The entry of the folder itself."""
        if member.kind != "directory":
            raise ArchiveError("name")
        if self._is_new:
            self._folders[b""] = member
        key, _, value = self._reader.comment.partition(b"=")
        if key == b"skipped" and value.isdigit() and len(value) < 19:
            self.left_out = int(value)

    def _begin_file(self, path: list[bytes], member: Member) -> None:
        folder, name = self._place(path)
        temporary = self._new_name()
        mode = 0o600 if self._rules.exact_modes else member.mode & self._rules.mode_bits
        fd = os.open(temporary, _NEW_FILE, mode, dir_fd=folder)
        self._file = _OpenFile(fd, folder, temporary, name, member)
        if member.size == 0:
            self._finish_file()

    def _finish_file(self) -> None:
        file = self._file
        assert file is not None
        if self._rules.exact_modes:
            os.fchmod(file.fd, file.member.mode & self._rules.mode_bits)
        os.utime(file.fd, (file.member.mtime, file.member.mtime))
        os.rename(file.temporary, file.name, src_dir_fd=file.folder, dst_dir_fd=file.folder)
        self._file = None
        os.close(file.fd)
        self.entries += 1
        self.files += 1
        self.whole_size += file.member.size

    def _make_folder(self, path: list[bytes], member: Member) -> None:
        folder, name = self._place(path)
        joined = b"/".join(path)
        try:
            os.mkdir(name, member.mode & self._rules.mode_bits | 0o700, dir_fd=folder)
            self._folders[joined] = member
        except FileExistsError:
            os.close(_open_inner(folder, name))  # raises where it is no folder
            if joined in self._folders:
                self._folders[joined] = member
        self.entries += 1

    def _make_link(self, path: list[bytes], member: Member) -> None:
        if not self._rules.links_out and not names.stays_inside(member.target, len(path) - 1):
            self.skipped += 1
            return
        folder, name = self._place(path)
        temporary = self._new_name()
        os.symlink(os.fsdecode(member.target), temporary, dir_fd=folder)
        try:
            os.utime(temporary, (member.mtime, member.mtime), dir_fd=folder, follow_symlinks=False)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            _remove(folder, temporary)
            raise
        self.entries += 1

    def _make_hard_link(self, path: list[bytes], member: Member) -> None:
        source = names.parts(member.target, absolute=self._rules.absolute_names)
        if not source:
            raise ArchiveError("name")
        if source == path:
            return
        source_folder = open_folder(self._root, b"/".join(source[:-1]))
        try:
            folder, name = self._place(path)
            temporary = self._new_name()
            os.link(
                os.fsdecode(source[-1]),
                temporary,
                src_dir_fd=source_folder,
                dst_dir_fd=folder,
                follow_symlinks=False,
            )
        finally:
            os.close(source_folder)
        try:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            _remove(folder, temporary)  # rename(2) does nothing where both are names of the same file already
        self.entries += 1

    def _place(self, path: list[bytes]) -> tuple[int, str]:
        """The folder of an entry, made with those above it if it is not there, and the entry's name in it."""
        parents = path[:-1]
        if self._parent is None or self._parent[0] != parents:
            folder = _open_inner(self._root, ".")
            for depth, part in enumerate(parents, 1):
                try:
                    inner = self._open_or_make(folder, os.fsdecode(part), parents[:depth])
                finally:
                    os.close(folder)
                folder = inner
            if self._parent is not None:
                os.close(self._parent[1])
            self._parent = (parents, folder)
        return self._parent[1], os.fsdecode(path[-1])

    def _open_or_make(self, folder: int, name: str, path: list[bytes]) -> int:
        try:
            return _open_inner(folder, name)
        except FileNotFoundError:
            pass
        try:
            os.mkdir(name, _NEW_FOLDER_MODE, dir_fd=folder)
            self._folders[b"/".join(path)] = None
        except FileExistsError:
            pass  # somebody else was faster
        return _open_inner(folder, name)

    def _dress(self, path: bytes, member: Member) -> None:
        """Give a folder its mode and time, once nothing more is made in it."""
        try:
            folder = open_folder(self._root, path)
        except FileNotFoundError:
            return  # somebody has removed it meanwhile
        try:
            mode = member.mode & self._rules.mode_bits
            if not self._rules.exact_modes:
                mode &= os.fstat(
                    folder
                ).st_mode  # it was made with these bits and its owner's, less the umask's
            os.fchmod(folder, mode)
            os.utime(folder, (member.mtime, member.mtime))
        finally:
            os.close(folder)

    def _new_name(self) -> str:
        self._number += 1
        return f"{_TEMPORARY}{os.urandom(4).hex()}-{self._number}"


def _depth(path: bytes) -> int:
    return path.count(b"/") + 1 if path else 0


def _remove(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except OSError:
        pass  # it is gone, or whoever owns the folder does not let go of it


def _open_inner(folder: int, name: str) -> int:
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
