"""What was pushed when: sums over short stretches of time, for a graph. Costs the pushes of that time."""

from dataclasses import dataclass

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Stretch:
    """The pushes that began within a stretch of time, in rows; `begin` in ms since the epoch.

    `failed`: refused, or not known how it ended. `put_off`: throttled, and tried again. `waited_rows` of the
    accepted ones had changed `waited_ms` in all before they were confirmed.
    """

    begin: int
    requests: int
    accepted: int
    failed: int
    put_off: int
    waited_rows: int = 0
    waited_ms: int = 0


def pushed_by_stretch(connection: Connection, channel_id: int, *, since: int, length: int) -> list[Stretch]:
    """Sum up a channel's pushes since then, by stretches of `length` ms, without those that are empty."""
    rows = connection.exec_driver_sql(
        "SELECT (started_at - :since) / :length, count(*), sum(accepted), sum(rejected + unknown),"
        " sum(deferred)"
        " FROM push INDEXED BY push_by_channel"
        " WHERE channel_id = :channel AND id >= :first AND started_at >= :since GROUP BY 1 ORDER BY 1",
        {
            "since": since,
            "length": length,
            "channel": channel_id,
            "first": _first_since(connection, channel_id, since),
        },
    )
    return [Stretch(since + at * length, *sums) for at, *sums in rows]


def _first_since(connection: Connection, channel_id: int, since: int) -> int:
    """Find the first push since then by halving: ids grow with time, and times have no index."""
    low, high = connection.exec_driver_sql(
        "SELECT coalesce(min(id), 0), coalesce(max(id), 0) + 1 FROM push WHERE channel_id = ?", (channel_id,)
    ).one()
    while low < high:
        middle = (low + high) // 2
        found = connection.exec_driver_sql(
            "SELECT id, started_at FROM push WHERE channel_id = ? AND id >= ? ORDER BY id LIMIT 1",
            (channel_id, middle),
        ).one_or_none()
        if found is None or found[1] >= since:
            high = middle
        else:
            low = found[0] + 1
    return int(low)
