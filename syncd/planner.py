"""The planner: keeps what one channel shows in step with the configuration and the files that it names.

An edit is a diff like any other: staged and compared in a worker thread, judged, and applied in short
transactions. What looks wrong is held for a person; what cannot be read changes nothing.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from state.database import Database
from state.imports import Imports
from state.plan_staging import PlanStaging
from state.plan_standing import PLAN_OF
from state.planning import Planning
from state.plans import ChannelPlan
from state.records import ImportState
from state.registry import PlanInForce, Registry
from state.stock import StockBook
from state.tables import Import
from syncd.clock import Clock
from syncd.config.model import ChannelConfig, Config
from syncd.core.guards import PlanGuard, plan_looks_wrong
from syncd.core.progress import Progress
from syncd.core.rules import decide
from syncd.logs import get_logger
from syncd.plan_records import FoundPlan, PlanVerdict, note_verdict, plan_record
from syncd.plans.making import may_be_half_written, plan_of, stamp
from syncd.threads import Blocking, lent, see_out

T = TypeVar("T")
NOT_EDITED = "rejected by hand, and not edited since"


@dataclass(frozen=True, slots=True)
class PlannerParts:
    """What planners work with. `applied` is called after something was planned.

    `trial`: what would be held is followed all the same, on a copy of the state, to see what it would do.
    """

    database: Database
    registry: Registry
    imports: Imports
    book: StockBook
    clock: Clock
    blocking: Blocking
    applied: Callable[[], None]
    progress: Progress
    trial: bool = False


class Planner:
    """Keeps the plan of one channel. Looks are serial: two never overlap."""

    def __init__(
        self, config: Config, channel: ChannelConfig, in_force: PlanInForce, parts: PlannerParts
    ) -> None:
        """Begin from the plan in force."""
        self._config = config
        self._channel = channel
        self._in_force = in_force
        self._parts = parts
        self._log = get_logger("planner").bind(channel=channel.name)
        self._lock = asyncio.Lock()
        self._stamp: object = None
        self._must_read_again = False
        self._records_under: int | None = None
        self.last: PlanVerdict | None = None
        """What became of the last plan that was read; None before the first look."""
        if in_force.text:
            plan = ChannelPlan.from_text(in_force.text, name=channel.name, account=channel.account)
            parts.book.plannings[in_force.channel_id] = self._planning(plan)

    @property
    def channel_id(self) -> int:
        """The channel's id in the state database."""
        return self._in_force.channel_id

    @property
    def source_name(self) -> str:
        """What the records of edits name as their source."""
        return f"{PLAN_OF}{self._channel.name}"

    def _planning(self, plan: ChannelPlan) -> Planning:
        source_ids = self._parts.registry.source_ids(plan.sources)
        return Planning(self.channel_id, plan, source_ids, decide(plan))

    @property
    def failure(self) -> str | None:
        """Why the plan that is configured is not in force: the first thing that is wrong with it."""
        if self.last is None or not self.last.problems:
            return None
        return self.last.problems[0]

    @property
    def reads_files(self) -> bool:
        """Tell whether anything of the plan stands in files of its own."""
        return bool(self._config.rules.file or self._config.bundles or self._channel.listings)

    async def look(self, *, thoroughly: bool = False, at_once: bool = False) -> PlanVerdict | None:
        """Read the plan if anything of it may be different, and follow it unless something speaks against it.

        Returns None where nothing is different, or a file may be half written yet: of that one the first look
        and one that is wanted `at_once` take what there is. `thoroughly`: read it in any case.
        """
        parts = self._parts
        async with self._lock:
            self._forget_lingering()
            seen, is_being_written = await parts.blocking(self._glance)
            if seen == self._stamp and not thoroughly and self._held(approved=True) is None:
                return None
            if is_being_written and not (at_once or thoroughly or self.last is None):
                return None
            parts.book.watch(self.channel_id)
            try:
                with lent(PlanStaging(parts.database.path, self.channel_id)) as staging:
                    verdict = await self._take(staging)
            finally:
                parts.book.unwatch(self.channel_id)
            self._stamp = None if self._must_read_again else seen
            note_verdict(parts.database, self.channel_id, parts.clock.now(), verdict, self.last)
            self.last = verdict
            return verdict

    def _glance(self) -> tuple[object, bool]:
        now = self._parts.clock.now() / 1000
        return stamp(self._config, self._channel), may_be_half_written(self._config, self._channel, now)

    async def idle(self) -> None:
        """Wait until no look is under way."""
        async with self._lock:
            return

    async def _take(self, staging: PlanStaging) -> PlanVerdict:
        # The ids of sources are read here: the thread has no connection of the state's.
        ids = self._parts.registry.source_ids(self._channel.sources)
        work = self._parts.blocking(lambda: self._compare(staging, ids))
        found = await see_out(work, staging.interrupt)
        self._must_read_again = found.candidate.passing
        if found.problems:
            return self._refuse(found)
        if found.comparison is None:
            await self._store_rows(staging)
            self._note_planned(found.candidate.plan)
            self._supersede_held("the plan in force is what the configuration says again")
            return PlanVerdict(ImportState.UNCHANGED)
        return await self._judge(found, staging)

    def _compare(self, staging: PlanStaging, source_ids: frozenset[int]) -> FoundPlan:
        """Read it all and compare it with what is in force; in a worker thread."""
        candidate = plan_of(self._config, self._channel)
        staging.load(candidate.rows, self._moved)
        planning = Planning(self.channel_id, candidate.plan, source_ids, decide(candidate.plan))
        together = staging.problems()
        problems = (*candidate.problems, *together)
        if problems:
            return FoundPlan(candidate, planning, problems, candidate.problem_count + len(together))
        touched = staging.touch()
        differs = self._differs(candidate.plan)
        whole = not self._in_force.planned or differs
        if not whole and not touched:
            return FoundPlan(candidate, planning)
        comparison, largest = staging.compare(planning, whole=whole, moved=self._moved)
        digest = staging.digest(candidate.plan.effect)
        return FoundPlan(
            candidate, planning, (), 0, whole, differs or touched > 0, digest, comparison, tuple(largest)
        )

    def _differs(self, plan: ChannelPlan) -> bool:
        """Tell whether it may lead to other quantities than the plan in force, whatever its rows."""
        if not self._in_force.text:
            return True
        old = ChannelPlan.from_text(self._in_force.text, name=plan.name, account=plan.account)
        return old.effect != plan.effect

    def _moved(self) -> None:
        name = f"plan {self._channel.name}"
        self._parts.progress.moved(name, self._parts.clock.monotonic())

    def _refuse(self, found: FoundPlan) -> PlanVerdict:
        """Keep the plan in force: what it was read from cannot be trusted in any part."""
        verdict = PlanVerdict(
            ImportState.REJECTED, found.problems[0], found.problems, problem_count=found.problem_count
        )
        told = self._parts.trial or (self.last is not None and self.last.problems == found.problems)
        if not told:
            self._log.error(
                "plan_refused",
                problems=list(found.problems[:10]),
                count=found.problem_count,
                reason="the plan in force stays",
            )
        return verdict

    async def _judge(self, found: FoundPlan, staging: PlanStaging) -> PlanVerdict:
        held = self._held()
        approved = held is not None and held.approved_at is not None and held.sha256 == found.digest
        doubt = None if self._goes_on(found) else self._doubt(found)
        if doubt is None or approved:
            return await self._follow(found, staging, held if approved else None)
        last = self._parts.imports.latest(self._source_id())
        if last is not None and last.state == ImportState.REJECTED and last.sha256 == found.digest:
            verdict = PlanVerdict(ImportState.REJECTED, NOT_EDITED, (), found.comparison, found.largest)
        else:
            verdict = self._hold(found, held, doubt)
        if self._parts.trial:
            await self._follow(found, staging, None)
        return verdict

    def _goes_on(self, found: FoundPlan) -> bool:
        """Tell whether nobody edited anything: a crash cut off the applying of this, or stock has moved."""
        in_force = self._in_force
        return not in_force.text or in_force.following == found.digest or not found.edited

    def _doubt(self, found: FoundPlan) -> str | None:
        guard = self._config.rules.guard
        limits = PlanGuard(guard.max_missing, guard.max_zeroed, guard.max_drop)
        return None if found.comparison is None else plan_looks_wrong(found.comparison, limits)

    def _hold(self, found: FoundPlan, held: Import | None, doubt: str) -> PlanVerdict:
        if held is not None and held.sha256 == found.digest:
            return PlanVerdict(
                ImportState.HELD, held.reason, (), found.comparison, found.largest, import_id=held.id
            )
        self._supersede_held("edited since")
        import_id = self._record(found, ImportState.HELD, doubt)
        if not self._parts.trial:
            self._log.warning("plan_held", import_id=import_id, reason=doubt)
        return PlanVerdict(ImportState.HELD, doubt, (), found.comparison, found.largest, import_id)

    async def _follow(self, found: FoundPlan, staging: PlanStaging, approved: Import | None) -> PlanVerdict:
        """Apply it in slices. What intake plans meanwhile is planned by it too."""
        parts, plan = self._parts, found.candidate.plan
        if approved is None:
            self._supersede_held("edited since")
        self._in_force = PlanInForce(self.channel_id, plan.as_text(), planned=False, following=found.digest)
        parts.registry.follow_plan(self.channel_id, plan, planned=False, following=found.digest)
        parts.book.follow(found.planning)
        await self._store_rows(staging)
        wanted, unwanted = staging.wanted(), staging.unwanted()
        while some := await self._next(wanted, staging):
            parts.book.store_planned(self.channel_id, some, parts.clock.now())
            parts.applied()
            await asyncio.sleep(0)
        while gone := await self._next(unwanted, staging):
            parts.book.forget(self.channel_id, gone, parts.clock.now())
            await asyncio.sleep(0)
        for _ in parts.book.finish(self.channel_id, parts.clock.now()):
            parts.applied()
            await asyncio.sleep(0)
        self._note_planned(plan)
        if found.whole:
            parts.registry.wake(self.channel_id)
        return self._conclude(found, approved)

    def _note_planned(self, plan: ChannelPlan) -> None:
        """Note that all listings follow the plan; across a restart only when no more of them lingers."""
        lingers = self._parts.book.lingers(self.channel_id)
        self._parts.registry.follow_plan(self.channel_id, plan, planned=not lingers)
        self._in_force = PlanInForce(self.channel_id, plan.as_text(), planned=True)

    def _forget_lingering(self) -> None:
        """Forget what was in flight when it should have been forgotten."""
        book = self._parts.book
        if book.lingers(self.channel_id):
            book.forget_lingering(self.channel_id, self._parts.clock.now())
            if self._in_force.planned:
                self._note_planned(book.plannings[self.channel_id].plan)

    async def _store_rows(self, staging: PlanStaging) -> None:
        changes = staging.row_changes()
        while change := await self._next(changes, staging):
            self._parts.book.store_rows(*change)
            await asyncio.sleep(0)

    async def _next(self, iterator: Iterator[T], staging: PlanStaging) -> T | None:
        work = self._parts.blocking(lambda: next(iterator, None))
        return await see_out(work, staging.interrupt)

    def _conclude(self, found: FoundPlan, approved: Import | None) -> PlanVerdict:
        comparison = found.comparison
        import_id = None
        if approved is not None and approved.id is not None:
            import_id = approved.id
            self._parts.imports.close(import_id, ImportState.APPLIED)
        elif comparison is not None and comparison.says_something:
            import_id = self._record(found, ImportState.APPLIED, "")
        if comparison is not None and comparison.says_something:
            self._log.info(
                "plan_applied",
                import_id=import_id,
                up=comparison.up,
                down=comparison.down,
                to_zero=comparison.to_zero,
                new=comparison.new,
                gone=comparison.gone,
            )
        left = self._parts.book.take_left_showing(self.channel_id)
        if left and not self._parts.trial:
            self._log.warning(
                "listings_left_showing",
                listings=left,
                reason="not sold here any more, and the stock shown stays: set them to zero there",
            )
        return PlanVerdict(ImportState.APPLIED, "", (), comparison, found.largest, import_id)

    def _source_id(self) -> int:
        if self._records_under is None:
            self._records_under = self._parts.registry.plan_source(self.source_name)
        return self._records_under

    def _held(self, *, approved: bool = False) -> Import | None:
        """Give the record of an edit that is held; `approved`: only if a person let it through."""
        for entry in self._parts.imports.in_state(self._source_id(), ImportState.HELD):
            if not approved or entry.approved_at is not None:
                return entry
        return None

    def _supersede_held(self, reason: str) -> None:
        held = self._held()
        if held is not None and held.id is not None:
            self._parts.imports.close(held.id, ImportState.SUPERSEDED, reason=reason)

    def _record(self, found: FoundPlan, state: ImportState, reason: str) -> int:
        now = self._parts.clock.now()
        return self._parts.imports.record(*plan_record(found, self._source_id(), state, reason, now))
