"""The times that something waits for, when the wall clock they were told by is set. Times in ms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from state.database import Database
from state.dialect import PAUSED_INDEX, REPEATED_INDEX, WAITING_INDEX
from state.plans import ChannelPlan
from state.records import Risk
from state.registry import SLICE_ROWS


@dataclass(frozen=True, slots=True)
class LongestWaits:
    """How long something may have to wait, from when that was decided.

    `repetition`: the channel's settling time; `retry`: what failed; `probe`: what the marketplace does not
    know; `warehouse`: one that is held; `pause`: what the marketplace asked for.
    """

    repetition: int
    retry: int
    probe: int
    warehouse: int
    pause: int


_LAST_OF_SLICE = (
    "SELECT identifier, warehouse FROM (SELECT identifier, warehouse FROM listing"
    " WHERE channel_id = ? AND (identifier, warehouse) > (?, ?) ORDER BY identifier, warehouse LIMIT ?)"
    " ORDER BY identifier DESC, warehouse DESC LIMIT 1"
)
_MOVE = (
    "UPDATE listing SET"
    " reassert_at = CASE WHEN reassert_at > :passed THEN reassert_at + :by ELSE reassert_at END,"
    # What is in flight left by the old clock: whether that was before its repetition was due cannot be told.
    " ambiguous = CASE WHEN :by < 0 AND attempt_id IS NOT NULL THEN 1 ELSE ambiguous END,"
    " confirmed_at = CASE WHEN confirmed_at > :recent AND confirmed_at <= :before"
    "   THEN confirmed_at + :by ELSE confirmed_at END,"
    " not_before = CASE WHEN :by < 0 AND not_before > :passed THEN not_before + :by ELSE not_before END"
    " WHERE channel_id = :channel AND (identifier, warehouse) > (:identifier, :warehouse)"
    " AND (identifier, warehouse) <= (:last_identifier, :last_warehouse)"
    " AND (reassert_at > :passed OR confirmed_at > :recent OR :by < 0 AND not_before > :passed)"
)
_SHORTEN_PAUSE = (
    "UPDATE channel SET paused_until = min(paused_until, :now + min(:most, paused_until - paused_at))"
    " WHERE id = :channel AND paused_until > :now"
)
_TOO_SOON = (
    f"SELECT identifier, warehouse FROM listing {REPEATED_INDEX}"
    " WHERE channel_id = ? AND reassert_at IS NOT NULL AND reassert_at < ?"
    " AND reassert_at <= confirmed_at + ? LIMIT ?"
)
_TOO_FAR = (
    "wait_until > CASE WHEN refusal IS NOT NULL THEN :probe WHEN changed THEN :retry ELSE :repetition END"
)
_FAR = (
    f"SELECT identifier FROM listing {WAITING_INDEX}"
    " WHERE channel_id = :channel AND warehouse = :warehouse AND risk = :risk AND due = 1"
    f" AND wait_until IS NOT NULL AND wait_until > :soonest AND {_TOO_FAR} LIMIT :rows"
)
_PAUSED = (
    f"SELECT identifier, coalesce({_TOO_FAR}, 0) FROM listing {PAUSED_INDEX} WHERE channel_id = :channel"
    " AND warehouse = :warehouse AND paused <> 0 AND identifier > :after ORDER BY identifier LIMIT :rows"
)
_BRING_NEAR = (
    "UPDATE listing SET reassert_at = min(reassert_at, ?),"
    " not_before = min(not_before, CASE WHEN refusal IS NULL THEN ? ELSE ? END)"
    " WHERE channel_id = ? AND identifier = ? AND warehouse = ?"
)


def move_waits(database: Database, channel_id: int, *, before: int, by: int, settling: int) -> Iterator[None]:
    """Move along, slice by slice, the times that a channel waits for: the clock was set by `by` at `before`.

    `before` is told by the old clock. Until the last slice is done, what becomes due must be judged by the
    earlier, and what is stored be told by the later of both clocks: then no repetition comes before its
    settling time has passed, and what was stored meanwhile is at worst too late, until `bring_near`. What may
    come too early without harm (a retry, a probe of a listing) is moved back only.
    """
    passed, recent = before + min(by, 0), before - settling
    with database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE warehouse_hold SET probe_at = probe_at + ? WHERE channel_id = ? AND probe_at > ?",
            (by, channel_id, passed),
        )
        connection.exec_driver_sql(
            "UPDATE channel SET paused_until = paused_until + ?, paused_at = paused_at + ?"
            " WHERE id = ? AND paused_until > ?",
            (by, by, channel_id, passed),
        )
    times = {"by": by, "before": before, "passed": passed, "recent": recent}
    after = ("", "")
    while True:
        with database.write() as connection:
            last = connection.exec_driver_sql(_LAST_OF_SLICE, (channel_id, *after, SLICE_ROWS)).one_or_none()
            if last is None:
                return
            first = {"identifier": after[0], "warehouse": after[1]}
            place = {**first, "last_identifier": last[0], "last_warehouse": last[1]}
            connection.exec_driver_sql(_MOVE, {"channel": channel_id, **times, **place})
        after = (last[0], last[1])
        yield


def bring_near(
    database: Database, channel_id: int, plan: ChannelPlan, now: int, longest: LongestWaits
) -> Iterator[None]:
    """Let nothing of a channel wait longer than it ever has to, slice by slice.

    A time further ahead was told by a clock that stood too far ahead, and is counted anew from now. Rows of
    a channel that is held may wait for longer: they come sooner then, which costs a probe.
    """
    with database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE warehouse_hold SET probe_at = ? WHERE channel_id = ? AND probe_at > ?",
            (now + longest.warehouse, channel_id, now + longest.warehouse),
        )
        connection.exec_driver_sql(_SHORTEN_PAUSE, {"channel": channel_id, "now": now, "most": longest.pause})
    ends = {
        "repetition": now + longest.repetition,
        "retry": now + longest.retry,
        "probe": now + longest.probe,
    }
    limits = {"channel": channel_id, "soonest": min(ends.values()), "rows": SLICE_ROWS, **ends}
    for warehouse in plan.warehouses:
        for risk in Risk:
            while _bring_some_near(database, {**limits, "warehouse": warehouse, "risk": risk}):
                yield
        yield from _bring_paused_near(database, {**limits, "warehouse": warehouse})


def _bring_some_near(database: Database, limits: dict[str, int | str]) -> bool:
    with database.write() as connection:
        far = [row[0] for row in connection.exec_driver_sql(_FAR, limits)]
        _bring(connection, limits, far)
    return bool(far)


def _bring_paused_near(database: Database, limits: dict[str, int | str]) -> Iterator[None]:
    """Do the same with what is paused: it must not wait for longer once it is not."""
    after = ""
    while True:
        with database.write() as connection:
            rows = connection.exec_driver_sql(_PAUSED, {**limits, "after": after}).fetchall()
            _bring(connection, limits, [identifier for identifier, far in rows if far])
        if not rows:
            return
        after = rows[-1][0]
        yield


def _bring(connection: Connection, limits: dict[str, int | str], identifiers: Sequence[str]) -> None:
    if identifiers:
        near = (limits["repetition"], limits["retry"], limits["probe"], limits["channel"])
        connection.exec_driver_sql(_BRING_NEAR, [(*near, one, limits["warehouse"]) for one in identifiers])


def put_off_repetitions(database: Database, channel_id: int, until: int, settling: int) -> Iterator[None]:
    """Let no repetition of a channel come before `until`, slice by slice.

    How long nothing ran cannot be told where the clock was set meanwhile: at a start, none is ripe.
    But one that was put off already is not put off again: a start every few minutes must not starve it.
    """
    while True:
        with database.write() as connection:
            keys = connection.exec_driver_sql(_TOO_SOON, (channel_id, until, settling, SLICE_ROWS)).fetchall()
            if not keys:
                return
            connection.exec_driver_sql(
                "UPDATE listing SET reassert_at = ?"
                " WHERE channel_id = ? AND identifier = ? AND warehouse = ?",
                [(until, channel_id, *key) for key in keys],
            )
        yield
