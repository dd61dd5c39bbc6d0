import pytest
from processes import ServedSandbox
from status_page import Client, PageSite

from connectors.sandbox import Limits

FAST = {
    "apply_delay": 0.0,
    "tokopedia_limits": Limits(
        rows_per_request=100,
        rows_per_second=20_000,
        row_burst=20_000,
        requests_per_second=200,
        request_burst=200,
    ),
    "tocobagus_limits": Limits(rows_per_request=1000, requests_per_second=200, request_burst=200),
}


@pytest.fixture(scope="module")
def served():
    with ServedSandbox(**FAST) as served:
        yield served


@pytest.fixture(scope="module")
def new_site(tmp_path_factory, served):
    sites = []

    def make(**options):
        site = PageSite(tmp_path_factory.mktemp("page") / "site", served, **options)
        sites.append(site)
        return site

    yield make
    for site in sites:
        if site.process is not None and site.process.poll() is None:
            site.kill()


@pytest.fixture(scope="module")
def site(new_site):
    """A shop whose page is served, shared by the tests of a module."""
    return new_site().opened()


@pytest.fixture
def client(site):
    """A client of its own for each test: none is logged in by another's doing."""
    return Client(site.port)
