import logging
import os

import hypothesis
import pytest
import structlog

# The same examples each time: what passes here passes elsewhere. HYPOTHESIS_PROFILE=default looks for new ones.
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.load_profile("same")


MOST_WORKERS = 8


def pytest_xdist_auto_num_workers():
    """Give few processors more workers than there are: half of the tests wait for real processes."""
    processors = os.cpu_count() or 1
    return max(processors, min(2 * processors, MOST_WORKERS))


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def logs_as_they_were():
    """A command run in this process sends its logs somewhere; the next test must not find them there."""
    root = logging.getLogger()
    handlers, level, configuration = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configuration)
