"""What is asked before something large is done: how much it is, and how long it takes."""

from dataclasses import dataclass

from syncd.app import App
from syncd.times import duration
from syncd.web.forms import Wanted
from syncd.web.overview import HeldImport, Overview
from syncd.web.rendering import plural, since_words


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its figures. `button` says what happens; `grave`: it cannot be taken back."""

    title: str
    facts: list[str]
    button: str
    fields: dict[str, str]
    grave: bool = False
    held: HeldImport | None = None


def question_of(wanted: Wanted, overview: Overview, app: App) -> Question | None:
    """Ask whether it is really wanted; None where there is nothing (any more) to do it to."""
    if wanted.verb in {"approve", "reject"}:
        held = next((one for one in overview.held if one.detail.id == wanted.parameters["id"]), None)
        if held is None:
            return None
        if held.detail.is_plan:
            return _about_plan(wanted.verb, held, app)
        source = app.config.sources.get(held.detail.source)
        return _about_import(wanted.verb, held, "keep" if source is None else source.missing)
    names = wanted.parameters["channels"]
    if len(names) != 1 or names[0] not in app.lanes:
        return None
    if wanted.verb == "retry":
        return _about_retry(names[0], overview)
    return _about_reconcile(names[0], overview, app, full=bool(wanted.parameters.get("full")))


def _about_import(verb: str, held: HeldImport, missing: str) -> Question:
    detail = held.detail
    if verb == "reject":
        stays = [f"{plural(detail.decreased, 'decrease')} of it took effect already, and stay."]
        return Question(
            f"Reject import {detail.id}, {detail.name}?",
            [
                f"None of its {plural(detail.rows, 'row')} takes effect. The stock from before stays.",
                "Its file goes to the folder rejected/.",
                *(stays if detail.decreased else []),
            ],
            f"Reject import {detail.id}",
            {"id": str(detail.id)},
            held=held,
        )
    touched = detail.new + detail.up + detail.down + detail.zeroed
    return Question(
        f"Approve import {detail.id}, {detail.name}?",
        [
            (
                f"It changes {plural(touched, 'stock level')} at once: {detail.zeroed:,} to zero,"
                f" {detail.down:,} down, {detail.up:,} up, {detail.new:,} new."
            ),
            *([_about_missing(detail.missing, missing)] if detail.missing else []),
            f"Units: {detail.units_before:,} before, {detail.units_after:,} in it.",
            f"It was held because: {detail.reason}",
        ],
        f"Approve import {detail.id}",
        {"id": str(detail.id)},
        grave=True,
        held=held,
    )


def _about_plan(verb: str, held: HeldImport, app: App) -> Question:
    """Ask about an edit of what a channel shows: it speaks of listings, and changes no stock."""
    detail = held.detail
    if verb == "reject":
        return Question(
            f"Reject the edit of what {detail.channel} shows?",
            [
                f"None of it takes effect: {detail.channel} goes on showing what it shows.",
                "It still stands where it was made: take it back there, or edit it again.",
            ],
            f"Reject import {detail.id}",
            {"id": str(detail.id)},
            held=held,
        )
    touched = detail.new + detail.up + detail.down + detail.zeroed
    gone = (
        f"{plural(detail.newly_missing, 'listing')} {'is' if detail.newly_missing == 1 else 'are'} not sold"
        f" there any more, {detail.missing:,} of them above zero: what is shown of them stays, set it to zero"
        " there."
    )
    lane = app.lanes.get(detail.channel)
    seconds = None if lane is None else lane.pacer.seconds_for(touched)
    takes = "" if seconds is None else f" That takes about {duration(seconds)} at the present pace."
    return Question(
        f"Approve the edit of what {detail.channel} shows?",
        [
            (
                f"It changes {plural(touched, 'listing')} at once: {detail.zeroed:,} to zero,"
                f" {detail.down:,} down, {detail.up:,} up, {detail.new:,} new.{takes}"
            ),
            *([gone] if detail.newly_missing else []),
            *(f"{note[:1].upper()}{note[1:]}." for note in detail.notes.splitlines()),
            f"Units shown: {detail.units_before:,} before, {detail.units_after:,} then.",
            f"It was held because: {detail.reason}",
        ],
        f"Approve import {detail.id}",
        {"id": str(detail.id)},
        grave=True,
        held=held,
    )


def _about_missing(count: int, missing: str) -> str:
    fate = 'missing = "zero" takes them to zero' if missing == "zero" else "their stock stays as it is"
    return f"{plural(count, 'stock level')} above zero {'is' if count == 1 else 'are'} not in it: {fate}."


def _about_retry(name: str, overview: Overview) -> Question:
    channel = overview.standing["channels"][name]
    failed = channel["rejected"] + channel["deferred"] + channel["held"]
    return Question(
        f"Retry all that failed on {name}?",
        [f"Up to {plural(failed, 'listing')} are sent again now, within the channel's pace."],
        f"Retry all on {name}",
        {"channel": name},
    )


def _about_reconcile(name: str, overview: Overview, app: App, *, full: bool) -> Question:
    channel = overview.standing["channels"][name]
    rows = channel["listings"] if full else channel["due"]
    seconds = app.lanes[name].pacer.seconds_for(rows)
    takes = "" if seconds is None else f" That takes about {duration(seconds)} at the present pace."
    if not full:
        return Question(
            f"Reconcile {name} now?",
            [
                "Its sources are read now, and what is due is pushed.",
                f"{plural(rows, 'listing')} are due as of now.{takes}",
            ],
            f"Reconcile {name}",
            {"channel": name},
        )
    sources, now = overview.standing["sources"], overview.now
    ages = [
        f"Source {source}: its stock is from {since_words(sources[source]['data_at'], now)}."
        for source in app.config.channels[name].sources
    ]
    return Question(
        f"Send everything to {name} anew?",
        [
            f"All {plural(rows, 'listing')} are sent again, also those in sync.{takes}",
            "Sales that the marketplace has counted and your export has not yet are overwritten.",
            *ages,
            "Where a source's stock is older than its max_age, this is refused.",
        ],
        f"Send all {rows:,} anew",
        {"channel": name},
        grave=True,
    )
