from __future__ import annotations

import asyncio

import pytest

from hatchway.client.aio.single_flight import SingleFlight


class Landing:
    """A call that ends when the test says so."""

    def __init__(self) -> None:
        self.calls: list[asyncio.Future[str]] = []
        self.flight = SingleFlight(self._call)

    async def _call(self) -> str:
        self.calls.append(asyncio.get_running_loop().create_future())
        return await self.calls[-1]

    async def takes_off(self, number: int) -> asyncio.Future[str]:
        while len(self.calls) < number:  # noqa: ASYNC110 - a few turns of the loop, no waiting
            await asyncio.sleep(0)
        return self.calls[number - 1]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_many_callers_make_one_call() -> None:
    landing = Landing()
    tasks = [asyncio.create_task(landing.flight.get()) for _ in range(100)]
    (await landing.takes_off(1)).set_result("id")
    assert await asyncio.gather(*tasks) == ["id"] * 100
    assert await landing.flight.get() == "id"
    assert len(landing.calls) == 1


async def test_a_failure_goes_to_all_who_wait_and_the_next_tries_again() -> None:
    landing = Landing()
    tasks = [asyncio.create_task(landing.flight.get()) for _ in range(3)]
    (await landing.takes_off(1)).set_exception(ValueError("no"))
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [ValueError] * 3
    again = asyncio.create_task(landing.flight.get())
    (await landing.takes_off(2)).set_result("id")
    assert await again == "id"


async def test_when_the_first_is_cancelled_the_next_takes_over() -> None:
    landing = Landing()
    tasks = [asyncio.create_task(landing.flight.get()) for _ in range(3)]
    await landing.takes_off(1)
    await settle()
    tasks[0].cancel()
    (await landing.takes_off(2)).set_result("id")
    assert await asyncio.gather(*tasks[1:]) == ["id", "id"]
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]


async def test_a_cancelled_follower_disturbs_nobody() -> None:
    landing = Landing()
    tasks = [asyncio.create_task(landing.flight.get()) for _ in range(3)]
    call = await landing.takes_off(1)
    await settle()
    tasks[1].cancel()
    await settle()
    assert tasks[1].cancelled()
    call.set_result("id")
    assert await tasks[0] == await tasks[2] == "id"
    assert len(landing.calls) == 1


async def test_only_the_kept_result_is_forgotten() -> None:
    landing = Landing()
    first = asyncio.create_task(landing.flight.get())
    (await landing.takes_off(1)).set_result("old")
    assert await first == "old"
    landing.flight.forget("other")
    assert await landing.flight.get() == "old"
    landing.flight.forget("old")
    second = asyncio.create_task(landing.flight.get())
    (await landing.takes_off(2)).set_result("new")
    assert await second == "new"
    landing.flight.forget("old")
    assert await landing.flight.get() == "new"
