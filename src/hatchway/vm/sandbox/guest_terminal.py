"""The pseudo-terminals (pty(7)) that guest init opens in its VM's own devpts."""

from __future__ import annotations

import fcntl
import os
import struct
import termios

# Not /dev/ptmx: that is a link in a folder of the guest's. A mount point it can neither rename nor unmount, and what is
# in a devpts it cannot replace.
_FOLDER = "/dev/pts"
_TIOCGPTN, _TIOCSPTLCK = 0x80045430, 0x40045431
_INPUT_IS_UTF8 = 0o40000  # IUTF8 of termios(3), which Python's module lacks


def open_terminal(cols: int, rows: int) -> tuple[int, str]:
    """A new terminal of this size: its master's fd, and the path of its slave. `struct.error` for no such size."""
    size = struct.pack("HHHH", rows, cols, 0, 0)
    master = os.open(f"{_FOLDER}/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
        number = struct.unpack("i", fcntl.ioctl(master, _TIOCGPTN, b"\0\0\0\0"))[0]
        fcntl.ioctl(master, termios.TIOCSWINSZ, size)
        attributes = termios.tcgetattr(master)
        attributes[0] |= _INPUT_IS_UTF8
        termios.tcsetattr(master, termios.TCSANOW, attributes)
    except BaseException:
        os.close(master)
        raise
    return master, f"{_FOLDER}/{number}"
