"""Marketplaces in a dict that misbehave on purpose, each in one way."""

import asyncio
from dataclasses import replace

from connectors.contract import Outcome, OutcomeKind, Reason
from connectors.errors import AuthenticationExpired
from connectors.memory import CAPABILITIES, MemoryConnector, MemoryMarketplace, plugin


class Guarded(MemoryMarketplace):
    """Refuses what it is told to refuse, before anything takes effect; `arrivals`: when, how many rows."""

    def __init__(self, *, refuse=lambda _: None):
        super().__init__()
        self.refuse = refuse
        self.arrivals: list[tuple[float, int]] = []

    def receive(self, updates):
        self.arrivals.append((asyncio.get_running_loop().time(), len(updates)))
        error = self.refuse(updates)
        if error:
            self.received.append(tuple(updates))
            raise error
        return super().receive(updates)

    def connect(self):
        return MemoryConnector(self)

    def plugin(self, account="memory", *, capabilities=CAPABILITIES):
        return replace(
            plugin,
            capabilities=capabilities,
            account=lambda _: account,
            connect=lambda _settings, _surroundings: self.connect(),
        )


class Forgetful(Guarded):
    """Applies all, but leaves calls with more than so many rows half answered."""

    def __init__(self, *, rows):
        super().__init__()
        self.rows = rows

    def receive(self, updates):
        outcomes = super().receive(updates)
        if len(updates) <= self.rows:
            return outcomes
        return tuple(
            Outcome(outcome.update, OutcomeKind.UNKNOWN, Reason.UNANSWERED) if index % 2 else outcome
            for index, outcome in enumerate(outcomes)
        )


class Silent(Guarded):
    """Says nothing of the SKUs that it is silent about."""

    def __init__(self, *skus):
        super().__init__()
        self.about = set(skus)

    def receive(self, updates):
        return tuple(
            Outcome(outcome.update, OutcomeKind.UNKNOWN, Reason.UNANSWERED)
            if outcome.update.sku in self.about
            else outcome
            for outcome in super().receive(updates)
        )


class Throttling(Guarded):
    """Defers every row so many times."""

    def __init__(self, *, times):
        super().__init__()
        self.times = times

    def receive(self, updates):
        if len(self.received) >= self.times:
            return super().receive(updates)
        self.received.append(tuple(updates))
        return tuple(Outcome(update, OutcomeKind.DEFERRED, Reason.THROTTLED) for update in updates)


class Renewing(Guarded):
    """Refuses every call until it is renewed, which helps once it is `renewable`; `fault` breaks it."""

    def __init__(self, *, renewable=True, fault=None):
        super().__init__(refuse=lambda _: None if self.authorised else AuthenticationExpired("expired"))
        self.renewable, self.fault = renewable, fault
        self.authorised = False
        self.renewals = 0

    def connect(self):
        return _Renewable(self)


class _Renewable(MemoryConnector):
    async def renew(self):
        self.marketplace.renewals += 1
        if self.marketplace.fault is not None:
            raise self.marketplace.fault
        self.marketplace.authorised = self.marketplace.renewable


class Slow(Guarded):
    """Takes its time for every answer."""

    def __init__(self, *, seconds):
        super().__init__()
        self.seconds = seconds

    def connect(self):
        return _Lingering(self)


class _Lingering(MemoryConnector):
    async def push(self, updates, /):
        await asyncio.sleep(self.marketplace.seconds)
        return await super().push(updates)
