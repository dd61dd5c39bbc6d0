"""Which sources and channels there are, and what holds a channel or a warehouse back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlmodel import Session, col, select

from state.database import Database
from state.records import ImportState, Pace
from state.tables import Channel, Import, Source, WarehouseHold
from state.waking import absolve, make_uncertain, wake

SLICE_ROWS = 2_000
"""Rows that one transaction may touch: so long, and no longer, an intent may have to wait."""


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """What a channel's desired quantities are computed from, as configured.

    `locations`: location → warehouse; None = the whole shop, all locations add up. `share_ppm` is the share
    in millionths, `max_shown` None without a limit.
    """

    name: str
    account: str
    sources: tuple[str, ...]
    locations: Mapping[str, str] | None
    safety_stock: int
    share_ppm: int
    max_shown: int | None

    @property
    def warehouses(self) -> tuple[str, ...]:
        """All warehouses that this channel's listings can be in."""
        return ("",) if self.locations is None else tuple(dict.fromkeys(self.locations.values()))

    @property
    def fingerprint(self) -> str:
        """Tell apart plans that lead to different desired quantities."""
        locations = None if self.locations is None else sorted(self.locations.items())
        return repr((sorted(self.sources), locations, self.safety_stock, self.share_ppm, self.max_shown))


@dataclass(frozen=True, slots=True)
class Hold:
    """A channel or warehouse that waits for a person; times in ms since the epoch."""

    code: str
    message: str
    held_at: int


class Registry:
    """Remembers sources, channels and their holds."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    def register_sources(self, names: Sequence[str]) -> dict[str, int]:
        """Make the configured sources known and return their ids; others let go of what they claimed."""
        with self._database.write() as connection, Session(connection) as session:
            known = {source.name: source for source in session.exec(select(Source))}
            for source in known.values():
                if source.name in names and not source.active:
                    _forget_imports(session, source)
                source.active = source.name in names
            for name in names:
                if name not in known:
                    known[name] = Source(name=name)
                    session.add(known[name])
            session.flush()
            ids = {name: source.id for name, source in known.items() if name in names}
            session.commit()
        return {name: id_ for name, id_ in ids.items() if id_ is not None}

    def register_channel(
        self, plan: ChannelPlan, source_ids: Mapping[str, int], now: int
    ) -> tuple[int, bool]:
        """Make a configured channel known; return its id and whether its listings must be planned anew.

        A channel that comes back after having been absent starts uncertain: who knows what happened to its
        stock meanwhile.
        """
        with self._database.write() as connection, Session(connection) as session:
            channel = session.exec(select(Channel).where(Channel.account == plan.account)).one_or_none()
            if channel is None:
                channel = Channel(account=plan.account, name=plan.name, active=False)
                session.add(channel)
                session.flush()
            channel_id = channel.id or 0
            absent = not channel.active
            stale = absent or channel.plan != plan.fingerprint
            session.commit()
        if absent:
            for _ in self.make_uncertain(channel_id, now):
                pass
        with self._database.write() as connection:
            _replace_members(connection, channel_id, plan, source_ids)
        # Until it is planned it follows no plan: a crash in the middle must not look like the old one.
        following = {"plan": ""} if stale else {}
        self._update_channel(channel_id, name=plan.name, active=True, **following)
        return channel_id, stale

    def deactivate_others(self, channel_ids: Sequence[int]) -> None:
        """Note which channels are configured no longer."""
        with self._database.write() as connection, Session(connection) as session:
            for channel in session.exec(select(Channel).where(col(Channel.id).not_in(channel_ids))):
                channel.active = False
            session.commit()

    def planned(self, channel_id: int, plan: ChannelPlan) -> None:
        """Note that all listings of the channel follow this plan."""
        self._update_channel(channel_id, plan=plan.fingerprint)

    def make_uncertain(
        self, channel_id: int, now: int, skus: Sequence[str] | None = None, *, ambiguous: bool = False
    ) -> Iterator[int]:
        """Let every listing (or the SKUs') be asserted anew, see `state.waking`."""
        return make_uncertain(self._database, channel_id, now, skus, ambiguous=ambiguous, most=SLICE_ROWS)

    def wake(self, channel_id: int, skus: Sequence[str] | None = None) -> int:
        """Make listings that were refused or wait for a time due now; return how many."""
        return wake(self._database, channel_id, skus)

    def absolve(self, channel_id: int, skus: Sequence[str], again: int) -> None:
        """Take back that listings of these SKUs were refused; they are due `again`."""
        absolve(self._database, channel_id, skus, again)

    def hold_channel(self, channel_id: int, code: str, message: str, now: int) -> None:
        """Stop a channel until it is released."""
        self._update_channel(channel_id, held_at=now, hold_code=code, hold_message=message)

    def release_channel(self, channel_id: int) -> None:
        """Let a held channel go on."""
        self._update_channel(channel_id, held_at=None, hold_code="", hold_message="")

    def channel_hold(self, channel_id: int) -> Hold | None:
        """Tell whether and why a channel is held."""
        with self._database.read() as connection, Session(connection) as session:
            channel = session.get_one(Channel, channel_id)
            if channel.held_at is None:
                return None
            return Hold(channel.hold_code, channel.hold_message, channel.held_at)

    def pause_channels(self, channel_ids: Sequence[int], now: int, until: int) -> None:
        """Remember, across restarts, that the marketplace asked to wait."""
        with self._database.write() as connection, Session(connection) as session:
            for channel in session.exec(select(Channel).where(col(Channel.id).in_(channel_ids))):
                channel.paused_at, channel.paused_until = now, until
            session.commit()

    def keep_pace(self, channel_ids: Sequence[int], pace: Pace) -> None:
        """Remember, across restarts, what was learnt of the limit that these channels share."""
        with self._database.write() as connection, Session(connection) as session:
            for channel in session.exec(select(Channel).where(col(Channel.id).in_(channel_ids))):
                channel.pace_per_second, channel.pace_burst = pace.per_second, pace.burst
                channel.pace_factor = pace.factor
            session.commit()

    def pace(self, channel_id: int) -> Pace:
        """Tell what was learnt of a channel's limit."""
        with self._database.read() as connection, Session(connection) as session:
            channel = session.get_one(Channel, channel_id)
            return Pace(channel.pace_per_second, channel.pace_burst, channel.pace_factor)

    def paused_until(self, channel_id: int) -> int | None:
        """Tell until when the marketplace asked to wait."""
        with self._database.read() as connection, Session(connection) as session:
            return session.get_one(Channel, channel_id).paused_until

    def hold_warehouse(
        self, channel_id: int, warehouse: str, code: str, message: str, *, now: int, probe_at: int
    ) -> None:
        """Stop one warehouse of a channel; it is probed again at `probe_at`."""
        with self._database.write() as connection, Session(connection) as session:
            known = session.get(WarehouseHold, (channel_id, warehouse))
            session.merge(
                WarehouseHold(
                    channel_id=channel_id,
                    warehouse=warehouse,
                    held_at=known.held_at if known else now,
                    probe_at=probe_at,
                    code=code,
                    message=message,
                )
            )
            session.commit()

    def release_warehouse(self, channel_id: int, warehouse: str) -> None:
        """Let a held warehouse go on."""
        with self._database.write() as connection, Session(connection) as session:
            known = session.get(WarehouseHold, (channel_id, warehouse))
            if known is not None:
                session.delete(known)
            session.commit()

    def warehouse_holds(self, channel_id: int) -> dict[str, WarehouseHold]:
        """List the held warehouses of a channel."""
        with self._database.read() as connection, Session(connection) as session:
            holds = session.exec(select(WarehouseHold).where(WarehouseHold.channel_id == channel_id)).all()
            session.expunge_all()
        return {hold.warehouse: hold for hold in holds}

    def source_read(self, source_id: int, *, now: int, data_at: int | None) -> bool:
        """Note that a source was read without fault; tell whether it had been failing."""
        with self._database.write() as connection, Session(connection) as session:
            source = session.get_one(Source, source_id)
            was_failing = source.failing_since is not None
            source.read_at, source.failing_since, source.failure = now, None, ""
            source.data_at = data_at if data_at is not None else source.data_at
            session.commit()
        return was_failing

    def trust(self, source_id: int, now: int) -> None:
        """Note that an import was taken in that a person, or the archive, vouched for."""
        with self._database.write() as connection, Session(connection) as session:
            session.get_one(Source, source_id).trusted_at = now
            session.commit()

    def trusted_at(self, source_id: int) -> int | None:
        """Tell when one was last taken in (ms since the epoch); None = never."""
        with self._database.read() as connection, Session(connection) as session:
            return session.get_one(Source, source_id).trusted_at

    def source_failed(self, source_id: int, failure: str, now: int) -> bool:
        """Note that a source could not be read; tell whether that is new."""
        with self._database.write() as connection, Session(connection) as session:
            source = session.get_one(Source, source_id)
            news = source.failure != failure
            source.failing_since = source.failing_since or now
            source.failure = failure
            session.commit()
        return news

    def _update_channel(self, channel_id: int, **values: object) -> None:
        with self._database.write() as connection, Session(connection) as session:
            channel = session.get_one(Channel, channel_id)
            for name, value in values.items():
                setattr(channel, name, value)
            session.commit()


def _forget_imports(session: Session, source: Source) -> None:
    """Let a source that comes back be read anew: others may have said its SKUs meanwhile."""
    taken = (ImportState.APPLIED, ImportState.UNCHANGED)
    query = select(Import).where(Import.source_id == source.id, col(Import.state).in_(taken))
    for entry in session.exec(query):
        entry.state = ImportState.SUPERSEDED
        entry.reason = "its source was not configured for a while"


def _replace_members(
    connection: Connection, channel_id: int, plan: ChannelPlan, source_ids: Mapping[str, int]
) -> None:
    for table in ("channel_source", "channel_location"):
        connection.execute(text(f"DELETE FROM {table} WHERE channel_id = :id"), {"id": channel_id})
    connection.execute(
        text("INSERT INTO channel_source(channel_id, source_id) VALUES (:channel, :source)"),
        [{"channel": channel_id, "source": source_ids[name]} for name in plan.sources],
    )
    if plan.locations:
        connection.execute(
            text("INSERT INTO channel_location(channel_id, location, warehouse) VALUES (:channel, :l, :w)"),
            [
                {"channel": channel_id, "l": location, "w": warehouse}
                for location, warehouse in plan.locations.items()
            ],
        )
