"""What runs on a timer: previews that have expired are deleted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from hatchway.errors import HatchwayError
from hatchway.gateway.listener import Gateway
from hatchway.store.previews import Previews

SWEEP_SECONDS = 60.0

_log = logging.getLogger(__name__)


async def sweep_expired(
    previews: Previews,
    gateway: Gateway,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Delete expired previews at once and then every `SWEEP_SECONDS`, until cancelled.

    An expired preview is refused from its last second on, whether its row is still there or not; this keeps the
    database from growing.
    """
    while True:
        try:
            for grant_id in await previews.sweep():
                await gateway.close_grant(grant_id)
        except HatchwayError as error:
            _log.warning("expired previews could not be deleted: %s", error.message)
        await sleep(SWEEP_SECONDS)
