"""Letting a channel follow a plan as the planner does, without files, guards or a loop."""

from dataclasses import asdict

from state.database import Database
from state.plan_staging import PlanStaging
from state.planning import Planning
from state.plans import ChannelPlan, PlanRows
from state.registry import Registry
from state.stock import StockBook
from syncd.core.rules import decide

WHOLE = ChannelPlan("shop", "acc", ("erp",))
"""One shop that shows all that one source has."""


def planning_of(registry: Registry, channel_id: int, plan: ChannelPlan = WHOLE) -> Planning:
    """Make a plan work."""
    return Planning(channel_id, plan, registry.source_ids(plan.sources), decide(plan))


def follow_plan(
    database: Database, book: StockBook, planning: Planning, rows: PlanRows | None = None, *, now: int = 0
) -> dict[str, int]:
    """Compare a plan with the ledger and apply all that it changes; return what was told of it before."""
    channel_id = planning.channel_id
    book.watch(channel_id)
    with PlanStaging(database.path, channel_id) as staging:
        staging.load(rows or PlanRows())
        staging.touch()
        comparison, _ = staging.compare(planning, whole=True)
        book.follow(planning)
        for statement, parameters in staging.row_changes():
            book.store_rows(statement, parameters)
        for wanted in staging.wanted():
            book.store_planned(channel_id, wanted, now)
        for unwanted in staging.unwanted():
            book.forget(channel_id, unwanted, now)
    for _ in book.finish(channel_id, now):
        pass
    book.unwatch(channel_id)
    Registry(database).follow_plan(channel_id, planning.plan, planned=True)
    return asdict(comparison)
