"""A memory of bounded size. Pure."""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(dict[Key, Value], Generic[Key, Value]):
    """A dictionary of the last `size` things put in with `remember`."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def remember(self, key: Key, value: Value) -> None:
        """Puts `value` in, and the oldest out."""
        if len(self) >= self._size:
            del self[next(iter(self))]
        self[key] = value
