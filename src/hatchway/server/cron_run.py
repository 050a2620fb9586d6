"""One run of a cron job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from hatchway.errors import HatchwayError
from hatchway.vm.cron_job import CronJob, CronRun
from hatchway.vm.manager import VmManager
from hatchway.vm.records import ExecRequest, Exit, Output, ProcessEvent
from hatchway.vm.tail import TAIL_BYTES, last_lines

Execute = Callable[[str, ExecRequest], AbstractAsyncContextManager[AsyncIterator[ProcessEvent]]]
"""Runs a command in the VM of an id; see `hatchway.api.services.Services.exec`."""


def executing(manager: VmManager) -> Execute:
    """What runs a command in a VM of `manager`: the VM wakes for it, and is awake as long as it runs."""

    @asynccontextmanager
    async def execute(vm_id: str, request: ExecRequest) -> AsyncIterator[AsyncIterator[ProcessEvent]]:
        async with manager.using(vm_id) as machine, machine.exec(request) as events:
            yield events

    return execute


async def run_to_its_end(
    execute: Execute, starting: asyncio.Semaphore, vm_id: str, job: CronJob
) -> CronRun | None:
    """Run a job's command; cancelling kills it.

    Args:
        execute: runs it.
        starting: held until the command has started.
        vm_id: where.
        job: the job.

    Returns:
        How it ended, without times; None: its VM does not exist any more.
    """
    request = ExecRequest(job.command, job.env, job.cwd, timeout=job.timeout)
    kept = bytearray()
    whole = True
    end: Exit | None = None
    error: str | None = None
    try:
        async with AsyncExitStack() as stack:
            async with starting:
                events = await stack.enter_async_context(execute(vm_id, request))
            async for event in events:
                if isinstance(event, Output):
                    kept += event.data
                    whole = whole and len(kept) <= TAIL_BYTES
                    del kept[:-TAIL_BYTES]
                elif isinstance(event, Exit):
                    end = event
    except HatchwayError as refusal:
        if refusal.code == "vm_not_found":
            return None
        error = str(refusal)
    if end is None:
        return CronRun(0.0, output=last_lines(bytes(kept), whole), error=error or "its VM has stopped")
    return CronRun(
        0.0,
        exit_code=end.exit_code,
        signal=end.signal,
        timed_out=end.timed_out,
        output=last_lines(bytes(kept), whole),
    )
