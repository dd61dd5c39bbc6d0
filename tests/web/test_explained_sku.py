"""What the page of one SKU says of rules, names and bundles."""

import pytest
from processes import NO_PAGE, SOURCE, eventually
from status_page import Client

RULES = '[rules]\nfile = "rules.csv"\n\n[bundles]\nfile = "bundles.csv"\n\n'
LISTED = 'listings = { file = "names.csv" }\n'
STOCK = {f"SKU-{number:05}": 9 for number in range(5, 45)} | {
    "SKU-00001": 20,
    "SKU-00002": 9,
    "SKU-00003": 7,
    "SKU-00004": 6,
}


@pytest.fixture(scope="module")
def ruled(new_site):
    """A shop with rules, a bundle, and one SKU that stands for another."""
    site = new_site(source=SOURCE.replace(NO_PAGE, f"{RULES}{NO_PAGE}"), keys="")
    header = "[channels.tocobagus-sandbox]\n"
    site.config.write_text(site.config.read_text().replace(header, header + LISTED))
    write(site, "rules.csv", "sku,safety_stock,selling", "SKU-00001,3,", "SKU-00002,,paused")
    write(site, "bundles.csv", "bundle_sku,component_sku,units", "SET,SKU-00003,2", "SET,SKU-00004,1")
    write(site, "names.csv", "sku,marketplace_sku", "SKU-00003,SKU-00004")
    site.opened()
    site.drop(STOCK, "monday.csv")
    eventually(lambda: site.ask_state("SELECT count(*) FROM stock") == len(STOCK), "it is taken in")
    return site


def write(site, name, *rows):
    (site.folder / name).write_text("".join(f"{row}\n" for row in rows))


def page(site, sku):
    return " ".join(Client(site.port).ask(f"/sku?sku={sku}").text.split())


def test_each_step_stands_with_its_rule(ruled):
    text = page(ruled, "SKU-00001")
    assert "<code>floor((20 - 3) x 100%) = 17</code>" in text
    assert "<dt>safety stock</dt><dd>3 → 17 <small>rules.csv line 2</small></dd>" in text


def test_a_pause_names_its_rule(ruled):
    assert "A rule pauses it: it is left alone (rules.csv line 3)." in page(ruled, "SKU-00002")


def test_a_bundle_stands_with_its_components_and_the_short_one(ruled):
    text = page(ruled, "SET")
    assert 'tokopedia-sandbox: a bundle</h2> <p>2 x <a href="/sku?sku=SKU-00003">SKU-00003</a>' in text
    assert "<dd>3 <small>by SKU-00003: 7 SKU-00003 make 3, 6 SKU-00004 make 6</small></dd>" in text
    assert 'a component of <a href="/sku?sku=SET">SET</a> (takes 2)' in page(ruled, "SKU-00003")


def test_a_name_that_is_taken_is_told(ruled):
    text = page(ruled, "SKU-00004")
    assert 'this name is the listing of SKU <a href="/sku?sku=SKU-00003">SKU-00003</a>' in text
    assert "(names.csv line 2): give this SKU a listing of its own" in text


def test_an_edit_that_is_refused_or_held_is_told_at_once(ruled):
    write(ruled, "rules.csv", "sku,safety_stock,selling", "SKU-00001,many,")
    eventually(lambda: "is refused, and the one before it stays" in page(ruled, "SKU-00001"), "it is refused")
    assert "rules.csv line 2: safety_stock" in page(ruled, "SKU-00001")
    assert "3 → 17" in page(ruled, "SKU-00001")

    write(ruled, "rules.csv", "sku,safety_stock,selling", "*,,stopped")
    eventually(lambda: "the edit of its plan</a> is held:" in page(ruled, "SKU-00001"), "it is held")
    assert "3 → 17" in page(ruled, "SKU-00001")
