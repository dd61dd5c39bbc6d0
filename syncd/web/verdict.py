"""Whether all is well, else what is wrong and what to do: decided from how everything stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from syncd.times import duration

LONG_DUE_MS = 15 * 60 * 1000
"""Listings due for longer than this, on a channel that nothing holds up, are worth a look."""

TOLD_BY_ALERTS = frozenset(
    {"failures_many", "sold_out_waiting", "channel_unreachable", "clock_off", "disk_low", "state_lost"}
)
"""Alerts of what this page has no sentence of its own for."""


class Weight(StrEnum):
    """How much it matters."""

    ACT = "act"
    """Something stands still until a person acts."""
    LOOK = "look"
    """It wants a look, today or tomorrow."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong. `where`: the part of the page that tells more; `since`: RFC 3339 or None."""

    weight: Weight
    what: str
    remedy: str
    where: str
    since: str | None = None

    @property
    def in_words(self) -> str:
        """What is wrong, and what to do."""
        return f"{self.what}. {self.remedy}".rstrip()


@dataclass(frozen=True, slots=True)
class Judgement:
    """The sentence at the top, and what is wrong, the worst first."""

    sentence: str
    troubles: tuple[Trouble, ...]

    @property
    def first(self) -> Trouble | None:
        """The trouble that the sentence speaks of, if it speaks of one."""
        return self.troubles[0] if self.mood == Weight.ACT else None

    @property
    def others(self) -> tuple[Trouble, ...]:
        """The troubles that the sentence does not tell."""
        return self.troubles[1:] if self.first is not None else self.troubles

    @property
    def mood(self) -> str:
        """`act`, `look` or `well`."""
        return min((trouble.weight for trouble in self.troubles), default="well")


def judged(standing: Mapping[str, Any], held: Mapping[str, str], now: int) -> Judgement:
    """Judge how everything stands. `held`: by source, why its newest import is held."""
    told_late = frozenset(
        alert["subject"] for alert in standing["alerts"] if alert["kind"] == "sold_out_waiting"
    )
    troubles = [
        *_refused_reload(standing),
        *_alerts(standing),
        *(trouble for name, one in standing["sources"].items() for trouble in _source(name, one, held)),
        *(
            trouble
            for name, one in standing["channels"].items()
            for trouble in _channel(name, one, now, told_late)
        ),
    ]
    troubles.sort(key=lambda trouble: trouble.weight)  # "act" comes before "look"
    return Judgement(_sentence(troubles, standing["channels"]), tuple(troubles))


def _sentence(troubles: list[Trouble], channels: Mapping[str, Any]) -> str:
    urgent = [trouble for trouble in troubles if trouble.weight is Weight.ACT]
    if len(urgent) == 1:
        return urgent[0].in_words
    if urgent:
        return f"{len(urgent)} things need you. First: {urgent[0].in_words}"
    if troubles:
        rest = "1 thing is worth a look" if len(troubles) == 1 else f"{len(troubles)} things are worth a look"
        return f"Nothing stands still. {rest}."
    return _all_is_well(channels)


def _all_is_well(channels: Mapping[str, Any]) -> str:
    listings = sum(channel["listings"] for channel in channels.values())
    settled = sum(channel["in_sync"] for channel in channels.values())
    if not listings:
        return "All is well, and nothing has come in yet: drop an export into the folder of a source."
    paused = sum(channel["paused"] for channel in channels.values())
    left_alone = f" {paused:,} are paused by a rule, and left alone." if paused else ""
    if settled + paused < listings:
        under_way = listings - settled - paused
        return f"All is well: {under_way:,} of {listings:,} listings are on their way.{left_alone}"
    if paused:
        return f"All is well: {settled:,} of {listings:,} listings show what they should.{left_alone}"
    return f"All is well: all {listings:,} listings show what they should."


def _refused_reload(standing: Mapping[str, Any]) -> Iterator[Trouble]:
    refused = standing["configuration"]["refused"]
    if refused is not None:
        problems = "; ".join(refused["problems"])
        yield Trouble(
            Weight.ACT,
            f"The changed configuration was refused, the one before goes on: {problems}",
            "Mend it (syncd check tells all that is wrong), then reload again.",
            "summary",
            refused["at"],
        )


def _alerts(standing: Mapping[str, Any]) -> Iterator[Trouble]:
    for alert in standing["alerts"]:
        if alert["kind"] not in TOLD_BY_ALERTS:
            continue
        subject = alert["subject"]
        yield Trouble(
            Weight.ACT if alert["severity"] == "error" else Weight.LOOK,
            f"{alert['message'][:1].upper()}{alert['message'][1:]}".rstrip("."),
            "",
            f"channel-{subject}" if subject in standing["channels"] else "summary",
            alert["since"],
        )


def _source(name: str, source: Mapping[str, Any], held: Mapping[str, str]) -> Iterator[Trouble]:
    where = f"source-{name}"
    if source["imports_held"]:
        reason = f": {held[name]}" if held.get(name) else ""
        yield Trouble(
            Weight.ACT,
            f"An import of source {name} is held{reason}",
            "See what it would do, then approve or reject it.",
            "held-imports",
        )
    if source["failing_since"] is not None:
        yield Trouble(
            Weight.ACT,
            f"Source {name} cannot be read: {source['failure']}",
            "Its last good stock stays in effect. Mend that: it is read again by itself.",
            where,
            source["failing_since"],
        )
    if source["data_at"] is None:
        yield Trouble(Weight.LOOK, f"Nothing has come in from source {name}", "Drop an export.", where)
    elif source["too_old"]:
        yield Trouble(
            Weight.ACT,
            f"The stock of source {name} is older than its max_age",
            "See why no newer export comes: until then shops show old stock.",
            where,
            source["data_at"],
        )


def _channel(name: str, channel: Mapping[str, Any], now: int, told_late: frozenset[str]) -> Iterator[Trouble]:
    where = f"channel-{name}"
    if not channel["enabled"]:
        return
    hold = channel["hold"]
    if hold is not None:
        yield Trouble(
            Weight.ACT,
            f"Channel {name} is held, nothing is sent: {_said(hold)}",
            "Mend that, then try again at once with the button there.",
            where,
            hold["since"],
        )
    yield from _plan(name, channel["plan"], where)
    for one in channel["held_warehouses"]:
        yield Trouble(
            Weight.ACT,
            f"Warehouse {one['warehouse']} of channel {name} is held: {_said(one)}",
            "Mend that: it is tried again by itself, or with the button there.",
            where,
            one["since"],
        )
    if hold is None and channel["paused_until"] is None and name not in told_late:
        yield from _late(name, channel, now)
    if channel["rejected"]:
        count = channel["rejected"]
        yield Trouble(
            Weight.LOOK,
            f"{name} refuses {'1 listing' if count == 1 else f'{count:,} listings'}",
            "The failures below say why.",
            "failures",
        )


def _plan(name: str, plan: Mapping[str, Any], where: str) -> Iterator[Trouble]:
    if plan["import"] is not None:
        reason = f": {plan['reason']}" if plan["state"] == "held" else ""
        yield Trouble(
            Weight.ACT,
            f"An edit of what {name} shows is held{reason}",
            "See what it would do, then approve or reject it.",
            "held-imports",
            plan["since"] if plan["state"] == "held" else None,
        )
    if plan["state"] != "refused":
        return
    if not plan["problems"]:
        yield Trouble(
            Weight.LOOK,
            f"An edit of what {name} shows was rejected, and is still configured",
            "Take it back where it was made.",
            where,
            plan["since"],
        )
        return
    more = f" (and {plan['problem_count'] - 1:,} more)" if plan["problem_count"] > 1 else ""
    yield Trouble(
        Weight.ACT,
        f"What is configured of {name} is refused: {plan['problems'][0]}{more}",
        "Mend it: it is read again by itself. What was shown before stays.",
        where,
        plan["since"],
    )


def _late(name: str, channel: Mapping[str, Any], now: int) -> Iterator[Trouble]:
    oldest = channel["oldest_due_at"]
    if oldest is None or now - _ms(oldest) < LONG_DUE_MS:
        return
    sold_out = channel["due_by_risk"]["to_zero"]
    some = f", {sold_out:,} of them sold out" if sold_out else ""
    yield Trouble(
        Weight.ACT if sold_out else Weight.LOOK,
        f"On {name}, {channel['due']:,} listings are due{some}, the oldest for"
        f" {duration((now - _ms(oldest)) / 1000)}",
        "If this does not shrink, the marketplace does not answer: the log says how.",
        f"channel-{name}",
        oldest,
    )


def _said(hold: Mapping[str, Any]) -> str:
    code, message = hold["code"], hold["message"]
    return str(message if message.startswith(code) else f"{code} {message}".strip())


def _ms(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1000)
