"""Delivery: one push from committed intent to settled rows, and what its answer teaches."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from connectors.contract import Answer, Capabilities, Connector, OutcomeKind
from connectors.errors import (
    BatchRefused,
    ChannelRefused,
    ConnectorError,
    Effect,
    Throttled,
    TryLater,
    WarehouseRefused,
)
from state.database import Database
from state.ledger import Ledger
from state.records import Attempt, Push, PushEnd, Settlement
from state.registry import Registry
from syncd.clock import Clock
from syncd.core.addressing import update_of, why_not_carried
from syncd.core.blame import Blame, Suspect, suspect_of
from syncd.core.clock_offset import ClockOffset
from syncd.core.pacing import LONGEST_PAUSE_SECONDS, Pacer
from syncd.core.settling import Moment, refuse_locally, settle_answer, settle_error
from syncd.lane_watch import LaneWatch
from syncd.logs import bound, get_logger, hide_secrets
from syncd.metrics.channels import ChannelMetrics

PROBE_HOLD_SECONDS = 900.0
LONGEST_REPAIR_SECONDS = 3600.0
"""So long at most is a marketplace left alone that is out of order, whatever it says."""


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What a lane works with."""

    channel_id: int
    name: str
    warehouses: Callable[[], Sequence[str]]
    """Gives those that its listings can be in, by the plan in force."""
    capabilities: Capabilities
    connector: Connector
    pacer: Pacer
    sharing: tuple[int, ...]
    """The ids of all channels that this pacer paces, this one among them."""
    in_flight: int
    settling_ms: int
    database: Database
    ledger: Ledger
    registry: Registry
    clock: Clock
    chance: Callable[[], float]
    metrics: ChannelMetrics
    watch: LaneWatch


class Delivery:
    """Sends the pushes of one channel and settles every row of them."""

    def __init__(self, parts: LaneParts) -> None:
        """Start from what the state remembers: a pause that the marketplace asked for, held warehouses."""
        self._parts = parts
        self._log = get_logger("delivery").bind(channel=parts.name)
        self._probe_at = self._read_holds()
        self._blame = Blame()
        self.clock_offset = ClockOffset()
        until = parts.registry.paused_until(parts.channel_id)
        if until is not None:
            left = min((until - parts.clock.now()) / 1000, LONGEST_PAUSE_SECONDS)
            parts.pacer.pause(parts.clock.monotonic() + left)

    def open_warehouses(self) -> list[str]:
        """List the warehouses that may be pushed to: those not held, and those to be probed again."""
        now = self._parts.clock.monotonic()
        return [
            warehouse for warehouse in self._parts.warehouses() if self._probe_at.get(warehouse, now) <= now
        ]

    def _read_holds(self) -> dict[str, float]:
        """Tell when each held warehouse may be probed again, on the clock that never goes back."""
        holds = self._parts.registry.warehouse_holds(self._parts.channel_id)
        ahead = self._parts.clock.monotonic() - self._parts.clock.now() / 1000
        return {warehouse: hold.probe_at / 1000 + ahead for warehouse, hold in holds.items()}

    async def deliver(self, push: Push) -> ConnectorError | None:
        """Send one push and settle every row of it; return what it says against the channel as a whole."""
        with bound(channel=self._parts.name, push=push.id):
            return await self._deliver(push)

    async def _deliver(self, push: Push) -> ConnectorError | None:
        sendable, settlements = self._split_uncarriable(push)
        self._parts.metrics.begun(sendable)
        sent_at, sent_at_wall = self._parts.clock.monotonic(), self._parts.clock.wall()
        answer, error = await self._send(sendable)
        self._compare_clocks(answer or error, sent_at_wall)
        if sendable:
            seconds = self._parts.clock.monotonic() - sent_at
            self._parts.metrics.answered(seconds, _end(answer, error).status, error)
        if error is not None:
            error.message, error.code = hide_secrets(error.message), hide_secrets(error.code)
        moment = Moment(self._parts.clock.now(), self._parts.chance)
        if error is not None:
            settlements += settle_error(sendable, error, moment)
        elif answer is not None:
            settlements += settle_answer(sendable, answer, moment)
        settlements = [_without_secrets(settlement) for settlement in settlements]
        waits = self._parts.ledger.settle(
            push,
            settlements,
            _end(answer, error),
            now=moment.now,
            settling=self._parts.settling_ms,
            asynchronous=self._parts.capabilities.asynchronous,
        )
        self._parts.metrics.settled(settlements, waits)
        self._report(push, settlements, error)
        if answer is not None:
            self._learn(answer, sendable, sent_at)
        return None if error is None else self._react(error, sendable, sent_at)

    async def _send(self, attempts: Sequence[Attempt]) -> tuple[Answer | None, ConnectorError | None]:
        if not attempts:
            return None, None
        try:
            with self._parts.watch.call():
                return await self._parts.connector.push([update_of(attempt) for attempt in attempts]), None
        except ConnectorError as error:
            return None, error
        except Exception as fault:  # noqa: BLE001 (a fault of a plug-in must not end the lane)
            self._log.exception("connector_failed")
            return None, TryLater(connector_fault(fault), effect=Effect.AMBIGUOUS)

    def _compare_clocks(self, answered: Answer | ConnectorError | None, sent_at: float) -> None:
        if answered is not None and answered.server_time is not None:
            received_at = self._parts.clock.wall()
            self.clock_offset.heard(answered.server_time, sent=sent_at, received=received_at)

    def _split_uncarriable(self, push: Push) -> tuple[list[Attempt], list[Settlement]]:
        sendable, refused = [], []
        for attempt in push.attempts:
            reason = why_not_carried(update_of(attempt).listed_as, self._parts.capabilities)
            if reason is None:
                sendable.append(attempt)
            else:
                refused.append(refuse_locally(attempt, *reason))
        return sendable, refused

    def _report(self, push: Push, settlements: Sequence[Settlement], error: ConnectorError | None) -> None:
        of = Counter(settlement.outcome for settlement in settlements)
        facts = {
            "rows": len(push.attempts),
            "accepted": of[OutcomeKind.ACCEPTED],
            "rejected": of[OutcomeKind.REJECTED],
            "deferred": of[OutcomeKind.DEFERRED],
            "unknown": of[OutcomeKind.UNKNOWN],
        }
        if error is None:
            self._log.info("batch_pushed", **facts)
        else:
            self._log.info("batch_failed", code=error.code, reason=error.message, **facts)
        for settlement in settlements:
            if settlement.outcome == OutcomeKind.REJECTED:
                self._tell_rejected(settlement)

    def _tell_rejected(self, settlement: Settlement) -> None:
        attempt = settlement.attempt
        identifier = update_of(attempt).identifier
        facts = {
            "sku": attempt.sku,
            "warehouse": attempt.warehouse,
            "quantity": attempt.quantity,
            "identifier": identifier and f"{identifier.kind} {identifier.value}",
            "code": settlement.code,
            "reason": settlement.message,
        }
        if identifier is None:
            del facts["identifier"]
        self._log.warning("row_rejected", **facts)

    def _learn(self, answer: Answer, attempts: Sequence[Attempt], sent_at: float) -> None:
        """Take from a good answer what it says of pace, and of warehouses that were held."""
        throttled = sum(outcome.kind is OutcomeKind.DEFERRED for outcome in answer.outcomes)
        now = self._parts.clock.monotonic()
        until = self._parts.pacer.answered(answer.allowance, now, sent_at=sent_at, throttled_rows=throttled)
        self._keep_pace(until)
        accepted = {o.update.warehouse for o in answer.outcomes if o.kind is OutcomeKind.ACCEPTED}
        self._judge(answer)
        for warehouse in accepted & self._probe_at.keys() & {a.warehouse for a in attempts}:
            self._parts.registry.release_warehouse(self._parts.channel_id, warehouse)
            del self._probe_at[warehouse]
            self._log.info("warehouse_released", warehouse=warehouse)

    def _keep_pace(self, until: float | None = None) -> None:
        """Remember what was learnt of the limit, where it is news, and a pause until then."""
        monotonic = self._parts.clock.monotonic()
        if until is not None and until > monotonic:
            self._parts.metrics.paused()
            now = self._parts.clock.now()
            ends = now + math.ceil((until - monotonic) * 1000) + 1
            self._parts.registry.pause_channels(self._parts.sharing, now, ends)
        pace = self._parts.pacer.news()
        if pace is not None:
            self._parts.registry.keep_pace(self._parts.sharing, pace)

    def _react(
        self, error: ConnectorError, attempts: Sequence[Attempt], sent_at: float
    ) -> ConnectorError | None:
        """Do what a failed call asks for here; return what concerns the channel. Its rows are settled."""
        match error:
            case Throttled():
                self._throttled(error, sent_at)
                return error
            case TryLater() if error.retry_after is not None:
                self._asked_to_wait(error.retry_after)
                return error
            case WarehouseRefused() if error.warehouse in self._parts.warehouses():
                self._hold_warehouse(error)
            case BatchRefused() if len(attempts) == 1:
                return self._refused_alone(error, attempts[0])
            case BatchRefused():
                self._blame.refused_together({suspect_of(update_of(attempt)) for attempt in attempts})
            case _:
                return error
        return None

    def _throttled(self, error: Throttled, sent_at: float) -> None:
        now = self._parts.clock.monotonic()
        until = self._parts.pacer.throttled(
            error.retry_after, now, sent_at=sent_at, allowance=error.allowance
        )
        self._keep_pace(until)
        self._log.warning("channel_throttled", seconds=round(until - now, 3))

    def _asked_to_wait(self, seconds: float) -> None:
        """Leave a marketplace alone that is out of order and says for how long."""
        until = self._parts.clock.monotonic() + min(max(seconds, 0.0), LONGEST_REPAIR_SECONDS)
        self._keep_pace(self._parts.pacer.pause(until))

    def _hold_warehouse(self, error: WarehouseRefused) -> None:
        now = self._parts.clock.now()
        self._parts.registry.hold_warehouse(
            self._parts.channel_id,
            error.warehouse,
            error.code,
            error.message,
            now=now,
            probe_at=now + int(PROBE_HOLD_SECONDS * 1000),
        )
        self._probe_at = self._read_holds()
        self._log.error("warehouse_held", warehouse=error.warehouse, code=error.code, reason=error.message)

    def release_warehouses(self) -> None:
        """Let all held warehouses be tried again now."""
        for warehouse in self._probe_at:
            self._parts.registry.release_warehouse(self._parts.channel_id, warehouse)
        self._probe_at = {}

    def _judge(self, answer: Answer) -> None:
        """Let rows that were refused alone be tried again where others are taken."""
        if not self._blame.knows_any:
            return
        verdicts = {OutcomeKind.ACCEPTED, OutcomeKind.REJECTED}
        judged = {suspect_of(outcome.update) for outcome in answer.outcomes if outcome.kind in verdicts}
        taken = {suspect_of(o.update) for o in answer.outcomes if o.kind is OutcomeKind.ACCEPTED}
        again = self._blame.answered(taken, judged)
        if again:
            self._parts.registry.wake(self._parts.channel_id, _skus_of(again))

    def _refused_alone(self, error: BatchRefused, attempt: Attempt) -> ConnectorError | None:
        """Blame the row, or else the channel: then no row, and each probe takes another."""
        rows = self._blame.refused_alone(error.code, suspect_of(update_of(attempt)))
        if not rows:
            return None
        # By then every other row has been probed once: those that are truly bad must not take all the probes.
        again = self._parts.clock.now() + int((len(rows) + 1) * PROBE_HOLD_SECONDS * 1000)
        self._parts.registry.absolve(self._parts.channel_id, _skus_of(rows), again)
        return ChannelRefused(
            f"every row is refused, each alone: {error.message}", code=error.code, status=error.status
        )


def _without_secrets(settlement: Settlement) -> Settlement:
    """What a marketplace says is kept and shown: it may say back what it was sent."""
    if not settlement.message and not settlement.code:
        return settlement
    return replace(settlement, message=hide_secrets(settlement.message), code=hide_secrets(settlement.code))


def connector_fault(fault: Exception) -> str:
    """Say that a plug-in broke its contract, without what a traceback might show."""
    return f"the connector itself failed ({type(fault).__name__}): please report this"


def _skus_of(rows: Sequence[Suspect]) -> list[str]:
    return list(dict.fromkeys(row.sku for row in rows))


def _end(answer: Answer | None, error: ConnectorError | None) -> PushEnd:
    if error is not None:
        return PushEnd(status=error.status, code=error.code, message=error.message)
    if answer is None:
        return PushEnd(message="not sent: this marketplace cannot carry these listings")
    return PushEnd(status=answer.status, request_id=answer.request_id, batch_id=answer.batch_id)
