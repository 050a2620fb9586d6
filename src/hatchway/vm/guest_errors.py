"""What a guest's refusal (an errno) means to the user who asked. Pure."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from hatchway.errors import Conflict, HatchwayError, InvalidRequest, NotFound, Unavailable
from hatchway.vm.sandbox.channel import GuestRefusal


def file_error(refusal: GuestRefusal) -> HatchwayError:
    """The error of a file action."""
    number = refusal.number
    if refusal.what == "exists":
        return Conflict("already_exists", "there is something at this path already")
    if refusal.what == "folder":
        return Conflict("not_a_directory", "the path is no folder")
    if refusal.what == "workers" or number in {errno.EAGAIN, errno.ENOMEM}:
        return _too_busy(number)
    if number in {errno.ENOENT, errno.ENOTDIR}:
        return NotFound(
            "file_not_found", "no such file or folder in the VM", "check the path; a file's folder must exist"
        )
    if number == errno.EISDIR:
        return Conflict("is_a_directory", "the path is a folder, not a file")
    # ENXIO is what opening a socket gives (open(2)).
    if number == errno.ENXIO or (number == errno.EACCES and refusal.what == "kind"):
        return Conflict(
            "not_a_regular_file",
            "the path is a device, socket, pipe or kernel file",
            "files can be read and written; run a command in the VM for anything else",
        )
    if number in {errno.ENOTEMPTY, errno.EEXIST}:
        return Conflict("directory_not_empty", "the folder is not empty")
    if number in {errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}:
        return InvalidRequest("invalid_path", "the path is too long, or its links go in a circle")
    return _general(number, "the VM's own permissions do not allow this")


def move_error(refusal: GuestRefusal) -> HatchwayError:
    """The error of a move. What rename(2) itself refuses has a meaning of its own."""
    if refusal.what == "move":
        if refusal.number == errno.EINVAL:
            return InvalidRequest("invalid_path", "a folder cannot be moved into itself")
        if refusal.number == errno.EISDIR:
            return Conflict("is_a_directory", "the target is a folder, and what is moved is none")
        if refusal.number == errno.ENOTDIR:
            return Conflict(
                "not_a_directory", "what is moved is a folder, and the target is none, or the reverse"
            )
        if refusal.number in {errno.ENOTEMPTY, errno.EEXIST}:
            return Conflict("directory_not_empty", "the target is a folder that is not empty")
    return file_error(refusal)


def unpack_error(refusal: GuestRefusal) -> HatchwayError:
    """The error of unpacking an archive. What is met at one of its entries has a meaning of its own."""
    if refusal.what != "unpack":
        return file_error(refusal)
    if refusal.number in {errno.ENOTDIR, errno.ELOOP, errno.EEXIST}:
        return Conflict(
            "not_a_directory",
            "where the archive has a folder, the VM has a file or a link",
            "no link is followed: unpack into the folder that it leads to",
        )
    if refusal.number == errno.EISDIR:
        return Conflict("is_a_directory", "where the archive has a file or link, the VM has a folder")
    if refusal.number == errno.ENOENT:
        return Conflict("file_changed", "something in the folder went away while the archive was unpacked")
    return file_error(refusal)


@contextmanager
def starting(command: str) -> Iterator[None]:
    """What a guest is asked for in the context starts a program: what keeps it from that is told as its user's error.

    Raises:
        HatchwayError: see `process_error`.
        InvalidRequest: `command_too_long`: it does not fit into one message.
    """
    try:
        yield
    except GuestRefusal as refusal:
        raise process_error(refusal, command) from None
    except ValueError:
        raise InvalidRequest(
            "command_too_long",
            "the arguments and environment are over 150 KB",
            "write them to a file in the VM",
        ) from None


def process_error(refusal: GuestRefusal, command: str) -> HatchwayError:
    """The error of starting a process."""
    if refusal.what == "cwd":
        return NotFound("cwd_not_found", "the working directory is no folder in the VM", "make it first")
    if refusal.number == errno.ENOENT:
        return NotFound(
            "command_not_found",
            f"there is no command {command!r} in the VM",
            "check its name, and that the VM's software brings it",
        )
    if refusal.number in {errno.ENOEXEC, errno.EACCES, errno.EISDIR}:
        return Conflict(
            "not_executable",
            f"{command!r} cannot be executed",
            "a script needs a first line like #!/bin/sh and the permission to execute (chmod +x)",
        )
    if refusal.number in {errno.EAGAIN, errno.ENOMEM}:
        return Conflict(
            "too_many_processes",
            "the VM is at its limit of processes or memory",
            "stop some of its processes",
        )
    if refusal.number == errno.E2BIG:
        return InvalidRequest(
            "command_too_long", "the arguments and environment are too long for one command"
        )
    return _general(refusal.number, "the VM's own permissions do not allow this")


def signal_error(refusal: GuestRefusal, pid: int) -> HatchwayError:
    """The error of sending a signal to a process that the server did not start."""
    if refusal.number == errno.ESRCH:
        return no_such_process(pid)
    return general_error(refusal)


def no_such_process(pid: int) -> HatchwayError:
    """The error for a pid that no process of the VM has."""
    return NotFound(
        "process_not_found",
        f"no process {pid} runs in this VM",
        "list all of the VM's processes for those there are",
    )


def general_error(refusal: GuestRefusal) -> HatchwayError:
    """The error of any other request."""
    return _general(refusal.number, "the VM's own permissions do not allow this")


def _general(number: int, not_allowed: str) -> HatchwayError:
    if number in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ETXTBSY, errno.EBUSY}:
        return Conflict("not_permitted", not_allowed)
    if number in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return storage_full()
    if number in {errno.EMFILE, errno.ENFILE}:
        return Unavailable("too_many_requests", "too many files are being written in this VM", "try again")
    return Unavailable("vm_failed", "the VM could not do this")


def _too_busy(number: int) -> HatchwayError:
    if number != errno.EMFILE:
        return Conflict(
            "too_many_processes",
            "the VM is at its limit of processes or memory",
            "stop some of its processes",
        )
    return Unavailable("too_many_requests", "too many actions on files are under way in this VM", "try again")


def storage_full() -> HatchwayError:
    """The error for a file that is too large or a disk that is full."""
    return Conflict(
        "storage_full", "the file is over the VM's limit, or the disk is full", "delete something in the VM"
    )
