"""syncd/scheduler.py: what of APScheduler's own words comes through."""

import asyncio
import logging

import pytest

from syncd.clock import system_clock
from syncd.scheduler import Schedule


@pytest.mark.parametrize(("fault", "lines"), [(asyncio.CancelledError(), 0), (ValueError("x"), 1)])
def test_work_that_a_stop_cancels_is_told_as_no_fault(caplog, fault, lines):
    async def made():
        async def nothing():
            return None

        return Schedule(system_clock(), nothing)

    asyncio.run(made())
    logging.getLogger("apscheduler.executors.default").error("Error running job", exc_info=fault)

    assert len(caplog.records) == lines
