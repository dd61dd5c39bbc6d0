"""What an answer means for each row of a push. One table, no effects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.contract import Answer, Identifier, Outcome, OutcomeKind, Reason
from connectors.errors import AnswerUnusable, BatchRefused, ConnectorError, Effect
from state.records import After, Attempt, Refusal, Settlement
from syncd.core.addressing import update_of
from syncd.core.backoff import listing_delay

PROBE_UNLISTED_MS = 24 * 3_600_000
AFTER = {
    Effect.NONE: After.UNTOUCHED,
    Effect.UNCERTAIN: After.UNCERTAIN,
    Effect.AMBIGUOUS: After.AMBIGUOUS,
}


@dataclass(frozen=True, slots=True)
class Moment:
    """When an answer is judged (ms since the epoch), and the dice for the waits that follow."""

    now: int
    chance: Callable[[], float]


def settle_answer(attempts: Sequence[Attempt], answer: Answer, moment: Moment) -> list[Settlement]:
    """Judge each row by the outcome that answers it; a row without exactly one outcome is unknown."""
    answers: dict[tuple[Identifier, str], list[Outcome]] = {}
    for outcome in answer.outcomes:
        answers.setdefault((outcome.update.listed_as, outcome.update.warehouse), []).append(outcome)
    settlements = []
    for attempt in attempts:
        found = answers.get((update_of(attempt).listed_as, attempt.warehouse), [])
        if len(found) == 1 and found[0].update.quantity == attempt.quantity:
            settlements.append(_settle(attempt, found[0], len(attempts), moment))
        else:
            settlements.append(
                _unknown(attempt, "", "the answer does not name this row", len(attempts), moment)
            )
    return settlements


def _settle(attempt: Attempt, outcome: Outcome, size: int, moment: Moment) -> Settlement:
    match outcome.kind:
        case OutcomeKind.ACCEPTED:
            return Settlement(attempt, After.CONFIRMED, outcome.kind)
        case OutcomeKind.DEFERRED:
            return Settlement(
                attempt, After.UNTOUCHED, outcome.kind, outcome.reason, outcome.code, outcome.message
            )
        case OutcomeKind.REJECTED:
            return _rejected(attempt, outcome.reason, outcome.code, outcome.message, moment)
        case OutcomeKind.UNKNOWN:
            return _unknown(attempt, outcome.code, outcome.message, size, moment)


def _rejected(attempt: Attempt, reason: Reason, code: str, message: str, moment: Moment) -> Settlement:
    """A row that the marketplace does not know is probed once a day; any other waits for another quantity."""
    unlisted = reason in {Reason.NOT_LISTED, Reason.WAREHOUSE}
    return Settlement(
        attempt,
        After.UNTOUCHED,
        OutcomeKind.REJECTED,
        reason,
        code,
        message,
        charged=True,
        refusal=Refusal.NOT_LISTED if unlisted else Refusal.QUANTITY,
        not_before=moment.now + PROBE_UNLISTED_MS if unlisted else None,
    )


def _unknown(attempt: Attempt, code: str, message: str, size: int, moment: Moment) -> Settlement:
    """Back off; from the second time on travel in smaller batches, down to alone."""
    failures = attempt.failures + 1
    return Settlement(
        attempt,
        After.UNCERTAIN,
        OutcomeKind.UNKNOWN,
        Reason.UNANSWERED,
        code,
        message,
        charged=True,
        not_before=moment.now + int(listing_delay(failures, moment.chance()) * 1000),
        batch_limit=max(1, size // 2) if failures > 1 else None,
    )


def settle_error(attempts: Sequence[Attempt], error: ConnectorError, moment: Moment) -> list[Settlement]:
    """Judge the rows of a call that failed as a whole."""
    if isinstance(error, AnswerUnusable):
        return [_unknown(a, error.code, error.message, len(attempts), moment) for a in attempts]
    if isinstance(error, BatchRefused):
        return _refused_batch(attempts, error, moment)
    outcome = OutcomeKind.DEFERRED if error.effect is Effect.NONE else OutcomeKind.UNKNOWN
    return [Settlement(a, AFTER[error.effect], outcome, "", error.code, error.message) for a in attempts]


def _refused_batch(attempts: Sequence[Attempt], error: BatchRefused, moment: Moment) -> list[Settlement]:
    """Halve a refused batch until the culprit stands alone; alone, it is rejected."""
    if len(attempts) == 1:
        return [_rejected(attempts[0], Reason.QUANTITY, error.code, error.message, moment)]
    half = (len(attempts) + 1) // 2
    return [
        Settlement(
            attempt,
            After.UNTOUCHED,
            OutcomeKind.DEFERRED,
            "",
            error.code,
            error.message,
            batch_limit=half,
        )
        for attempt in attempts
    ]


def refuse_locally(attempt: Attempt, code: str, message: str) -> Settlement:
    """Reject a row that the connector cannot carry, without asking."""
    return Settlement(
        attempt,
        After.UNTOUCHED,
        OutcomeKind.REJECTED,
        Reason.NOT_LISTED,
        code,
        message,
        charged=True,
        refusal=Refusal.NOT_LISTED,
    )
