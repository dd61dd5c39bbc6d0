"""What the page shows and does, over real HTTP, on a shop with 10,000 SKUs, 300 refused and an import held."""

import getpass
import re
from urllib.parse import quote

import pytest
from processes import eventually
from status_page import GUARDED, Client

pytestmark = pytest.mark.timeout(240)
MOST_BYTES = 300_000
GOOD = {f"SKU-{number:05}": number % 40 + 1 for number in range(9_700)}
REFUSED = {f"UNKNOWN-{number:03}": 5 for number in range(299)} | {"UNKNOWN-<b>\"&amp;'": 5}
HALF = dict(list((GOOD | REFUSED).items())[:5_000])


@pytest.fixture(scope="module")
def shop(new_site):
    site = new_site(source=GUARDED)
    site.opened()
    site.pushes(GOOD | REFUSED, "monday.csv", listings=20_000)
    return site


@pytest.fixture
def held(shop):
    """An import that is held; each test finds one."""
    if not shop.holds():
        shop.drop(HALF, "tuesday.csv")
        eventually(shop.holds, "the import is held")
    [number] = re.findall(r'id="held-(\d+)"', fresh(shop))
    return number


@pytest.fixture
def client(shop):
    client = Client(shop.port)
    client.log_in()
    return client


def fresh(shop):
    """The page as it is now, and not as it was read a moment ago."""
    page = []
    eventually(
        lambda: page.append(shop.client.ask("/").text) or re.search(r'id="held-\d', page[-1]),
        "the page has read anew",
    )
    return page[-1]


def test_it_says_at_once_what_is_wrong_and_what_to_do(client, held):
    [sentence] = re.findall(r'<h1 id="sentence"[^>]*>([^<]+)</h1>', client.ask("/").text)
    assert sentence.startswith("An import of source erp is held: 5,000 of 10,000 known SKUs are missing")
    assert sentence.endswith("See what it would do, then approve or reject it.")


def test_it_shows_channels_sources_failures_imports(client, held):
    text = client.ask("/").text
    assert "<strong>9,700</strong> of 10,000 in sync" in text
    assert "300 refused" in text
    assert 'Failures <span class="count">600</span>' in text
    assert "monday.csv" in text
    assert "tuesday.csv" in text


def test_it_never_grows_large(client, held):
    assert len(client.ask("/").text.encode()) < MOST_BYTES


def test_failures_come_a_page_at_a_time_and_each_once(client):
    seen = []
    for number in range(1, 13):
        found = re.findall(r'href="/sku\?sku=(UNKNOWN-[^"]+)"', client.ask(f"/?page={number}").text)
        assert len(found) == 50
        seen += found
    assert {seen.count(sku) for sku in seen} == {2}, "once on each channel"
    assert len(set(seen)) == 300
    assert (
        "Nothing" in client.ask("/?page=13").text or "Back to the first page" in client.ask("/?page=13").text
    )


@pytest.mark.parametrize(
    ("search", "count"),
    [
        ("UNKNOWN-00", 20),
        ("unknown-007", 2),
        ("Invalid", 300),
        ("%", 0),
        ("0_7", 0),
        ("\\", 0),
        ("<b>", 2),
        ("zzz", 0),
    ],
)
def test_failures_are_searched_by_sku_and_words(client, search, count):
    text = client.ask(f"/?q={quote(search)}").text
    if search == "Invalid":  # one marketplace's word; the other has its own
        assert int(re.search(r'Failures <span class="count">(\d+)', text)[1]) >= count
    else:
        assert f'Failures <span class="count">{count}</span>' in text


def test_failures_of_one_channel(client):
    text = client.ask("/?channel=tocobagus-sandbox").text
    assert 'Failures <span class="count">300</span>' in text
    assert text.count(">tocobagus-sandbox</td>") == 50
    assert 'data-label="channel">tokopedia-sandbox' not in text


def test_hostile_names_stay_text(client):
    text = client.ask("/?q=%3Cb%3E").text
    assert "UNKNOWN-&lt;b&gt;&#34;&amp;amp;&#39;" in text
    assert "<b>" not in text


def test_a_sku_is_explained(client, held):
    text = client.ask("/sku?sku=SKU-00007").text
    assert "monday.csv" in text
    assert "floor((8 - 0) x 100%) = 8" in text
    assert f"Import {held}, tuesday.csv" in text
    missing = client.ask("/sku?sku=SKU-0000")
    assert missing.status == 404
    assert "SKU-0000" in missing.text


def test_a_retry_of_one_listing_sends_it_again(client, shop, served):
    before = served.rows("tocobagus")
    done = client.act("retry", channel="tocobagus-sandbox", sku="UNKNOWN-001")
    assert "1 listing is due again" in client.ask(done.fields["location"]).text
    eventually(lambda: served.rows("tocobagus") == before + 1, "it is sent once more")


def test_a_retry_of_a_channel_asks_first_with_the_number(client, shop, served):
    question = client.ask("/confirm?action=retry&channel=tocobagus-sandbox").text
    assert "Up to 300 listings are sent again now" in question
    before = served.rows("tocobagus")
    done = client.act("retry", channel="tocobagus-sandbox")
    assert "300 listings are due again" in client.ask(done.fields["location"]).text
    eventually(lambda: served.rows("tocobagus") >= before + 300, "all are sent once more")


def test_a_full_reconcile_asks_first_how_many_and_how_long(client, shop, served):
    question = client.ask("/confirm?action=full&channel=tocobagus-sandbox").text
    assert "All 10,000 listings are sent again, also those in sync. That takes about" in question
    assert "Source erp: its stock is from" in question
    before = served.rows("tocobagus")
    done = client.act("full", channel="tocobagus-sandbox")
    assert done.status == 303
    eventually(lambda: served.rows("tocobagus") >= before + 9_700, "everything is sent")
    eventually(lambda: "9,700 of 10,000 in sync" in _results(client), "what came of it is in the trail")
    assert "full reconcile tocobagus-sandbox" in client.ask("/").text


def test_approving_asks_first_with_the_figures_then_applies(client, shop, held):
    question = client.ask(f"/confirm?action=approve&id={held}").text
    assert f"Approve import {held}" in question
    assert "5,000 stock levels above zero are not in it: their stock stays as it is." in question
    done = client.act("approve", id=held)
    assert "applied" in client.ask(done.fields["location"]).text
    assert shop.holds() == 0
    gone = client.ask(f"/confirm?action=approve&id={held}")
    assert gone.status == 409
    shop.drop(GOOD | REFUSED, "monday-again.csv")
    eventually(
        lambda: not shop.ask_state("SELECT count(*) FROM stock WHERE missed"),
        "all is there again for the next test",
    )


def test_rejecting_puts_the_file_away(client, shop, held):
    assert f"Reject import {held}" in client.ask(f"/confirm?action=reject&id={held}").text
    done = client.act("reject", id=held)
    assert "rejected" in client.ask(done.fields["location"]).text
    assert [file for file in (shop.folder / "inbox/rejected").iterdir() if "tuesday" in file.name]


def test_what_commands_do_is_in_the_trail_with_their_user(client, shop):
    shop.command("retry", "--channel", "tokopedia-sandbox", "--sku", "UNKNOWN-002")
    eventually(
        lambda: "retry SKU UNKNOWN-002 on tokopedia-sandbox" in client.ask("/").text, "the trail has it"
    )
    assert f'data-label="who">{getpass.getuser()}<' in client.ask("/").text


def test_without_the_token_it_shows_all_and_offers_nothing(shop, held):
    text = shop.client.ask("/").text
    assert "tuesday.csv" in text
    assert "/confirm?" not in text
    assert 'action="/act"' not in text
    assert shop.client.ask(f"/confirm?action=approve&id={held}").fields["location"].startswith("/login?next=")


def _results(client):
    return "\n".join(re.findall(r'data-label="result">([^<]+)<', client.ask("/").text))
