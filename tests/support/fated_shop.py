"""A marketplace where each request has a fate: when it takes effect, if it does, and what comes back."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from connectors.contract import Answer, Outcome, OutcomeKind, Reason, StockUpdate
from connectors.errors import (
    AnswerUnusable,
    AuthenticationExpired,
    BatchRefused,
    ChannelRefused,
    ConnectorError,
    Effect,
    Throttled,
    TryLater,
)
from connectors.memory import CAPABILITIES, MemoryConnector, plugin

SETTLING = 60.0
TIMEOUT = 30.0
QUICK = 0.2
LATE = SETTLING - 1

Kinds = Callable[[int, int], OutcomeKind | None]
"""What the row of an index comes to in a request of so many rows; None = the answer does not name it."""
TAKEN = {OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN, None}


def all_accepted(_index: int, _rows: int) -> OutcomeKind:
    return OutcomeKind.ACCEPTED


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one request. `effect`: after how many seconds it is applied, None = never.

    `end`: after how many seconds the caller knows; `error`: what it knows then, or else what `kinds` say.
    """

    name: str
    effect: float | None = QUICK
    end: float = 2 * QUICK
    error: ConnectorError | None = None
    kinds: Kinds = all_accepted
    only_batches: bool = False
    """A request of one row is well all the same."""


def _timed_out() -> TryLater:
    return TryLater("no answer", effect=Effect.AMBIGUOUS)


def _mixed(turn: int) -> Fate:
    kinds = (OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, None, OutcomeKind.DEFERRED)
    return Fate(f"partial {turn}", kinds=lambda index, _: kinds[(index + turn) % 4])


WELL = Fate("well")
APPLIED_UNANSWERED = Fate("applied, answer lost", end=TIMEOUT, error=_timed_out())
APPLIED_LATE = Fate("applied late", effect=LATE, end=TIMEOUT, error=_timed_out())
NO_ANSWER = (
    Fate("lost", effect=None, end=TIMEOUT, error=_timed_out()),
    APPLIED_UNANSWERED,
    APPLIED_LATE,
    Fate("502, applied late", effect=LATE, error=TryLater("502", status=502, effect=Effect.AMBIGUOUS)),
    Fate("reset, applied", error=TryLater("reset", effect=Effect.AMBIGUOUS)),
)
REFUSALS = (
    Fate("connection refused", effect=None, error=TryLater("refused", effect=Effect.NONE)),
    Fate("503", effect=None, error=TryLater("503", status=503)),
    Fate("503, applied", error=TryLater("503", status=503)),
    Fate("429", effect=None, error=Throttled("429", retry_after=7.0)),
    Fate("rows throttled", effect=None, kinds=lambda *_: OutcomeKind.DEFERRED),
    Fate("batch refused", effect=None, error=BatchRefused("400"), only_batches=True),
    Fate("token expired", effect=None, error=AuthenticationExpired("401")),
    Fate("channel refused", effect=None, error=ChannelRefused("403")),
)
UNUSABLE = (
    Fate("garbage, applied", error=AnswerUnusable("a web page")),
    Fate("garbage, not applied", effect=None, error=AnswerUnusable("a web page")),
    Fate("rows unanswered", kinds=lambda *_: None),
)
PARTIAL = tuple(_mixed(turn) for turn in range(4))
ACCEPTED_LATE = Fate("accepted, applied late", effect=LATE)
UNTOLD_LATE = Fate("rows unanswered, applied late", effect=LATE, kinds=lambda *_: None)


@dataclass(frozen=True, slots=True)
class Sent:
    """A row that left, when (seconds of virtual time)."""

    at: float
    sku: str
    quantity: int


@dataclass(slots=True)
class FatedShop:
    """`fates` are those of the first requests, in turn; all later ones are well.

    `positives` are the attempts (id, SKU, quantity) that an answer which reached the caller has accepted.
    """

    fates: tuple[Fate, ...] = ()
    stock: dict[str, int] = field(default_factory=dict)
    on_the_way: list[tuple[float, str, int]] = field(default_factory=list)
    positives: set[tuple[int, str, int]] = field(default_factory=set)
    sent: list[Sent] = field(default_factory=list)
    requests: int = 0
    busy: set[str] = field(default_factory=set)
    wrongs: list[str] = field(default_factory=list)
    now: Callable[[], float] = lambda: 0.0
    intents: Callable[[], dict[str, tuple[int, int]]] = dict
    """By SKU the attempt and quantity that the state's files hold as in flight."""
    note: Callable[[str], None] = lambda _: None
    may_be_sent: Callable[[str, int], bool] = lambda _sku, _quantity: True

    def copy(self) -> "FatedShop":
        """As it is for whoever comes after a crash: what is on the way still arrives."""
        return replace(
            self,
            stock=dict(self.stock),
            on_the_way=list(self.on_the_way),
            positives=set(self.positives),
            sent=list(self.sent),
            busy=set(),
            wrongs=[],
        )

    def arrive(self) -> None:
        """Let what is due by now take effect."""
        now = self.now()
        self.on_the_way.sort(key=lambda one: one[0])
        while self.on_the_way and self.on_the_way[0][0] <= now:
            _, sku, quantity = self.on_the_way.pop(0)
            self.stock[sku] = quantity

    def plugin(self, capabilities=CAPABILITIES):
        return replace(
            plugin,
            capabilities=capabilities,
            account=lambda _: "fated",
            connect=lambda _settings, _surroundings: _FatedConnector(self),
        )

    def leave(self, updates) -> tuple[Fate, dict[str, tuple[int, int]]]:
        """Note a request at the moment when its bytes leave."""
        fate = self.fates[self.requests] if self.requests < len(self.fates) else WELL
        if fate.only_batches and len(updates) == 1:
            fate = WELL
        self.requests += 1
        intents = self.intents()
        for index, update in enumerate(updates):
            self._check(update, intents)
            self.busy.add(update.sku)
            self.sent.append(Sent(self.now(), update.sku, update.quantity))
            if fate.effect is not None and fate.kinds(index, len(updates)) in TAKEN:
                self.on_the_way.append((self.now() + fate.effect, update.sku, update.quantity))
        self.note("request left")
        return fate, intents

    def _check(self, update: StockUpdate, intents: dict[str, tuple[int, int]]) -> None:
        if update.sku in self.busy:
            self.wrongs.append(f"{update.sku} is under way twice")
        if update.sku not in intents or intents[update.sku][1] != update.quantity:
            self.wrongs.append(f"{update} left, its intent is {intents.get(update.sku)}")
        if not self.may_be_sent(update.sku, update.quantity):
            self.wrongs.append(f"{update} left, which nobody says")


class _FatedConnector(MemoryConnector):
    async def push(self, updates, /):
        shop = self.marketplace
        try:
            fate, intents = shop.leave(updates)
            await asyncio.sleep(QUICK)
            shop.arrive()
            shop.note("request arrived")
            await asyncio.sleep(fate.end - QUICK)
            shop.arrive()
            shop.note("request ends")
            if fate.error is not None:
                raise _anew(fate.error)  # noqa: TRY301
            kinds = [fate.kinds(index, len(updates)) for index in range(len(updates))]
            shop.positives |= {
                (intents[update.sku][0], update.sku, update.quantity)
                for update, kind in zip(updates, kinds, strict=True)
                if kind is OutcomeKind.ACCEPTED and update.sku in intents
            }
        except ConnectorError:
            raise
        except Exception as fault:
            shop.wrongs.append(f"the shop itself failed: {fault!r}")
            raise
        finally:
            shop.busy -= {update.sku for update in updates}
        return Answer(
            tuple(_outcome(*pair) for pair in zip(updates, kinds, strict=True) if pair[1] is not None)
        )


def _outcome(update: StockUpdate, kind: OutcomeKind) -> Outcome:
    reasons = {OutcomeKind.REJECTED: Reason.QUANTITY, OutcomeKind.DEFERRED: Reason.THROTTLED}
    return Outcome(update, kind, reasons.get(kind, Reason.NONE))


def _anew(error: ConnectorError) -> ConnectorError:
    """A copy: an exception that is raised keeps its traceback, and with it what it refers to."""
    copied = type(error)(error.message)
    copied.status, copied.effect = error.status, error.effect
    if isinstance(error, Throttled):
        copied.retry_after = error.retry_after
    return copied
