"""Times as people and programs read them. Kept times are ms since the epoch, UTC."""

from datetime import UTC, datetime


def rfc3339(at: int) -> str:
    """Write a time for programs: `2026-11-21T18:15:00Z`."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def duration(seconds: float) -> str:
    """Write a length of time for people: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`."""
    whole = max(round(seconds), 0)
    if whole < 100:  # noqa: PLR2004 (up to here seconds are easier to grasp)
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if not hours:
        return f"{minutes} min"
    if not days:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"


def ago(at: int, now: int) -> str:
    """Write how long ago something was, for people."""
    return f"{duration((now - at) / 1000)} ago"


def local(at: int, now: int) -> str:
    """Write a time for people, by the machine's own clock: `23:41:07`, on another day `11-24 23:41`."""
    then, today = (
        datetime.fromtimestamp(at / 1000).astimezone(),
        datetime.fromtimestamp(now / 1000).astimezone(),
    )
    if then.date() == today.date():
        return then.strftime("%H:%M:%S")
    return then.strftime("%m-%d %H:%M" if then.year == today.year else "%Y-%m-%d %H:%M")
