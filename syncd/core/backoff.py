"""How long to wait before the next try: doubled each time, spread by chance, never beyond a bound."""

CHANNEL_BASE_SECONDS = 0.5
CHANNEL_MOST_SECONDS = 60.0
LISTING_BASE_SECONDS = 5.0
LISTING_MOST_SECONDS = 900.0


def full_jitter(failures: int, *, base: float, most: float, chance: float) -> float:
    """Give the seconds to wait after so many failures in a row (one or more); `chance` in [0, 1).

    Full jitter: anything between nothing and the doubled bound, so that many who failed together do not
    come back together.
    """
    doublings = min(max(failures, 1) - 1, 62)
    return chance * min(most, base * 2.0**doublings)


def channel_delay(failures: int, chance: float) -> float:
    """Give the seconds to leave a marketplace alone that is down."""
    return full_jitter(failures, base=CHANNEL_BASE_SECONDS, most=CHANNEL_MOST_SECONDS, chance=chance)


def listing_delay(failures: int, chance: float) -> float:
    """Give the seconds to leave a listing alone whose answers prove nothing; at least half the base."""
    wait = full_jitter(failures, base=LISTING_BASE_SECONDS, most=LISTING_MOST_SECONDS, chance=chance)
    return LISTING_BASE_SECONDS / 2 + wait
