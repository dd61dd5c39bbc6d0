"""What goes wrong in a simulation, and how often; each seed weighs the faults anew."""

import random

from connectors.sandbox.faults import Call, Effect, Fault, FaultKind, Faults

SETTLING = 120
"""`reassert_after` of the channels. No request is under way for longer than that, whatever happens to it."""
BY_NAME = "try another"
"""What a row is told that is refused by its name."""

WEIGHTS = (0, 0, 0.3, 1, 3, 10)
MOST = 0.5
FAULTS = {
    "latency": (0.3, Fault(kind=FaultKind.LATENCY, before=0.03, after=1.5)),
    "slow": (0.05, Fault(kind=FaultKind.LATENCY, before=0.03, after=20)),
    "unavailable": (0.05, Fault(kind=FaultKind.STATUS, status=503)),
    "unavailable, told": (0.02, Fault(kind=FaultKind.STATUS, status=503, headers={"Retry-After": "9"})),
    "failed, applied": (0.02, Fault(kind=FaultKind.STATUS, status=500, effect=Effect.NOW)),
    "bad gateway": (0.03, Fault(kind=FaultKind.STATUS, status=502, effect=Effect.LATE, delay=50)),
    "timeout, late": (0.03, Fault(kind=FaultKind.HANG, effect=Effect.LATE, delay=SETTLING - 35)),
    "timeout, lost": (0.02, Fault(kind=FaultKind.HANG, effect=Effect.NONE)),
    "reset, applied": (0.04, Fault(kind=FaultKind.RESET, effect=Effect.NOW)),
    "reset": (0.03, Fault(kind=FaultKind.RESET)),
    "cut off": (0.03, Fault(kind=FaultKind.RESET_MIDWAY)),
    "web page": (0.02, Fault(kind=FaultKind.GARBAGE)),
    "web page, not applied": (0.02, Fault(kind=FaultKind.GARBAGE, effect=Effect.NONE)),
    "truncated": (0.02, Fault(kind=FaultKind.TRUNCATED)),
    "row missing": (0.04, Fault(kind=FaultKind.ROW_MISSING)),
    "row missing, none applied": (0.02, Fault(kind=FaultKind.ROW_MISSING, effect=Effect.NONE)),
    "miscount": (0.02, Fault(kind=FaultKind.MISCOUNT)),
    "miscount, not applied": (0.02, Fault(kind=FaultKind.MISCOUNT, effect=Effect.NONE)),
    "rows refused": (0.02, Fault(kind=FaultKind.ROWS_REFUSED, message=BY_NAME, code="INV_099")),
    "rows throttled": (0.02, Fault(kind=FaultKind.ROWS_REFUSED, message="ERR_TOO_MANY_REQUEST", code="RATE_1")),
    "poison": (0.05, Fault(kind=FaultKind.STATUS, status=400, sku="SKU-0")),
    "too large": (0.02, Fault(kind=FaultKind.STATUS, status=413)),
    "throttled": (0.03, Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": "7"})),
    "throttled, untold": (0.02, Fault(kind=FaultKind.STATUS, status=429)),
    "token": (0.02, Fault(kind=FaultKind.TOKEN_EXPIRED, marketplace="tokopedia")),
    "no token": (0.05, Fault(kind=FaultKind.STATUS, status=500, call=Call.TOKEN)),
    "refused": (0.002, Fault(kind=FaultKind.STATUS, status=403)),
    "clock": (0.02, Fault(kind=FaultKind.CLOCK_SKEW, skew=900, marketplace="tocobagus")),
    "overtaken": (0.05, Fault(kind=FaultKind.LATE, delay=60, marketplace="tocobagus")),
}  # fmt: skip


def unleash(faults: Faults, dice: random.Random) -> None:
    """Let each fault happen at its rate, weighed by the dice: some storm, some rest."""
    for rate, fault in FAULTS.values():
        chance = min(rate * dice.choice(WEIGHTS), MOST)
        if chance:
            faults.at_random(chance, fault)
