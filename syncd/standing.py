"""How everything stands, as plain values: what `syncd status --json` prints."""

import json
from typing import Any

from state import reports
from state.alerts import StandingAlert, standing_alerts
from state.database import Reader
from state.plan_standing import HeldPlan, RefusedPlan, held_plans, refused_plans
from state.records import Risk
from state.refused import refused_configuration
from state.reports import ChannelRow, ListingCounts, SourceRow
from syncd.config.model import ChannelConfig, Config, SourceConfig
from syncd.times import rfc3339

PACE_SECONDS = 60
_NOTHING = ListingCounts(0, 0, 0, 0, 0, 0, 0, dict.fromkeys(Risk, 0), None, None)
_NEVER_READ = SourceRow("", None, None, None, "", 0, 0, 0)


def standing_of(config: Config, reader: Reader, now: int) -> dict[str, Any]:
    """Tell how each configured channel and source is; those that never ran are all zeros."""
    with reader.read() as connection:
        known = {row.name: row for row in reports.channels(connection)}
        sources = {row.name: row for row in reports.sources(connection)}
        alerts = [_alert(alert) for alert in standing_alerts(connection)]
        held, unfit = held_plans(connection), refused_plans(connection)
        channels = {}
        for name, channel in config.channels.items():
            row = known.get(name)
            counts, accepted, holds = _NOTHING, 0, []
            if row is not None:
                counts = reports.count_listings(connection, row.id, now)
                accepted = reports.accepted_since(connection, row.id, now - PACE_SECONDS * 1000)
                holds = reports.warehouse_holds(connection, row.id)
            channels[name] = {
                **_counts(counts, asynchronous=channel.plugin.capabilities.asynchronous),
                "rows_per_second": round(accepted / PACE_SECONDS, 2),
                **_channel(channel, row, now),
                "plan": _plan(held.get(name), unfit.get(name)),
                "held_warehouses": [
                    {"warehouse": warehouse, "code": code, "message": message, "since": rfc3339(since)}
                    for warehouse, code, message, since in holds
                ],
            }
        refused = refused_configuration(connection)
    return {
        "configuration": {
            "refused": None if refused is None else {"at": rfc3339(refused[0]), "problems": refused[1]}
        },
        "channels": channels,
        "sources": {
            name: _source(source, sources.get(name, _NEVER_READ), now)
            for name, source in config.sources.items()
        },
        "alerts": alerts,
    }


def _counts(counts: ListingCounts, *, asynchronous: bool) -> dict[str, Any]:
    """Give the counts. `verified` + `accepted` = `in_sync`: an asynchronous marketplace only accepts.

    `paused` are among those `held`: a rule says to leave them alone.
    """
    return {
        "listings": counts.listings,
        "in_sync": counts.in_sync,
        "verified": 0 if asynchronous else counts.in_sync,
        "accepted": counts.in_sync if asynchronous else 0,
        "due": counts.due,
        "in_flight": counts.in_flight,
        "deferred": counts.deferred,
        "rejected": counts.rejected,
        "held": counts.held,
        "paused": counts.paused,
        "due_by_risk": {risk.name.lower(): count for risk, count in counts.due_by_risk.items()},
        "repetitions": counts.repetitions,
        "oldest_due_at": _time(counts.oldest_due),
        "next_attempt_at": _time(counts.next_wait),
    }


def _channel(channel: ChannelConfig, row: ChannelRow | None, now: int) -> dict[str, Any]:
    paused = None if row is None or (row.paused_until or 0) <= now else row.paused_until
    held = row is not None and row.held_at is not None
    return {
        "enabled": channel.enabled,
        "pushed_at": None if row is None else _time(row.pushed_at),
        "paused_until": _time(paused),
        "hold": {"since": _time(row.held_at), "code": row.hold_code, "message": row.hold_message}
        if row is not None and held
        else None,
    }


def _plan(held: HeldPlan | None, refused: RefusedPlan | None) -> dict[str, Any]:
    """Tell whether what is configured of a channel is in force; what is refused comes first."""
    said: dict[str, Any] = {
        "state": "in_force",
        "reason": "",
        "problems": [],
        "problem_count": 0,
        "import": None if held is None else held.import_id,
        "since": None,
    }
    if refused is not None:
        problems = [] if refused.by_hand else list(refused.problems)
        return {
            **said,
            "state": "refused",
            "reason": refused.problems[0],
            "problems": problems,
            "problem_count": 0 if refused.by_hand else refused.count,
            "since": rfc3339(refused.since),
        }
    if held is not None:
        return {**said, "state": "held", "reason": held.reason, "since": rfc3339(held.since)}
    return said


def _source(source: SourceConfig, row: SourceRow, now: int) -> dict[str, Any]:
    old = row.data_at is None or now - row.data_at > source.max_age * 1000
    return {
        "levels": row.levels,
        "missed": row.missed,
        "imports_held": row.imports_held,
        "data_at": _time(row.data_at),
        "read_at": _time(row.read_at),
        "too_old": old,
        "failing_since": _time(row.failing_since),
        "failure": row.failure,
    }


def _alert(alert: StandingAlert) -> dict[str, Any]:
    return {
        "kind": alert.kind,
        "subject": alert.subject,
        "severity": alert.severity,
        "message": alert.message,
        "since": rfc3339(alert.since),
        "raised_at": rfc3339(alert.raised_at),
        "details": json.loads(alert.details),
    }


def _time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)
