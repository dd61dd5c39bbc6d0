"""The composition root: a configuration becomes sources, channels and the state they share."""

import asyncio
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from connectors.contract import Connector, Surroundings
from state.database import Database, StateLocked
from state.imports import Imports
from state.ledger import Ledger
from state.registry import ChannelPlan, Registry
from state.staging import Duplicates
from state.stock import StockBook
from syncd.clock import Clock
from syncd.config.model import ChannelConfig, Config, DropSource, SourceConfig
from syncd.core.guards import Guard
from syncd.core.name_times import TimeInName
from syncd.core.pacing import Pacer
from syncd.delivery import LaneParts
from syncd.errors import AlreadyRunning, StateBehind
from syncd.feeds import Feed
from syncd.folder_feed import FolderFeed
from syncd.intake import Blocking, IntakeParts, SourceTerms
from syncd.lane import Lane
from syncd.logs import get_logger
from syncd.metrics.counting import Metrics
from syncd.poll_feed import PollFeed
from syncd.sources.database import DatabaseSource
from syncd.sources.dating import Dating
from syncd.sources.drop import DropFolder
from syncd.sources.judge import FileTerms
from syncd.sources.rows import SourceUnreachable
from syncd.timekeeping import Timekeeping

PACE_KEYS = frozenset({"rows_per_second", "requests_per_second", "burst"})


@dataclass(frozen=True, slots=True)
class World:
    """What the application is given of the world: clocks, dice, threads, the network, and where to remember.

    `transport` is None for real connections; `state` overrides where the configuration keeps it. `rehearsal`:
    source files stay where they lie, nothing is pushed.
    """

    clock: Clock
    chance: Callable[[], float] = random.random
    blocking: Blocking = asyncio.to_thread
    transport: httpx.AsyncBaseTransport | None = None
    state: Path | None = None
    rehearsal: bool = False
    metrics: Metrics = field(default_factory=Metrics)


@dataclass(slots=True)
class App:
    """Everything that runs, made from one configuration. `open_app` makes it."""

    config: Config
    world: World
    database: Database
    registry: Registry
    imports: Imports
    book: StockBook
    timekeeping: Timekeeping
    feeds: dict[str, Feed] = field(default_factory=dict)
    lanes: dict[str, Lane] = field(default_factory=dict)
    connectors: list[Connector] = field(default_factory=list)
    channel_ids: dict[str, int] = field(default_factory=dict)

    @property
    def metrics(self) -> Metrics:
        """What the process counts; it outlives this app."""
        return self.world.metrics

    def wake_lanes(self) -> None:
        """Let every lane look again at what is due."""
        for lane in self.lanes.values():
            lane.wake()

    async def assert_anew(self, channels: Collection[str], skus: Collection[str] | None = None) -> None:
        """Let every listing of these channels (or of these SKUs on them) become due."""
        wanted = None if skus is None else sorted(skus)
        for name in channels:
            channel_id = self.channel_ids[name]
            for _ in self.registry.make_uncertain(channel_id, self.world.clock.now(), wanted):
                await asyncio.sleep(0)
        self.wake_lanes()

    async def mind_the_clock(self) -> None:
        """Take over that the wall clock was set, if it was: what waits is moved along."""
        if await self.timekeeping.mind():
            for lane in self.lanes.values():
                lane.wake()

    async def aclose(self) -> None:
        """Close connections, sources and the state; nothing may be running any more."""
        for connector in self.connectors:
            await connector.aclose()
        for feed in self.feeds.values():
            await feed.aclose()
        try:
            await self.timekeeping.mind()
        finally:
            self.database.close()


async def open_app(config: Config, world: World) -> App:
    """Open the state, make it fit the configuration, and connect what the configuration names.

    Raises `AlreadyRunning` where another instance holds the state.
    """
    path = world.state or config.state.path
    try:
        database = Database(path)
    except StateLocked:
        raise AlreadyRunning(
            f"another syncd already works with {path}: talk to that one, or stop it first"
        ) from None
    try:
        return await _assemble(config, world, database)
    except BaseException:
        database.close()
        raise


async def _assemble(config: Config, world: World, database: Database) -> App:
    registry = Registry(database)
    source_ids = registry.register_sources(list(config.sources))
    plans: dict[int, ChannelPlan] = {}
    stale: list[int] = []
    names: dict[str, int] = {}
    for channel in config.channels.values():
        plan = channel_plan(channel)
        channel_id, must_plan = registry.register_channel(plan, source_ids, world.clock.now())
        plans[channel_id] = plan
        names[channel.name] = channel_id
        if must_plan:
            stale.append(channel_id)
    registry.deactivate_others(list(plans))
    book = StockBook(database, plans)
    settling = {names[name]: settling_ms(channel) for name, channel in config.channels.items()}
    timekeeping = Timekeeping(database, world.clock, plans, settling, list(source_ids.values()))
    app = App(config, world, database, registry, Imports(database), book, timekeeping, channel_ids=names)
    await _reconcile_state(app, plans, stale)
    await timekeeping.begin()
    parts = IntakeParts(
        database, registry, app.imports, book, world.clock, world.blocking, app.wake_lanes, world.metrics
    )
    for name, source in config.sources.items():
        app.feeds[name] = _feed(source_terms(name, source, source_ids[name]), source, parts, world)
    if not world.rehearsal:
        await _catch_up(app)
        _connect(app, plans)
    return app


async def _catch_up(app: App) -> None:
    """Bring a lost state, or an older copy, up to what the sources have said since; before any push.

    Only then is it met. An older copy that cannot catch up must not be asserted: raises `StateBehind`.
    """
    missing = {}
    for name, feed in app.feeds.items():
        try:
            await feed.reread()
        except SourceUnreachable as trouble:
            missing[name] = str(trouble)
    if not missing:
        app.database.caught_up()
        return
    said = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
    if app.database.rewound:
        raise StateBehind(
            "an older copy of the state was restored, and what its sources have said since cannot be read"
            f" ({said}). Nothing is pushed until it can: mend that, or delete the state to begin anew"
        )
    if app.database.lost:
        get_logger("state").error("state_not_caught_up", reason=said)


async def _reconcile_state(app: App, plans: dict[int, ChannelPlan], stale: list[int]) -> None:
    """Meet what the last process left behind, and what the configuration changed since."""
    log = get_logger("state")
    now = app.world.clock.now()
    in_flight = Ledger(app.database).recover(now)
    if in_flight:
        log.warning("attempts_recovered", listings=in_flight)
    if app.database.set_aside is not None:
        log.error(
            "state_damaged",
            moved_to=str(app.database.set_aside),
            reason="a new one is made from the sources, and everything is pushed once",
        )
    if app.database.rewound:
        log.error("state_restored", reason="an older copy came back: everything is asserted anew")
        for channel_id in plans:
            for _ in app.registry.make_uncertain(channel_id, now, ambiguous=True):
                await asyncio.sleep(0)
    for channel_id in stale:
        for _ in app.book.plan_anew(channel_id, now):
            await asyncio.sleep(0)
        app.registry.wake(channel_id)
        app.registry.planned(channel_id, plans[channel_id])
        if app.book.left_showing:
            log.warning(
                "listings_left_showing",
                channel=plans[channel_id].name,
                listings=app.book.left_showing,
                reason="not sold here any more, and the stock shown stays: set them to zero there",
            )
            app.book.left_showing = 0


def channel_plan(channel: ChannelConfig) -> ChannelPlan:
    """Give what a channel's desired quantities are computed from."""
    return ChannelPlan(
        name=channel.name,
        account=channel.account,
        sources=channel.sources,
        locations=channel.warehouses,
        safety_stock=channel.rules.safety_stock,
        share_ppm=channel.rules.share,
        max_shown=channel.rules.max_shown,
    )


def settling_ms(channel: ChannelConfig) -> int:
    """Give how long an ambiguous request may still be under way (ms)."""
    return int(channel.reassert_after * 1000)


def channel_pacer(channel: ChannelConfig) -> Pacer:
    """Give a pacer that keeps a channel's configured limits."""
    limits, capabilities = channel.limits, channel.plugin.capabilities
    if capabilities.rows_are_counted and "rows_per_request" not in channel.limits_set:
        # The pacer keeps it below the burst, which the marketplace's answers may raise.
        most = capabilities.max_rows_per_request or limits.rows_per_request
        limits = replace(limits, rows_per_request=most)
    return Pacer(
        limits,
        rows_are_counted=capabilities.rows_are_counted,
        ceiling_is_set=bool(channel.limits_set & PACE_KEYS),
    )


def source_terms(name: str, source: SourceConfig, source_id: int) -> SourceTerms:
    """Give how a source's imports are judged."""
    guard = source.guard
    return SourceTerms(
        source_id=source_id,
        name=name,
        contents=source.contents if isinstance(source, DropSource) else "snapshot",
        duplicates=Duplicates(source.duplicates),
        zero_missing=source.missing == "zero",
        guard=Guard(guard.max_missing, guard.max_zeroed, guard.max_drop, guard.max_bad_rows),
        lower_on_hold=source.on_hold == "decreases",
    )


def drop_folder(source: DropSource) -> DropFolder:
    """Give the watched folder of a source."""
    return DropFolder(
        source.path,
        patterns=source.pattern,
        settle_seconds=source.settle,
        marker=source.marker,
        dating=Dating(None if source.timestamp is None else TimeInName(source.timestamp)),
    )


def _feed(terms: SourceTerms, source: SourceConfig, parts: IntakeParts, world: World) -> Feed:
    if isinstance(source, DropSource):
        columns = source.columns.model_dump(exclude_none=True)
        return FolderFeed(
            terms,
            parts,
            drop_folder(source),
            file_terms=FileTerms(columns or None, source.numbers, source.sheet, source.trailer),
            retention_seconds=source.retention,
            rehearsal=world.rehearsal,
        )
    return PollFeed(terms, parts, DatabaseSource(source.path, source.query))


def _pacers(app: App) -> dict[str, tuple[Pacer, tuple[int, ...]]]:
    """Make the pacer of each enabled channel, with the ids of those that share it; each as it was learnt."""
    buckets: dict[tuple[str, str], list[ChannelConfig]] = {}
    for channel in app.config.channels.values():
        if channel.enabled:
            bucket = ("channel", channel.name) if channel.bucket is None else ("bucket", channel.bucket)
            buckets.setdefault(bucket, []).append(channel)
    pacers: dict[str, tuple[Pacer, tuple[int, ...]]] = {}
    for channels in buckets.values():
        # One of them that has a ceiling binds all: the bucket is one.
        pacer = channel_pacer(max(channels, key=lambda channel: len(channel.limits_set & PACE_KEYS)))
        sharing = tuple(app.channel_ids[channel.name] for channel in channels)
        for channel_id in sharing:
            pacer.recall(app.registry.pace(channel_id))
        pacers |= {channel.name: (pacer, sharing) for channel in channels}
    return pacers


def _connect(app: App, plans: dict[int, ChannelPlan]) -> None:
    ledger, pacers = Ledger(app.database), _pacers(app)
    for channel_id, plan in plans.items():
        channel = app.config.channels[plan.name]
        if not channel.enabled:
            continue
        limits, capabilities = channel.limits, channel.plugin.capabilities
        surroundings = Surroundings(
            app.world.clock.wall, limits.timeout, limits.in_flight, app.world.transport
        )
        connector = channel.plugin.connect(channel.settings, surroundings)
        app.connectors.append(connector)
        pacer, sharing = pacers[plan.name]
        app.lanes[plan.name] = Lane(
            LaneParts(
                channel_id=channel_id,
                plan=plan,
                capabilities=capabilities,
                connector=connector,
                pacer=pacer,
                sharing=sharing,
                in_flight=limits.in_flight,
                settling_ms=settling_ms(channel),
                database=app.database,
                ledger=ledger,
                registry=app.registry,
                clock=app.world.clock,
                chance=app.world.chance,
                metrics=app.metrics.channel(channel.name),
            )
        )
