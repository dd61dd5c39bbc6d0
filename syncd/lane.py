"""A lane: when what is pushed to one channel.

It waits for something due and for the pacer, and only then chooses what to send, commits the intent, and
lets the delivery send it. Several requests may be in flight, never two with one listing.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from connectors.errors import (
    AuthenticationExpired,
    ChannelRefused,
    ConnectorError,
    Throttled,
    TryLater,
)
from state.database import DatabaseError
from state.records import DueListing, Push
from syncd.agenda import LONGEST_IDLE_SECONDS, SOON_SECONDS, TRIES_WHEN_SETTLING, Agenda
from syncd.core.backoff import channel_delay
from syncd.core.batches import choose_batch
from syncd.core.pacing import Pacer
from syncd.delivery import PROBE_HOLD_SECONDS, Delivery, LaneParts, connector_fault
from syncd.logs import get_logger
from syncd.recovery import PROBE_ROWS, TROUBLE, Setbacks, until_it_works


class Lane:
    """Pushes what is due on one channel."""

    def __init__(self, parts: LaneParts) -> None:
        """Make a lane that does nothing until it is run."""
        self._parts = parts
        self._delivery = Delivery(parts)
        self._agenda = Agenda(parts, self._delivery.open_warehouses)
        self._log = get_logger("lane").bind(channel=parts.name)
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[ConnectorError | None]] = set()
        self._trouble: ConnectorError | None = None
        self._expired: ConnectorError | None = None
        self._held = parts.registry.channel_hold(parts.channel_id) is not None
        self._renewed = False
        self._fault: BaseException | None = None
        self._credit = 0.0
        self.setbacks = Setbacks()
        self._once = False
        self.gave_up: str | None = None
        """Why it is no use to wait: the marketplace has stayed down for several tries."""

    @property
    def name(self) -> str:
        """The channel's name."""
        return self._parts.name

    @property
    def channel_id(self) -> int:
        """The channel's id in the state database."""
        return self._parts.channel_id

    @property
    def pacer(self) -> Pacer:
        """The channel's pace."""
        return self._parts.pacer

    @property
    def clock_offset(self) -> float | None:
        """Seconds that the marketplace's clock is ahead of ours; None while that is not known."""
        return self._delivery.clock_offset.seconds

    def clock_was_set(self) -> None:
        """Forget how our clock stood to the marketplace's, and look again at what is due."""
        self._delivery.clock_offset.forget()
        self.wake()

    def wake(self) -> None:
        """Look again at what is due: something changed."""
        self._wake.set()

    def release(self) -> None:
        """Let what is held be tried again now: a person says so."""
        self._unhold()
        self._delivery.release_warehouses()
        self._renewed = False
        self.wake()

    def stop(self) -> None:
        """Take nothing new; what is in flight is finished."""
        self._stop.set()
        self._wake.set()

    async def run(self) -> None:
        """Push whatever becomes due, until stopped.

        A hold from before the start is probed at once: its cause may have been mended since.
        """
        patience = 0.0
        try:
            while not self._stop.is_set():
                if self._held:
                    released = await self._until_released_or(patience)
                    patience = PROBE_HOLD_SECONDS
                    if not released and not await self._probe_hold():
                        continue
                patience = PROBE_HOLD_SECONDS
                await self._work()
        finally:
            self._parts.watch.rest()

    async def settle(self, skus: Sequence[str] | None = None) -> None:
        """Push what is due now (of these SKUs only) until nothing more can be, then return.

        A marketplace that stays down is given up after some tries; `gave_up` then says why.
        """
        self._once = True
        self._agenda.scope = None if skus is None else tuple(skus)
        self.gave_up = None
        if not self._held or await self._probe_hold():
            await self._work()

    async def _work(self) -> None:
        """Push until stopped, held or (when settling) nothing more can be done."""
        while not self._stop.is_set() and not self._held:
            try:
                finished = await self._drain()
            except asyncio.CancelledError:
                for task in self._tasks:
                    task.cancel()
                raise
            finally:
                self._parts.watch.rest()
                if self._tasks:
                    await asyncio.wait(self._tasks)
            if self._fault is not None:
                raise self._fault
            if self._expired is not None:
                await self._renew()
            elif self._trouble is not None:
                if not await self._recover():
                    return
            elif finished:
                return

    async def _drain(self) -> bool:
        """Keep requests leaving at the channel's pace; True when settling and nothing more can be pushed."""
        pacer = self._parts.pacer
        while not self._stop.is_set() and self._is_well():
            self._wake.clear()
            now = self._parts.clock.monotonic()
            if len(self._tasks) >= self._parts.in_flight:
                await self._parts.watch.wait(self._wake, LONGEST_IDLE_SECONDS)
            elif not (due := self._agenda.count_due(self._most_rows())):
                if self._once and not self.has_work():
                    return True
                await self._parts.watch.wait(self._wake, self._agenda.idle_seconds())
            elif (delay := pacer.wait(min(due, self._rows_now(now)), now, self.name)) > 0:
                await self._parts.watch.wait(self._wake, delay)
            elif (push := self._begin(self._rows_now(now))) is not None:
                task = asyncio.create_task(self._delivery.deliver(push))
                self._tasks.add(task)
                task.add_done_callback(self._delivered)
        return False

    def _delivered(self, task: "asyncio.Task[ConnectorError | None]") -> None:
        self._tasks.discard(task)
        self._wake.set()
        if task.cancelled():
            return
        fault = task.exception()
        self._fault = self._fault or fault
        if fault is None:
            try:
                self._note(task.result())
            except DatabaseError as unstored:  # a callback has nobody to raise it to
                self._fault = unstored

    def _most_rows(self) -> int:
        return self.setbacks.most_rows(self._parts.pacer.rows_per_request)

    def _rows_now(self, now: float) -> int:
        return min(self._most_rows(), self._parts.pacer.worth_waiting_for(now))

    def _note(self, error: ConnectorError | None) -> None:
        """Remember what a delivery says of the channel as a whole."""
        match error:
            case None:
                self._renewed = False
                self.setbacks.relieve(self._parts.pacer.rows_per_request)
            case _ if isinstance(error, TROUBLE):
                self._trouble = error
            case AuthenticationExpired():
                self._expired = error
            case Throttled():
                pass  # the pacer waits already, and nothing was learnt of the channel
            case _:
                self._hold(error)

    def _is_well(self) -> bool:
        sound = self._trouble is None and self._expired is None and self._fault is None
        return sound and not self._held

    def _hold(self, error: ConnectorError) -> None:
        if not self._held:
            self._log.error("channel_held", code=error.code, reason=error.message)
        self._held = True
        now = self._parts.clock.now()
        self._parts.registry.hold_channel(self.channel_id, error.code, error.message, now)
        self._wake.set()

    def _unhold(self) -> None:
        self._held = False
        self._parts.registry.release_channel(self.channel_id)

    async def _until_released_or(self, seconds: float) -> bool:
        """Wait so many seconds, or until released or stopped; tell whether it was released."""
        until = self._parts.clock.monotonic() + seconds
        while self._held and not self._stop.is_set():
            left = until - self._parts.clock.monotonic()
            if left <= 0:
                break
            self._wake.clear()
            await self._parts.watch.wait(self._wake, left)
        return not self._held

    def has_work(self, skus: Sequence[str] | None = None) -> bool:
        """Tell whether anything (of these SKUs) is under way, may be pushed, or may be before long.

        What a hold or a long pause keeps back is no work: waiting for it would be no use.
        """
        if self._tasks:
            return True
        return not self._held and self._is_soon() and self._agenda.is_due_soon(skus)

    def _is_soon(self) -> bool:
        """Tell whether the marketplace did not ask for a long pause."""
        return self._parts.pacer.pause_left(self._parts.clock.monotonic()) < SOON_SECONDS

    def _begin(self, limit: int) -> Push | None:
        """Choose what to send and commit the intent."""
        credit = self._credit

        def choose(due: Sequence[DueListing]) -> Sequence[DueListing]:
            nonlocal credit
            grouping = self._parts.capabilities.grouping
            batch = choose_batch(due, limit=limit, grouping=grouping, credit=credit)
            credit = batch.credit
            return batch.rows

        push = self._parts.ledger.begin_push(
            self.channel_id,
            self._delivery.open_warehouses(),
            choose,
            now=self._parts.clock.due_by(),
            limit=limit,
            skus=self._agenda.scope,
        )
        self._credit = credit
        if push is not None:
            self._parts.pacer.take(len(push.attempts), self._parts.clock.monotonic(), self.name)
        return push

    async def _renew(self) -> None:
        """Renew the authorisation once for all; a second refusal with no good answer between holds."""
        expired, self._expired = self._expired, None
        if self._renewed:
            self._hold(expired or ChannelRefused("the authorisation is refused again after its renewal"))
            return
        self._renewed = True
        self._parts.watch.rest()
        try:
            with self._parts.watch.call():
                await self._parts.connector.renew()
        except ConnectorError as error:
            self._note(error)
        except Exception as fault:  # noqa: BLE001 (a fault of a plug-in must not end the lane)
            self._log.exception("connector_failed")
            self._note(TryLater(connector_fault(fault)))
        else:
            self._log.info("authorisation_renewed")

    async def _recover(self) -> bool:
        """Probe a marketplace that is down until it answers; False where it is given up.

        Setbacks since all was last well count on, so that the waits grow where only small requests work.
        """
        trouble, self._trouble = self._trouble, None
        if trouble is None:
            return True
        self._set_back(trouble)

        async def probe() -> None:
            sent, error = await self._push_one(PROBE_ROWS)
            if isinstance(error, TROUBLE):
                self._set_back(error)
                raise error
            if sent:
                self._note(error)

        works = await until_it_works(
            probe,
            first=trouble,
            delay=lambda: channel_delay(self.setbacks.strain, self._parts.chance()),
            sleep=partial(self._parts.watch.wait, self._stop),
            give_up=lambda: self._stop.is_set() or (self._once and self.gave_up is not None),
        )
        if works:
            self.gave_up = self.setbacks.down = None
            if not self._stop.is_set():
                self._log.info("channel_recovered")
        return works

    def _set_back(self, error: ConnectorError) -> None:
        """Count a failure. Logged at each doubling: a day of outage must not write a million lines."""
        self.setbacks.add(self._parts.clock.now(), error.message)
        failures = self.setbacks.in_a_row
        is_long = failures > TRIES_WHEN_SETTLING or not self._is_soon()
        self.gave_up = error.message if is_long else None
        if failures & (failures - 1) == 0:
            self._log.warning("channel_unreachable", failures=failures, code=error.code, reason=error.message)

    async def _probe_hold(self) -> bool:
        """Find out with one row whether a held channel works again, and release it if so."""
        self._renewed = False
        sent, error = await self._push_one(1)
        if not sent:
            return False
        if isinstance(error, AuthenticationExpired):
            self._note(error)
            await self._renew()
        elif error is not None:
            self._log.info("channel_still_held", code=error.code, reason=error.message)
        else:
            self._unhold()
            self._log.info("channel_released")
        return error is None

    async def _push_one(self, limit: int) -> tuple[bool, ConnectorError | None]:
        """Run one whole cycle; tell whether it sent something, and what that says of the channel."""
        pacer, clock = self._parts.pacer, self._parts.clock
        rows = min(limit, pacer.rows_per_request)
        while (delay := pacer.wait(rows, clock.monotonic(), self.name)) > 0 and not self._stop.is_set():
            await self._parts.watch.wait(self._stop, delay)
            rows = min(limit, pacer.rows_per_request)
        push = None if self._stop.is_set() else self._begin(rows)
        self._parts.watch.rest()
        if push is None:
            return False, None
        return True, await self._delivery.deliver(push)
