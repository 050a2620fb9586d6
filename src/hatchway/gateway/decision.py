"""A decision that does not come at once: waiting for it, and asking again if what it rests on changed meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from hatchway.errors import HatchwayError
from hatchway.gateway.live_grants import LiveGrants
from hatchway.gateway.plan import RequestPlan
from hatchway.gateway.seam import Allow, Backend, Deny, Verdict

_log = logging.getLogger(__name__)


async def settle(
    verdict: Verdict | Awaitable[Verdict],
    changes: int,
    plan: RequestPlan,
    backend: Backend,
    grants: LiveGrants,
) -> Verdict:
    """The verdict that holds now.

    Between a backend's `Allow` and its arrival here a grant may have ended or been given another end, maybe this one,
    when nothing was open under it yet that could be cut. So the backend is asked again.

    Args:
        verdict: what `Backend.resolve` answered.
        changes: `grants.changes` when the backend was asked.
        plan: of the request.
        backend: to ask again.
        grants: knows whether a grant changed.
    """
    try:
        while not isinstance(verdict, Allow | Deny):
            verdict = await verdict
            if changes != grants.changes and isinstance(verdict, Allow):
                changes = grants.changes
                verdict = backend.resolve(plan.destination, plan.facts)
    except Exception as error:  # noqa: BLE001 - a defect behind the seam must not show its insides to a client
        _log.error("resolving a request failed: %s", type(error).__name__)
        return Deny(HatchwayError("internal_error", "the server failed to decide about this request"))
    return verdict
