"""The page on an edit of rules that is held, and on a rules file that is wrong; over real HTTP."""

import re

import pytest
from processes import eventually
from status_page import Client

STOCK = {f"SKU-{number:03}": 5 for number in range(100)}
CHANNEL = "tokopedia-sandbox"
HALF = [f"{sku},{CHANNEL},,stopped" for sku in list(STOCK)[:50]] + [f"SKU-099,{CHANNEL},,paused"]
PAUSED = "paused, and left alone from then on: 1 listings"


def says(site, *rows):
    (site.folder / "rules.new").write_text("\n".join(("sku,channel,safety_stock,selling", *rows, "")))
    (site.folder / "rules.new").rename(site.folder / "rules.csv")


@pytest.fixture(scope="module")
def shop(new_site):
    site = new_site()
    site.config.write_text(f'[rules]\nfile = "rules.csv"\n\n{site.config.read_text()}')
    says(site)
    site.opened()
    site.pushes(STOCK, "monday.csv", listings=200)
    return site


@pytest.fixture
def client(shop):
    client = Client(shop.port)
    client.log_in()
    return client


@pytest.fixture
def held(shop, client):
    """A held edit; each test finds one."""
    says(shop, *HALF)
    eventually(shop.holds, "the edit is held")
    eventually(lambda: 'id="held-' in client.ask("/").text, "the page has read anew")
    return re.search(r'id="held-(\d+)"', client.ask("/").text)[1]


def test_it_says_first_that_an_edit_is_held_and_what_it_would_do(client, held):
    text = client.ask("/").text
    [sentence] = re.findall(r'<h1 id="sentence"[^>]*>([^<]+)</h1>', text)
    assert sentence.startswith(f"An edit of what {CHANNEL} shows is held: 50 of 100 listings above zero go")
    card = text[text.index(f'aria-labelledby="held-{held}"') :]
    card = card[: card.index("</article>")]
    assert f"An edit of what {CHANNEL} shows" in card
    assert "From source" not in card
    assert re.search(r"to zero</dt><dd>50<", card)
    assert "not sold any more</dt><dd>0<" in card
    assert "500 → 250" in card
    assert '<th scope="col">warehouse</th>' in card
    assert PAUSED in card
    assert "an edit is held</span>" in text


def test_its_own_page_speaks_of_listings(client, held):
    text = client.ask(f"/imports/{held}").text
    assert f"An edit of what {CHANNEL} shows" in text
    assert "units shown, before and then" in text
    assert PAUSED in text
    assert "How it was read" not in text


def test_a_rejected_edit_stands_and_is_said_to(client, shop, held):
    question = client.ask(f"/confirm?action=reject&id={held}").text
    assert f"Reject the edit of what {CHANNEL} shows?" in question
    assert "It still stands where it was made" in question
    assert "rejected/" not in question
    done = client.act("reject", id=held)
    assert "rejected" in client.ask(done.fields["location"]).text
    assert "was rejected, and is still configured" in client.ask("/").text
    says(shop)
    eventually(lambda: "is still configured" not in client.ask("/").text, "the edit was taken back")


def test_approving_asks_first_in_listings_then_applies(client, shop, held):
    question = client.ask(f"/confirm?action=approve&id={held}").text
    assert f"Approve the edit of what {CHANNEL} shows?" in question
    assert "It changes 50 listings at once: 50 to zero, 0 down, 0 up, 0 new." in question
    assert "Paused, and left alone from then on: 1 listings." in question
    assert "Units shown: 500 before, 250 then." in question
    assert "stock level" not in question
    done = client.act("approve", id=held)
    assert "applied" in client.ask(done.fields["location"]).text
    eventually(lambda: not shop.ask_state("SELECT count(*) FROM listing WHERE due"), "it is pushed")
    says(shop)
    eventually(
        lambda: not shop.ask_state("SELECT count(*) FROM listing WHERE desired = 0"), "as it was for the next"
    )


def test_a_wrong_row_is_shown_with_its_line_and_as_text(client, shop):
    says(shop)
    eventually(lambda: not shop.holds(), "nothing is held")
    says(shop, "<b>bold</b>,,many,")
    eventually(lambda: "an edit is refused" in client.ask("/").text, "it is refused")
    text = client.ask("/").text
    assert "What is configured of" in re.findall(r'<h1 id="sentence"[^>]*>([^<]+)</h1>', text)[0]
    assert "rules.csv line 2" in text
    assert "<b>bold" not in text
    says(shop)
    eventually(lambda: "an edit is refused" not in client.ask("/").text, "it is mended")
