"""What becomes of a listing's other fields when it is to show something else, in SQL."""

from typing import Final

from state.records import Refusal

CHANGED_AT: Final = (
    # While it was paused it did not wait.
    "CASE WHEN paused > {paused} THEN {now}"
    " WHEN changed OR desired = {desired} THEN changed_at ELSE {now} END"
)
REFUSAL: Final = (
    f"CASE WHEN refusal = '{Refusal.QUANTITY}' AND desired <> {{desired}} THEN NULL ELSE refusal END"
)
NOT_BEFORE: Final = f"CASE WHEN desired = {{desired}} OR refusal = '{Refusal.NOT_LISTED}' THEN not_before END"
