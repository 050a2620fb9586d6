"""What an action is called with, checked one by one. Pure."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from hatchway.api.paths import validate_path
from hatchway.api.rivet.js_values import UNDEFINED
from hatchway.errors import InvalidRequest

T = TypeVar("T")
_MOST_WORDS = 300
"""Characters of what is said of a value: names of its fields may be of any length."""


class Options(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """An object of options. Those that are not known are refused, so that a typing error never goes unnoticed."""


class Arguments:
    """The arguments of one call.

    Args:
        action: its name.
        values: as the client gave them.
        most: how many it takes.

    Raises:
        InvalidRequest: `invalid_arguments`; here, and in each method for what does not fit.
    """

    def __init__(self, action: str, values: list[Any], most: int) -> None:
        self._action = action
        self._values = [None if each is UNDEFINED else each for each in values]
        if any(each is not None for each in self._values[most:]):
            raise self._wrong(f"{action} takes {most} arguments at most")

    def text(self, index: int, name: str) -> str:
        """An argument that is text."""
        value = self._get(index)
        if not isinstance(value, str):
            raise self._wrong(f"{name} must be text")
        return value

    def path(self, index: int, name: str = "path") -> bytes:
        """A path inside the VM.

        Raises:
            InvalidRequest: `invalid_path`.
        """
        return as_path(self.text(index, name), name)

    def content(self, index: int, name: str) -> bytes:
        """Text or bytes."""
        return as_bytes(self._get(index), name)

    def pid(self, index: int = 0) -> int:
        """The number of a process."""
        value = self._get(index)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
            raise self._wrong("pid must be a whole number above 0")
        return value

    def anything(self, index: int) -> Any:
        """An argument that others check; None if it is missing."""
        return self._get(index)

    def options(self, index: int, schema: type[T]) -> T:
        """An object of options; that of the defaults if it is missing."""
        value = self._get(index)
        return convert(
            _without_missing({} if value is None else value), schema, f"the options of {self._action}"
        )

    def list(self, index: int, schema: type[T], name: str) -> list[T]:
        """An array."""
        return convert(_without_missing(self._get(index)), list[schema], name)  # type: ignore[valid-type]

    def _get(self, index: int) -> Any:
        return self._values[index] if index < len(self._values) else None

    def _wrong(self, message: str) -> InvalidRequest:
        return InvalidRequest("invalid_arguments", message)


def convert(value: Any, schema: type[T], what: str) -> T:
    """A value as its schema has it.

    Raises:
        InvalidRequest: `invalid_arguments`.
    """
    try:
        return msgspec.convert(value, schema)
    except msgspec.ValidationError as error:
        # The message names fields and types, never a value.
        raise InvalidRequest(
            "invalid_arguments", f"{what} are not as expected: {str(error)[:_MOST_WORDS]}"
        ) from None


def as_path(text: str, name: str = "path") -> bytes:
    """A path inside the VM; or `InvalidRequest` `invalid_arguments`, `invalid_path`."""
    return validate_path(as_bytes(text, name))


def as_bytes(value: Any, name: str) -> bytes:
    """Text or bytes as bytes; or `InvalidRequest` `invalid_arguments`."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise InvalidRequest("invalid_arguments", f"{name} must be valid Unicode text") from None
    raise InvalidRequest("invalid_arguments", f"{name} must be text or a Uint8Array")


def _without_missing(value: Any) -> Any:
    """An object without what is undefined in it, as JavaScript reads it."""
    if isinstance(value, dict):
        return {name: _without_missing(each) for name, each in value.items() if each is not UNDEFINED}
    if isinstance(value, list):
        return [None if each is UNDEFINED else _without_missing(each) for each in value]
    return value
