"""Which sources and channels there are, and what holds a channel or a warehouse back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from state.database import Database
from state.plans import ChannelPlan
from state.records import ImportState, Pace
from state.tables import Channel, Import, Source, WarehouseHold
from state.waking import absolve, make_uncertain, wake

SLICE_ROWS = 2_000
"""Rows that one transaction may touch: so long, and no longer, an intent may have to wait."""


@dataclass(frozen=True, slots=True)
class PlanInForce:
    """What a channel follows. `text` as `ChannelPlan.as_text`, "" = nothing; `planned`: all listings do.

    `following`: the digest of the edit whose applying was begun and not ended.
    """

    channel_id: int
    text: str
    planned: bool
    following: str = ""


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

    def register_channel(self, name: str, account: str, now: int) -> PlanInForce:
        """Make a configured channel known; return its id, and the plan that it follows.

        A channel that comes back after having been absent starts uncertain: who knows what happened to its
        stock meanwhile.
        """
        with self._database.write() as connection, Session(connection) as session:
            channel = session.exec(select(Channel).where(Channel.account == account)).one_or_none()
            if channel is None:
                channel = Channel(account=account, name=name, active=False)
                session.add(channel)
                session.flush()
            channel_id = channel.id or 0
            absent = not channel.active
            planned = channel.planned and not absent
            found = PlanInForce(channel_id, channel.plan, planned, channel.following)
            session.commit()
        if absent:
            for _ in self.make_uncertain(channel_id, now):
                pass
        self._update_channel(channel_id, name=name, active=True, planned=found.planned)
        return found

    def source_ids(self, names: Sequence[str]) -> frozenset[int]:
        """Give the ids of sources that are or were configured."""
        with self._database.read() as connection, Session(connection) as session:
            found = session.exec(select(Source).where(col(Source.name).in_(names)))
            return frozenset(source.id for source in found if source.id is not None)

    def plan_source(self, name: str) -> int:
        """Give the id that records of edits are kept under; it is no source, and never active."""
        with self._database.write() as connection, Session(connection) as session:
            found = session.exec(select(Source).where(Source.name == name)).one_or_none()
            if found is None:
                found = Source(name=name, active=False)
                session.add(found)
                session.flush()
            source_id = found.id or 0
            session.commit()
        return source_id

    def deactivate_others(self, channel_ids: Sequence[int]) -> None:
        """Note which channels are configured no longer."""
        with self._database.write() as connection, Session(connection) as session:
            for channel in session.exec(select(Channel).where(col(Channel.id).not_in(channel_ids))):
                channel.active = False
            session.commit()

    def follow_plan(self, channel_id: int, plan: ChannelPlan, *, planned: bool, following: str = "") -> None:
        """Note which plan is in force, and whether all listings of the channel follow it already.

        `following`: the digest of the edit that is being applied.
        """
        self._update_channel(channel_id, plan=plan.as_text(), planned=planned, following=following)

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
