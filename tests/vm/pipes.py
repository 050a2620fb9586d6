"""A process's ends of the pipes of its output, in a test's hands."""

from __future__ import annotations

import os

from hatchway.vm.records import StreamName


class PipeEnds:
    """Writes as a process does, but never waits."""

    def __init__(self) -> None:
        self.reading_ends: dict[StreamName, int] = {}
        """Owned by whoever is given them."""
        self._fds: dict[StreamName, int] = {}
        streams: list[StreamName] = ["stdout", "stderr"]
        for stream in streams:
            self.reading_ends[stream], self._fds[stream] = os.pipe()
            os.set_blocking(self._fds[stream], False)

    def write(self, stream: StreamName, data: bytes) -> int:
        """Write what the pipe takes now; how much that was."""
        try:
            return os.write(self._fds[stream], data)
        except BlockingIOError:
            return 0

    def end(self) -> None:
        """Let go of the pipes."""
        while self._fds:
            os.close(self._fds.popitem()[1])
