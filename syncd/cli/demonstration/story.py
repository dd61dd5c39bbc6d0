"""The acts of the demonstration. Each is judged by what the marketplaces say, not by syncd's own word."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from syncd.cli.demonstration.marketplaces import LIMITS, Marketplaces, Stock, matching, refusals, simulated
from syncd.cli.demonstration.screen import Screen
from syncd.cli.demonstration.shop import REASSERT_SECONDS, Shop

SKUS = 3_000
REFUSED = "UNKNOWN-1"
CUT_AT = 0.6
"""At which share of the changed rows the power goes out."""
LOOK_EVERY_SECONDS = 0.2
LONGEST_ACT_SECONDS = 60.0
MOST_SHOWN = 5


class DemonstrationFailed(Exception):
    """Something did not happen within its time; the message says what."""


@dataclass(slots=True)
class Story:
    """One run: the seller, the marketplaces, and the stock that both should show."""

    shop: Shop
    markets: Marketplaces
    screen: Screen
    levels: Stock
    flaws: list[str] = field(default_factory=list)

    @property
    def listed(self) -> list[str]:
        """The SKUs that the marketplaces sell."""
        return [sku for sku in self.levels if sku != REFUSED]

    def judge(self, right: bool, text: str) -> None:
        """Show whether something is as it should be, and remember if not."""
        if right:
            self.screen.good(text)
        else:
            self.screen.bad(text)
            self.flaws.append(text)


async def play(folder: Path, screen: Screen, skus: int = SKUS) -> bool:
    """Play it all in `folder`; return whether everything was as it should be."""
    levels = {f"SKU-{number:05}": number * 7 % 90 + 10 for number in range(1, skus)} | {REFUSED: 5}
    async with simulated() as markets:
        shop = Shop(folder, markets.configuration)
        story = Story(shop, markets, screen, levels)
        try:
            for act in (_first_push, _few_changes, _refused_row, _power_cut, _comparison):
                await act(story)
        except DemonstrationFailed as failure:
            screen.bad(str(failure))
            screen.quote(f"tail {shop.log}", shop.last_words())
            return False
        finally:
            await shop.stop()
    return not story.flaws


async def _first_push(story: Story) -> None:
    story.screen.act("A new shop: everything is pushed, within each marketplace's limits")
    story.screen.say(f"the marketplaces, simulated, answer at {story.markets.url}/")
    story.screen.say(f"their limits: {LIMITS}")
    export = story.shop.export(story.levels)
    story.screen.say(f"{export.name} with {len(story.levels):,} SKUs lies in the drop folder")
    pid = await story.shop.start()
    story.screen.say(f"the daemon runs: syncd --config {story.shop.config} run (process {pid})")
    await _until_equal(story, story.listed)
    counters = await story.markets.counters()
    for name, counted in counters.items():
        requests, rows = counted.get("push_requests", 0), counted.get("rows", 0)
        story.judge(
            refusals(counted) == 0,
            f"{name} took {rows:,} rows in {requests:,} requests and refused {refusals(counted)} as too fast",
        )


async def _few_changes(story: Story) -> None:
    story.screen.act("A new export, a few rows changed: only those are pushed")
    await _until_settled(story)
    before = await story.markets.last_arrival()
    await asyncio.sleep(REASSERT_SECONDS)
    idle = await story.markets.pushed_since(before)
    story.judge(not any(idle.values()), f"while nothing changed, nothing was sent, for {REASSERT_SECONDS} s")
    changed = story.listed[10::97][:20]
    sold_out = changed[:5]
    for sku in changed:
        story.levels[sku] = 0 if sku in sold_out else story.levels[sku] + 1
    export = story.shop.export(story.levels)
    story.screen.say(f"{export.name}: {len(changed)} rows changed, {len(sold_out)} of them sold out")
    await _until_equal(story, changed)
    for name, pushed in (await story.markets.pushed_since(before)).items():
        story.judge(
            sorted(pushed) == sorted(changed),
            f"{name} was sent {len(pushed):,} rows: the very {len(changed)} that changed",
        )


async def _refused_row(story: Story) -> None:
    story.screen.act("A row that the marketplaces refuse costs only itself")
    printed = await story.shop.ask("failures")
    story.screen.quote("syncd failures", printed)
    recorded = printed.count(REFUSED) == len(story.markets.names)
    story.judge(recorded, f"{REFUSED} is recorded for both, with the reason; the other rows went through")


async def _power_cut(story: Story) -> None:
    changed = story.listed[: len(story.listed) // 2]
    story.screen.act(f"{len(changed):,} rows change, and the power goes out in the middle")
    await _until_settled(story)
    for sku in changed:
        story.levels[sku] += 3
    before = await story.markets.last_arrival()
    story.markets.leave_unanswered(changed[int(len(changed) * CUT_AT)])
    story.shop.export(story.levels)
    await _follow(
        story,
        changed,
        lambda _: story.markets.has_left_unanswered(before),
        "for a push that Tokopedia took and did not answer",
    )
    await story.shop.kill()
    shown = await story.markets.stock()
    done = ", ".join(f"{name} {matching(shown[name], story.levels, changed):,}" for name in shown)
    story.screen.say(f"kill -9, with a request under way; of {len(changed):,} rows were done: {done}")
    await story.shop.start()
    story.screen.say("the daemon runs again")
    await _until_equal(story, changed)
    await _until_settled(story)
    recovered = story.shop.recovered()
    story.judge(
        recovered > 0, f"it knew the {recovered:,} rows whose end it had not heard, and pushed them again"
    )
    for name, pushed in (await story.markets.pushed_since(before)).items():
        often = sum(count > 1 for count in Counter(pushed).values())
        lost = len(set(changed) - set(pushed))
        text = f"{name}: {lost:,} of {len(changed):,} rows lost, {often:,} sent more than once"
        story.judge(lost == 0, text)


async def _comparison(story: Story) -> None:
    story.screen.act("Both marketplaces against the last export, row by row")
    await _until_settled(story)
    shown, counters = await story.markets.stock(), await story.markets.counters()
    rows = []
    for name, stock in shown.items():
        wrong = [sku for sku in story.listed if stock.get(sku) != story.levels[sku]]
        strange = sorted(stock.keys() - set(story.listed))
        refused = REFUSED not in stock
        equal = len(story.listed) - len(wrong)
        rows.append((name, len(story.levels), equal, len(wrong), int(refused), refusals(counters[name])))
        for sku in (*wrong[:MOST_SHOWN], *strange[:MOST_SHOWN]):
            says = story.levels.get(sku)
            story.screen.bad(f"{name} shows {stock.get(sku)} for {sku}, the export says {says}")
        if wrong or strange or refusals(counters[name]):
            story.flaws.append(name)
    story.screen.table(
        ("marketplace", "in the export", "equal", "different", "refused row", "refused as too fast"),
        rows,
        numbers=5,
    )


async def _until_equal(story: Story, skus: list[str]) -> None:
    """Follow until both marketplaces show these SKUs as the export says."""

    async def equal(done: dict[str, int]) -> bool:
        return min(done.values()) == len(skus)

    await _follow(story, skus, equal, f"for both marketplaces to show {len(skus):,} rows")


async def _follow(
    story: Story, skus: list[str], met: Callable[[dict[str, int]], Awaitable[bool]], what: str
) -> None:
    """Show how many of these SKUs each marketplace shows as the export says, until something is so."""
    with story.screen.following(dict.fromkeys(story.markets.names, len(skus))) as follow:

        async def look() -> bool:
            shown = await story.markets.stock()
            done = {name: matching(shown[name], story.levels, skus) for name in shown}
            follow(done)
            return await met(done)

        await _until(look, what, story.shop)


async def _until_settled(story: Story) -> None:
    await _until(story.shop.is_settled, "for syncd to have nothing left to push", story.shop)


async def _until(met: Callable[[], Awaitable[bool]], what: str, shop: Shop) -> None:
    """Wait until something is so; raises `DemonstrationFailed` where it is not in time."""
    try:
        async with asyncio.timeout(LONGEST_ACT_SECONDS):
            while not await met():
                if not shop.running:
                    raise DemonstrationFailed(f"the daemon ended while we waited {what}")
                await asyncio.sleep(LOOK_EVERY_SECONDS)
    except TimeoutError:
        raise DemonstrationFailed(f"waited {LONGEST_ACT_SECONDS:.0f} s in vain {what}") from None
