"""No secret leaves: not in logs, the database, reports, process arguments or the environment."""

from pathlib import Path

import pytest
from processes import SECRETS, eventually, files_holding

from connectors.sandbox import tocobagus, tokopedia
from connectors.sandbox.faults import Call, Fault, FaultKind


@pytest.fixture
def site(site):
    site.keep_secrets_apart()
    with site.config.open("a") as config:
        config.write('[logging]\nlevel = "debug"\nformat = "json"\n')
    return site


def test_secrets_stay_where_they_were_put(site, served):
    """Also when the marketplace says them back, refuses the sign-in, or resets the connection."""
    echo = f"bad token {tocobagus.STORE_TOKEN} {tocobagus.SECRET_KEY} {tokopedia.CLIENT_SECRET}"
    faults = served.sandbox.faults
    faults.next(
        Fault(kind=FaultKind.STATUS, status=503, message=echo, code="X_1", marketplace="tocobagus"),
        Fault(kind=FaultKind.ROWS_REFUSED, message=echo, code="INV_009", marketplace="tocobagus"),
        Fault(kind=FaultKind.STATUS, status=500, message=echo, marketplace="tokopedia", call=Call.TOKEN),
        Fault(kind=FaultKind.RESET, marketplace="tokopedia"),
        Fault(kind=FaultKind.ROWS_REFUSED, message=echo, marketplace="tokopedia"),
    )
    site.drop({"A": 3, "B": 4})
    process = site.started()
    eventually(lambda: not faults.pending(), "every fault has happened")
    seen = (
        Path(f"/proc/{process.pid}/cmdline").read_bytes() + Path(f"/proc/{process.pid}/environ").read_bytes()
    )
    printed = [
        site.command(*command)
        for command in (["status"], ["failures", "--json"], ["failures"], ["check"], ["imports", "--json"])
    ]
    token = served.sandbox.tokopedia._token
    site.terminate()

    for number, secret in enumerate(SECRETS):
        assert files_holding(site.folder, secret) == [f"secret-{number}"]
        assert secret.encode() not in seen
        assert all(secret not in done.stdout + done.stderr for done in printed)
    assert token
    assert files_holding(site.folder, token) == []
