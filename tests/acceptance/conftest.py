"""A shop with its daemon as a process of its own, and the marketplaces that it speaks to."""

import pytest
from processes import ServedSandbox, Site


@pytest.fixture
def served():
    with ServedSandbox(apply_delay=0.0) as served:
        yield served


@pytest.fixture
def new_site(tmp_path):
    """Make a site; its daemon is killed in the end."""
    sites = []

    def make(served, **options):
        sites.append(Site(tmp_path / f"site-{len(sites)}", served, **options))
        return sites[-1]

    yield make
    for site in sites:
        if site.process is not None:
            site.kill()


@pytest.fixture
def site(new_site, served):
    return new_site(served)
