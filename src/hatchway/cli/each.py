"""Doing the same to several things: one that fails is told by its name, and the others have their turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from hatchway.cli.terminal import tell_error
from hatchway.errors import ConnectionFailed, HatchwayError

T = TypeVar("T")


async def for_each(
    things: Iterable[T], action: Callable[[T], Awaitable[object]], name: Callable[[T], str] = str
) -> int:
    """Do `action` to each of `things`, one after the other.

    Args:
        things: what the command line names.
        action: what is done.
        name: how one of them is called where it fails.

    Returns:
        The exit code: 0, or 1 if any of them failed.

    Raises:
        ConnectionFailed: the others would fail by it, too.
    """
    code = 0
    for thing in things:
        try:
            await action(thing)
        except ConnectionFailed:
            raise
        except HatchwayError as error:
            tell_error(about(name(thing), error))
            code = 1
    return code


def about(name: str, error: HatchwayError) -> HatchwayError:
    """The same error, saying what it is about, if it does not."""
    prefix = f"{name.removesuffix(':')}: "
    message = error.message if error.message.startswith(prefix) else prefix + error.message
    return HatchwayError(error.code, message, error.hint, details=error.details)
