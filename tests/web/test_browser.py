"""The page in a real browser: at the width of a phone and of a desk, light and dark, by keyboard alone."""

import os
import re
import shutil
from itertools import pairwise

import pytest
from processes import eventually
from status_page import GUARDED, TOKEN

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDTHS = (390, 1280)
SCHEMES = ("light", "dark")
GOOD = {f"SKU-{number:05}": number % 40 + 1 for number in range(9_700)}
REFUSED = {f"UNKNOWN-{number:03}": 5 for number in range(300)}
HALF = dict(list((GOOD | REFUSED).items())[:5_000])
AA = 4.5
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.skipif(
        not shutil.which(CHROMIUM) and os.environ.get("SYNCD_BROWSER") != "required",
        reason=f"{CHROMIUM} is not here (Debian: apt install chromium)",
    ),
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shop(new_site):
    site = new_site(source=GUARDED)
    site.opened()
    site.pushes(GOOD | REFUSED, "monday.csv", listings=20_000)
    site.dropped = 0
    return site


@pytest.fixture
def held(shop):
    """An import that is held; each test finds one."""
    if not shop.holds():
        shop.dropped += 1
        shop.drop(HALF, f"tuesday-{shop.dropped}.csv")
        eventually(shop.holds, "the import is held")
    eventually(lambda: re.search(r'id="held-\d', shop.client.ask("/").text), "the page has read anew")


@pytest.fixture
def open_page(browser, shop):
    """Open the page, logged in or not; a console message or a fault of the script fails the test."""
    contexts, troubles = [], []

    def make(*, width=1280, scheme="light", log_in=True, path="/", **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce", **options
        )
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda one: troubles.append(one.text) if _is_trouble(one) else None)
        if log_in:
            page.goto(f"{shop.client.origin}/login")
            page.get_by_label("Token").fill(TOKEN)
            page.keyboard.press("Enter")
            page.wait_for_url("**/")
        page.goto(f"{shop.client.origin}{path}")
        return page

    yield make
    for context in contexts:
        context.close()
    assert troubles == []


def _is_trouble(message):
    return message.type in {"error", "warning"} and "status of 404" not in message.text


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
class TestLook:
    @pytest.mark.parametrize(
        "path",
        ["/", "/sku?sku=UNKNOWN-001", "/confirm?action=full&channel=tocobagus-sandbox", "/login", "/nothing"],
    )
    def test_nothing_has_to_be_scrolled_sideways(self, open_page, held, width, scheme, path):
        page = open_page(width=width, scheme=scheme, path=path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for summary in page.locator("details > summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    def test_every_text_stands_out(self, open_page, held, width, scheme):
        """WCAG AA, measured of what is drawn: each text against what lies behind it."""
        page = open_page(width=width, scheme=scheme)
        assert page.evaluate(CONTRASTS, AA) == []

    def test_what_is_pressed_is_large_enough(self, open_page, held, width, scheme):
        page = open_page(width=width, scheme=scheme)
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, .button, input:not([type=hidden]), select, summary")]
            .map(one => [one.textContent.trim(), one.getBoundingClientRect()])
            .filter(([, box]) => box.width < 24 || box.height < 24).map(([text]) => text)"""
        )
        assert small == []


CONTRASTS = """(least) => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] > 250) return color;
    }
    return [255, 255, 255, 255];
  };
  const faint = new Set();
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || one.closest(".unseen, .skip, [hidden], option")) continue;
    const [a, b] = [light(rgba(getComputedStyle(one).color)), light(behind(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least) faint.add(`${one.tagName}.${one.className} ${ratio.toFixed(2)}`);
  }
  return [...faint];
}"""


@pytest.mark.parametrize("width", WIDTHS)
def test_the_tab_key_reaches_every_action_in_the_order_of_the_page(open_page, held, width):
    page = open_page(width=width)
    page.evaluate("window.scrollTo(0, 0)")
    reached = []
    for _ in range(400):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => { const one = document.activeElement;
              if (one === document.body) return null;
              const ring = getComputedStyle(one);
              return [one.innerText || one.getAttribute("aria-label") || one.name || "", one.tagName,
                one.matches(":focus-visible") && (ring.outlineStyle !== "none")]; }"""
        )
        if found is None:
            break
        reached.append(found)
    words = " | ".join(text for text, *_ in reached)
    assert reached[0][0] == "Skip to the content"
    for action in (
        "Look up",
        "Approve import",
        "Reject import",
        "Reconcile",
        "Send all anew",
        "Search",
        "Retry all",
        "Retry",
    ):
        assert action in words, f"{action} is not reached by the keyboard: {words}"
    assert words.count("Retry UNKNOWN") or words.count("Retry") >= 50
    assert all(ring for *_, ring in reached), "it is always seen where the keyboard is"


def test_it_is_built_for_who_listens(open_page, held):
    page = open_page()
    assert page.get_by_role("banner").count() == page.get_by_role("main").count() == 1
    assert page.get_by_role("contentinfo").count() == 1
    assert page.get_by_role("heading", level=1).count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(one => Number(one.tagName[1]))")
    assert all(after - before <= 1 for before, after in pairwise(levels))
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, progress, svg[role]")]
        .filter(one => !(one.innerText || one.getAttribute("aria-label") || (one.labels && one.labels.length)
          || one.textContent.trim()))
        .map(one => one.outerHTML)"""
    )
    assert nameless == []
    assert page.evaluate(
        "[...document.querySelectorAll('table')].every(one => one.querySelector('th[scope=col]'))"
    )
    assert page.locator("[aria-live]").count() == 1
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    buttons = page.get_by_role("button", name="Retry UNKNOWN-001 on tocobagus-sandbox", exact=True)
    assert buttons.count() <= 1


def test_the_skip_link_leads_to_the_content(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_an_import_is_rejected_by_keyboard_alone(open_page, held, shop):
    page = open_page()
    page.get_by_role("link", name="Reject import").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Reject import").wait_for()
    page.get_by_role("button", name="Reject import").focus()
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text("rejected").wait_for()
    assert shop.holds() == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_an_import_is_approved_after_its_figures_were_shown(open_page, held, shop, width):
    page = open_page(width=width)
    page.get_by_role("link", name="Approve import").click()
    page.get_by_text("5,000 stock levels above zero are not in it").wait_for()
    page.get_by_role("button", name="Approve import").click()
    page.get_by_role("status").get_by_text("applied").wait_for()
    assert shop.holds() == 0
    shop.drop(GOOD | REFUSED, f"again-{width}.csv")
    eventually(
        lambda: not shop.ask_state("SELECT count(*) FROM stock WHERE missed"),
        "all is there again for the next test",
    )


def test_going_back_from_a_question_does_nothing(open_page, held, shop):
    page = open_page()
    page.get_by_role("link", name="Approve import").click()
    page.get_by_role("link", name="No, go back").click()
    page.get_by_role("heading", name="An import of source erp is held").wait_for()
    assert shop.holds() == 1


@pytest.mark.parametrize("width", WIDTHS)
def test_a_failure_is_found_and_retried(open_page, served, width):
    page = open_page(width=width)
    page.get_by_label("Search", exact=True).fill("UNKNOWN-123")
    page.get_by_label("Channel", exact=True).select_option("tocobagus-sandbox")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**q=UNKNOWN-123*")
    assert page.locator("#failures tbody tr").count() == 1
    before = served.rows("tocobagus")
    page.get_by_role("button", name="Retry UNKNOWN-123").click()
    page.get_by_role("status").get_by_text("1 listing is due again").wait_for()
    eventually(lambda: served.rows("tocobagus") == before + 1, "it is sent once more")


def test_pages_of_failures_are_turned(open_page):
    page = open_page()
    page.get_by_role("link", name="Next").click()
    page.get_by_text("page 2 of 12").wait_for()
    page.get_by_role("link", name="Previous").click()
    page.get_by_text("page 1 of 12").wait_for()


def test_a_sku_is_looked_up(open_page):
    page = open_page(log_in=False)
    page.get_by_label("SKU", exact=True).fill("SKU-00007")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="SKU SKU-00007").wait_for()
    assert page.get_by_text("floor((8 - 0) x 100%) = 8").count() == 2


def test_what_changes_arrives_by_itself_and_leaves_alone_who_types(open_page, held, shop):
    page = open_page(log_in=False)
    page.get_by_role("heading", level=1, name="An import of source erp is held").wait_for()
    page.evaluate("document.getElementById('sentence').dataset.same = 'yes'")
    page.get_by_label("Search", exact=True).fill("half a wo")
    number = page.locator("#held-imports h3").get_attribute("id").removeprefix("held-")
    shop.command("imports", "reject", number)
    page.get_by_role("heading", level=1, name="Nothing stands still").wait_for()
    assert page.locator("#sentence").get_attribute("data-same") == "yes", (
        "the element that is read aloud stays"
    )
    assert page.get_by_label("Search", exact=True).input_value() == "half a wo"
    assert page.evaluate("document.activeElement.id") == "search-text"
    assert page.get_by_role("heading", name="Held imports").count() == 0
    assert "reject" in page.locator("#actions tbody tr").first.inner_text()


def test_without_scripts_all_works(open_page, held, shop):
    page = open_page(java_script_enabled=False)
    page.get_by_role("link", name="Reject import").click()
    page.get_by_role("button", name="Reject import").click()
    assert "rejected" in page.get_by_role("status").inner_text()


def test_a_page_whose_daemon_is_gone_says_so(open_page, new_site, browser):
    site = new_site()
    site.opened()
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(f"{site.client.origin}/")
        page.get_by_role("heading", level=1, name="Nothing stands still").wait_for()
        site.kill()
        page.get_by_role("alert").get_by_text("has not answered since").wait_for(timeout=30_000)
        site.started()
        eventually(site.answers, "it is back")
        page.get_by_role("alert").wait_for(state="hidden", timeout=45_000)
    finally:
        context.close()
