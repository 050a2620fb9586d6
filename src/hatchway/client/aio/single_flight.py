"""One call for many callers who want the same thing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs `call` once for all who ask while it runs, and keeps its result until `forget`.

    A failure goes to all who waited for it and is not kept. The call runs in the task of the first who asked:
    if that one is cancelled, the next makes the call anew.
    """

    def __init__(self, call: Callable[[], Awaitable[T]]) -> None:
        self._call = call
        self._result: tuple[T] | None = None
        self._flight: asyncio.Future[T] | None = None

    async def get(self) -> T:
        """The result; calls if there is none yet."""
        while self._result is None:
            if self._flight is None:
                return await self._fly()
            flight = self._flight
            # Unlike `await flight`, wait() does not raise when the flight is cancelled: only when we are.
            await asyncio.wait([flight])
            if not flight.cancelled():
                return flight.result()
        return self._result[0]

    def forget(self, result: T) -> None:
        """Call again for the next who asks, if `result` is still what is kept."""
        if self._result == (result,):
            self._result = None

    async def _fly(self) -> T:
        self._flight = flight = asyncio.get_running_loop().create_future()
        try:
            result = await self._call()
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # marks it as seen: it is ours to raise even if nobody else waited
            raise
        except BaseException:
            flight.cancel()
            raise
        else:
            self._result = (result,)
            flight.set_result(result)
            return result
        finally:
            self._flight = None
