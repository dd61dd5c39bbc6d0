"""How alerts say what others said."""

LONGEST_REASON = 300


def reason(code: str, message: str) -> str:
    """Say what a marketplace gave as its reason."""
    return short(" ".join(text for text in (code, message) if text)) or "no reason is known"


def short(text: str) -> str:
    """Give a text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"


def megabytes(count: int) -> str:
    """Say a number of bytes."""
    return f"{count / 1e6:,.0f} MB"
