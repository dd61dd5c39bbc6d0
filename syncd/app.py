"""The composition root: a configuration becomes sources, channels and the state they share."""

import asyncio
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from connectors.contract import Connector, Surroundings
from state.database import Database, StateLocked
from state.imports import Imports
from state.ledger import Ledger
from state.registry import Registry
from state.stock import StockBook
from syncd.catching_up import catch_up, relocate_sources
from syncd.clock import Clock
from syncd.config.model import ChannelConfig, Config
from syncd.core.progress import Progress
from syncd.delivery import LaneParts
from syncd.errors import AlreadyRunning
from syncd.feeds import Feed
from syncd.intake import IntakeParts
from syncd.lane import Lane
from syncd.lane_watch import LaneWatch
from syncd.logs import get_logger
from syncd.made import make_feed, settling_ms, shared_pacers, source_terms
from syncd.meeting import meet_attempts, meet_damage, meet_older_copy
from syncd.metrics.counting import Metrics
from syncd.planner import Planner, PlannerParts
from syncd.plans.shares import share_warnings
from syncd.threads import Blocking, in_thread
from syncd.timekeeping import Timekeeping
from syncd.vitals import Vitals

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class World:
    """What the application is given of the world: clocks, dice, threads, the network, and where to remember.

    `transport` is None for real connections; `state` overrides where the configuration keeps it. `rehearsal`:
    source files stay where they lie, nothing is pushed. `trial`: plans are followed even where they would be
    held, to see what they would do.
    """

    clock: Clock
    chance: Callable[[], float] = random.random
    blocking: Blocking = in_thread
    transport: httpx.AsyncBaseTransport | None = None
    state: Path | None = None
    rehearsal: bool = False
    trial: bool = False
    metrics: Metrics = field(default_factory=Metrics)


@dataclass(frozen=True, slots=True)
class Refused:
    """A configuration that was not taken over: when (ms since the epoch), and every problem with it."""

    at: int
    problems: tuple[str, ...]


@dataclass(slots=True)
class App:
    """Everything that runs, made from one configuration. `open_app` makes it, `remake_app` changes it.

    It stays the same object, with the same database and lock, when the configuration is another: whoever
    keeps it sees what is true now, and should keep none of its parts.
    """

    world: World
    database: Database
    registry: Registry
    imports: Imports
    progress: Progress
    refused: Refused | None = None
    """The last configuration that was not taken over, until one is."""
    vitals: Vitals = field(init=False)
    config: Config = field(init=False)
    book: StockBook = field(init=False)
    timekeeping: Timekeeping = field(init=False)
    feeds: dict[str, Feed] = field(default_factory=dict)
    lanes: dict[str, Lane] = field(default_factory=dict)
    planners: dict[str, Planner] = field(default_factory=dict)
    connectors: list[Connector] = field(default_factory=list)
    channel_ids: dict[str, int] = field(default_factory=dict)
    _told_shares: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.vitals = Vitals(self.progress, self.world.clock.monotonic)

    @property
    def metrics(self) -> Metrics:
        """What the process counts; it outlives this app."""
        return self.world.metrics

    def wake_lanes(self) -> None:
        """Let every lane look again at what is due."""
        for lane in self.lanes.values():
            lane.wake()

    def planned(self) -> None:
        """Let lanes look at what was planned, and tell of what the marketplaces cannot carry."""
        for channel_id, skus in self.book.take_uncarriable().items():
            name = next(name for name, one in self.channel_ids.items() if one == channel_id)
            get_logger("planner").warning(
                "listings_uncarriable",
                channel=name,
                listings=len(skus),
                skus=skus[:MOST_NAMED],
                reason="their SKUs are too long for this marketplace: list them by another identifier",
            )
        self.wake_lanes()

    async def tell_shares(self) -> None:
        """Tell of shares in the rules file that add up to more than there is, once until it says others."""
        if self.config.rules.file is None:  # syncd.toml was looked at when it was read
            return
        found = await self.world.blocking(partial(share_warnings, self.config))
        for warning in found:
            if warning not in self._told_shares:
                get_logger("planner").warning("shares_overcommitted", reason=warning)
        self._told_shares = found

    def warehouses(self, name: str) -> tuple[str, ...]:
        """Give the warehouses that a channel's listings can be in, by the plan in force."""
        planning = self.book.plannings.get(self.channel_ids[name])
        return () if planning is None else planning.plan.warehouses

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
                lane.clock_was_set()

    async def disconnect(self) -> None:
        """Close connections and sources; nothing may be running any more."""
        for connector in self.connectors:
            await connector.aclose()
        for feed in self.feeds.values():
            await feed.aclose()

    async def aclose(self) -> None:
        """Close connections, sources and the state; nothing may be running any more."""
        await self.disconnect()
        try:
            await self.timekeeping.mind()
        finally:
            self.database.close()


async def open_app(config: Config, world: World, progress: Progress | None = None) -> App:
    """Open the state, make it fit the configuration, and connect what the configuration names.

    `progress`: where to note that it goes on, if anybody watches.

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
        app = App(world, database, Registry(database), Imports(database), progress or Progress())
        meet_attempts(database, world.clock.now())
        meet_damage(database)
        await _assemble(app, config, Connectors(config, world))
    except BaseException:
        database.close()
        raise
    return app


async def remake_app(app: App, config: Config, connectors: "Connectors") -> None:
    """Make what runs anew, by another configuration and with its connectors, on the same open database.

    Nothing of the old may be running. Where this fails, the app can only be closed.
    """
    await app.disconnect()
    meet_attempts(app.database, app.world.clock.now())
    await _assemble(app, config, connectors)


class Connectors:
    """The connectors of a configuration's enabled channels, made before anything is changed for them."""

    def __init__(self, config: Config, world: World) -> None:
        """Make them; none signs in before it pushes."""
        self.by_channel = {
            channel.name: channel.plugin.connect(channel.settings, _surroundings(channel, world))
            for channel in config.channels.values()
            if channel.enabled and not world.rehearsal
        }

    async def aclose(self) -> None:
        """Close them: they are not needed after all."""
        for connector in self.by_channel.values():
            await connector.aclose()


def _surroundings(channel: ChannelConfig, world: World) -> Surroundings:
    limits = channel.limits
    return Surroundings(world.clock.wall, limits.timeout, limits.in_flight, world.transport)


async def _assemble(app: App, config: Config, connectors: Connectors) -> None:
    """Put together all that follows from a configuration."""
    world, database, registry = app.world, app.database, app.registry
    source_ids = registry.register_sources(list(config.sources))
    await relocate_sources(database, config.sources, source_ids)
    in_force = {
        name: registry.register_channel(name, channel.account, world.clock.now())
        for name, channel in config.channels.items()
    }
    names = {name: one.channel_id for name, one in in_force.items()}
    registry.deactivate_others(list(names.values()))
    app.config, app.channel_ids = config, names
    app.feeds, app.lanes, app.connectors = {}, {}, []
    app.book = StockBook(database, {})
    planner_parts = PlannerParts(
        database,
        registry,
        app.imports,
        app.book,
        world.clock,
        world.blocking,
        app.planned,
        app.progress,
        trial=world.trial,
    )
    app.planners = {
        name: Planner(config, config.channels[name], one, planner_parts) for name, one in in_force.items()
    }
    settling = {names[name]: settling_ms(channel) for name, channel in config.channels.items()}
    app.timekeeping = Timekeeping(
        database, world.clock, app.book.plannings, settling, list(source_ids.values())
    )
    await meet_older_copy(database, registry, names.values(), world.clock.now())
    for planner in app.planners.values():
        await planner.look()
    if not world.rehearsal:
        await app.tell_shares()
    await app.timekeeping.begin()
    parts = IntakeParts(
        database,
        registry,
        app.imports,
        app.book,
        world.clock,
        world.blocking,
        app.planned,
        world.metrics,
        app.progress,
    )
    for name, source in config.sources.items():
        app.feeds[name] = make_feed(
            source_terms(name, source, source_ids[name]), source, parts, rehearsal=world.rehearsal
        )
    if not world.rehearsal:
        await catch_up(database, app.feeds.values())
        _connect(app, connectors)


def _connect(app: App, connectors: Connectors) -> None:
    ledger = Ledger(app.database)
    pacers = shared_pacers(app.config, app.channel_ids, app.registry)
    for name, channel_id in app.channel_ids.items():
        channel = app.config.channels[name]
        if not channel.enabled:
            continue
        connector = connectors.by_channel[name]
        app.connectors.append(connector)
        pacer, sharing = pacers[name]
        app.lanes[name] = Lane(
            LaneParts(
                channel_id=channel_id,
                name=name,
                warehouses=partial(app.warehouses, name),
                capabilities=channel.plugin.capabilities,
                connector=connector,
                pacer=pacer,
                sharing=sharing,
                in_flight=channel.limits.in_flight,
                settling_ms=settling_ms(channel),
                database=app.database,
                ledger=ledger,
                registry=app.registry,
                clock=app.world.clock,
                chance=app.world.chance,
                metrics=app.metrics.channel(channel.name),
                watch=LaneWatch(app.progress, app.world.clock, name, channel.limits.timeout),
            )
        )
