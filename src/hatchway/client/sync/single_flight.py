"""One call for many callers who want the same thing: the synchronous twin of `hatchway.client.aio.single_flight`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs `call` once for all threads that ask while it runs, and keeps its result until `forget`.

    A failure is the one's who called; the next of those who waited makes the call anew.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._result: tuple[T] | None = None
        self._flying = threading.Lock()

    def get(self) -> T:
        """The result; calls if there is none yet."""
        with self._flying:
            if self._result is None:
                self._result = (self._call(),)
            return self._result[0]

    def forget(self, result: T) -> None:
        """Call again for the next who asks, if `result` is still what is kept."""
        with self._flying:
            if self._result == (result,):
                self._result = None
