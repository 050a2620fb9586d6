"""Which descriptors a process keeps."""

from __future__ import annotations

import os

_ABOVE_EVERY_FD = 1 << 30  # above the kernel's fs.nr_open; closerange is one call, however long the range


def close_fds_except(*kept: int) -> None:
    """Close every other fd (close_range(2)): one left open would be a way from a guest to whatever it refers to."""
    low = 0
    for fd in sorted(kept):
        if low < fd:  # CPython turns an empty range from 0 into one that has no end
            os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, _ABOVE_EVERY_FD)
