"""The real daemon, as those who watch over it see it: over HTTP, with Prometheus' own tools."""

import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest
from processes import SECRETS, eventually, shows
from prometheus_client.parser import text_string_to_metric_families

MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"
TOKEN = "a-token-that-is-long-enough-for-a-page"
NO_PROMTOOL = "promtool is not here (Debian: apt install prometheus)"


@pytest.fixture
def site(new_site, served):
    """One whose page is served."""
    site = new_site(served)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    text = site.config.read_text()
    assert 'listen = ""' in text
    site.config.write_text(text.replace('listen = ""', f'listen = "{address}"'))
    site.url = f"http://{address}"
    return site


def told(site) -> dict[tuple, float]:
    """Give what is served; nothing while it is not yet."""
    try:
        text = httpx.get(f"{site.url}/metrics", timeout=10).text
    except httpx.ConnectError:
        return {}
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(site, name: str, **labels: str) -> float | None:
    return told(site).get((name, *sorted(labels.items())))


def answers(site, path: str) -> bool:
    try:
        return httpx.get(site.url + path, timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def promtool(*arguments: str, text: str | None = None) -> None:
    if shutil.which("promtool") is None:
        assert os.environ.get("SYNCD_PROMTOOL") != "required", NO_PROMTOOL
        pytest.skip(NO_PROMTOOL)
    found = subprocess.run(
        ["promtool", *arguments], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stderr) == (0, ""), found.stdout + found.stderr


def test_a_daemon_is_watched_from_its_start_to_its_end(served, site):
    stock = {f"SKU-{number:03d}": number % 7 for number in range(40)}
    site.started()
    eventually(lambda: answers(site, "/readyz"), "it is ready")
    assert answers(site, "/healthz")
    site.drop(stock)
    eventually(shows(served, stock), "both marketplaces show the export")
    accepted = {"channel": "tokopedia-sandbox", "outcome": "accepted"}
    eventually(lambda: value(site, "syncd_rows_total", **accepted) == 40, "every row is counted")

    text = httpx.get(f"{site.url}/metrics", timeout=10).text
    figures = told(site)

    assert figures["syncd_change_to_confirmed_seconds_count", ("channel", "tokopedia-sandbox")] == 40
    assert abs(figures["syncd_clock_offset_seconds", ("channel", "tokopedia-sandbox")]) < 2
    assert figures["process_resident_memory_bytes",] > 10_000_000
    assert not [secret for secret in SECRETS if secret in text]
    assert "SKU-0" not in text
    promtool("check", "metrics", text=text)
    assert site.terminate() == 0
    assert not answers(site, "/healthz")


def test_on_another_address_figures_need_the_token_and_health_does_not(site):
    port = site.url.rpartition(":")[2]
    text = site.config.read_text()
    listen = f'listen = "127.0.0.1:{port}"'
    assert listen in text
    site.config.write_text(text.replace(listen, f'listen = "0.0.0.0:{port}"\ntoken = "{TOKEN}"'))
    site.started()
    eventually(lambda: answers(site, "/readyz"), "it is ready")

    statuses = [
        httpx.get(f"{site.url}{path}", headers=headers, timeout=10).status_code
        for path, headers in (
            ("/healthz", {}),
            ("/metrics", {}),
            ("/metrics", {"Authorization": "Bearer guessed-wrongly-by-somebody"}),
            ("/metrics", {"Authorization": f"Bearer {TOKEN}"}),
        )
    ]

    assert statuses == [200, 401, 401, 200]


def test_a_refused_reload_is_told_until_a_good_one(site):
    site.started()
    eventually(lambda: value(site, "syncd_config_last_reload_successful") == 1, "it is served")
    good = site.config.read_text()

    site.config.write_text(good + "\n[nonsense]\n")
    site.process.send_signal(signal.SIGHUP)
    eventually(lambda: value(site, "syncd_config_last_reload_successful") == 0, "it is refused")

    site.config.write_text(good.replace('scan = "200ms"', 'scan = "300ms"'))
    site.process.send_signal(signal.SIGHUP)
    eventually(lambda: value(site, "syncd_config_last_reload_successful") == 1, "it is taken")
    assert value(site, "syncd_config_reloads_total", result="taken") == 1
    assert value(site, "syncd_config_reloads_total", result="refused") == 1


def test_promtool_finds_no_fault_with_the_rules():
    promtool("check", "rules", str(MONITORING / "alerts.yml"))


def test_promtool_finds_no_fault_with_the_example():
    promtool("check", "config", str(MONITORING / "scrape.yml"))


def test_the_rules_warn_when_they_should():
    promtool("test", "rules", str(MONITORING / "alerts_test.yml"))


def test_the_rules_ask_for_what_a_daemon_tells(site):
    site.started()
    eventually(lambda: answers(site, "/readyz"), "it is ready")
    names = {name for name, *_ in told(site)}
    asked = set(re.findall(r"\bsyncd_\w+(?=[{\[ )])", (MONITORING / "alerts.yml").read_text()))

    assert asked
    assert asked - names == {"syncd_clock_offset_seconds"}  # not known before a marketplace answered
