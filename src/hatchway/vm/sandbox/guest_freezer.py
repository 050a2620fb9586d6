"""How guest init stops all processes of its VM, lets them go on, and ends them.

By signals, since those need no control group and so work under every server: an ordinary user's has none. kill(2) with
-1 reaches every process but PID 1 in one step, also one that is being forked.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection

from hatchway.vm.sandbox import guest_processes
from hatchway.vm.sandbox.wire import Message

_EVERYBODY = -1


class Freezer:
    """Freezes and thaws the processes of this VM.

    Args:
        workers: the pids of guest init's own workers, which none of this is meant for.
    """

    def __init__(self, workers: Collection[int]) -> None:
        self._workers = workers
        self._stopped: frozenset[int] = frozenset()
        """Those that the guest itself had stopped before: they stay so."""
        self.operations = {"freeze": self._freeze, "thaw": self._thaw, "terminate": self._terminate}

    def _freeze(self, _request: Message, _reply_fds: list[int]) -> Message:
        self._stopped = guest_processes.stopped()
        _signal(_EVERYBODY, signal.SIGSTOP)
        return {}

    def _thaw(self, _request: Message, _reply_fds: list[int]) -> Message:
        if not self._stopped:
            _signal(_EVERYBODY, signal.SIGCONT)
            return {}
        for pid in guest_processes.others(self._workers):
            if pid not in self._stopped:
                _signal(pid, signal.SIGCONT)
        self._stopped = frozenset()
        return {}

    def _terminate(self, _request: Message, _reply_fds: list[int]) -> Message:
        _signal(_EVERYBODY, signal.SIGTERM)
        _signal(_EVERYBODY, signal.SIGCONT)  # what is stopped cannot act on it
        return {}


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # there is none (any more)
