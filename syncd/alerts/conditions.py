"""What is wrong, from what was observed at one moment. Pure: times in ms since the epoch.

Each trouble has its kind, whom it is about, since when, and one sentence that says what to do. Values that
move have two bounds: one that raises an alert and a lower one below which it is over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from state.plan_standing import PLAN_OF, HeldPlan, RefusedPlan
from state.troubles import HeldBack, HeldImports, SoldOut, SourceHealth
from syncd.alerts.words import megabytes, reason, short
from syncd.app import Refused
from syncd.config.alerts import AlertsConfig
from syncd.core.alerting import Key, Severity, Trouble
from syncd.times import duration

FAILING_WAIT_MS = 5 * 60_000
CLOCK_WAIT_MS = 60_000
PLAN_WAIT_MS = 10_000
"""A file that is just being written may be read by halves once."""
SHORT_CALM_MS = 10_000
"""Of what is either so or not."""
LONG_CALM_MS = 120_000
"""Of what may come and go."""
LOWER_BOUND = 0.8
"""Of a bound: below it a value that was beyond it is well again."""
MORE_FREE = 1.2
"""So much more than the bound must be free again."""
PARTS_PER_MILLION = 1_000_000

ERROR, WARNING = Severity.ERROR, Severity.WARNING


@dataclass(frozen=True, slots=True)
class Down:
    """A marketplace that does not answer: since when, and what it said last."""

    since: int
    reason: str


@dataclass(frozen=True, slots=True)
class Disk:
    """Where the state lies, and how many bytes are free there; None where that cannot be told."""

    folder: str
    free: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything that alerts are about, at one moment.

    `max_age` by source in seconds. `refused` by channel: listings refused, and all. `clock_offsets` by
    channel in seconds: how far the marketplace's clock is ahead of ours, None while nothing tells.
    """

    now: int
    started_at: int
    held_back: list[HeldBack] = field(default_factory=list)
    held_imports: list[HeldImports] = field(default_factory=list)
    held_plans: list[HeldPlan] = field(default_factory=list)
    refused_plans: list[RefusedPlan] = field(default_factory=list)
    sources: list[SourceHealth] = field(default_factory=list)
    max_age: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    sold_out: Mapping[str, SoldOut] = field(default_factory=dict)
    down: Mapping[str, Down] = field(default_factory=dict)
    clock_offsets: Mapping[str, float | None] = field(default_factory=dict)
    disk: Disk | None = None
    reload_refused: Refused | None = None
    is_catching_up: bool = False


def troubles(seen: Observation, bounds: AlertsConfig) -> list[Trouble]:
    """List what is wrong."""
    return [
        *map(_held, seen.held_back),
        *map(_held_import, seen.held_imports),
        *map(_held_plan, seen.held_plans),
        *map(_refused_plan, seen.refused_plans),
        *_sources(seen),
        *_refused(seen, bounds.failed_share),
        *_sold_out(seen, bounds.sold_out_wait),
        *_down(seen, bounds.unreachable_wait),
        *_clock(seen, bounds.clock_offset),
        *_disk(seen, bounds.disk_free),
        *_ourselves(seen),
    ]


def unknown(seen: Observation) -> set[Key]:
    """List what may be wrong or not: nothing tells at this moment."""
    clocks = {("clock_off", channel) for channel, offset in seen.clock_offsets.items() if offset is None}
    disks = {("disk_low", seen.disk.folder)} if seen.disk is not None and seen.disk.free is None else set()
    return clocks | disks


def _held(held: HeldBack) -> Trouble:
    whole = held.warehouse is None
    who = f"channel {held.channel}" if whole else f"warehouse {held.warehouse} of channel {held.channel}"
    remedy = f"mend that, then run `syncd retry --channel {held.channel}`"
    return Trouble(
        kind="channel_held" if whole else "warehouse_held",
        subject=held.channel if whole else f"{held.channel}/{held.warehouse}",
        severity=ERROR,
        message=f"{who} is held, nothing is pushed to it ({reason(held.code, held.message)}): {remedy}",
        since=held.since,
        calm=SHORT_CALM_MS,
        details={
            "channel": held.channel,
            "warehouse": held.warehouse,
            "code": held.code,
            "reason": held.message,
        },
    )


def _held_import(held: HeldImports) -> Trouble:
    more = f" (and {held.count - 1} more)" if held.count > 1 else ""
    return Trouble(
        kind="import_held",
        subject=held.source,
        severity=ERROR,
        message=(
            f"import {held.newest} of source {held.source}{more} is held ({short(held.reason)}): look at it"
            f" with `syncd imports show {held.newest}`, then approve or reject it"
        ),
        since=held.since,
        calm=SHORT_CALM_MS,
        details={
            "source": held.source,
            "import": held.newest,
            "name": held.name,
            "reason": held.reason,
            "held": held.count,
        },
    )


def _held_plan(held: HeldPlan) -> Trouble:
    """An edit of what a channel shows waits like a file, and is told under the same kind."""
    return Trouble(
        kind="import_held",
        subject=f"{PLAN_OF}{held.channel}",
        severity=ERROR,
        message=(
            f"import {held.import_id}, an edit of what channel {held.channel} shows, is held"
            f" ({short(held.reason)}): look at it with `syncd imports show {held.import_id}`, then approve or"
            " reject it"
        ),
        since=held.since,
        calm=SHORT_CALM_MS,
        details={
            "source": f"{PLAN_OF}{held.channel}",
            "channel": held.channel,
            "import": held.import_id,
            "name": held.name,
            "reason": held.reason,
            "held": 1,
        },
    )


def _refused_plan(refused: RefusedPlan) -> Trouble:
    first, more = refused.problems[0], refused.count - 1
    others = f", and {more:,} more" if more > 0 else ""
    return Trouble(
        kind="plan_refused",
        subject=refused.channel,
        severity=WARNING,
        message=(
            f"what is configured of channel {refused.channel} cannot be followed, and what it showed before"
            f" stays ({short(first)}{others}): mend it, `syncd plan` tells all that is wrong"
        ),
        since=refused.since,
        wait=PLAN_WAIT_MS,
        calm=SHORT_CALM_MS,
        details={"channel": refused.channel, "problems": list(refused.problems), "count": refused.count},
    )


def _sources(seen: Observation) -> Iterator[Trouble]:
    for source in seen.sources:
        if source.failing_since is not None:
            yield Trouble(
                kind="source_failing",
                subject=source.name,
                severity=ERROR,
                message=(
                    f"source {source.name} cannot be read ({short(source.failure)}): mend that; until then"
                    " its last stock stays"
                ),
                since=source.failing_since,
                wait=FAILING_WAIT_MS,
                calm=SHORT_CALM_MS,
                details={"source": source.name, "reason": source.failure},
            )
        longest = seen.max_age.get(source.name)
        said_at = seen.started_at if source.data_at is None else source.data_at
        if longest is not None and seen.now - said_at > longest * 1000:
            what = "has brought nothing" if source.data_at is None else "has brought nothing newer"
            yield Trouble(
                kind="source_stale",
                subject=source.name,
                severity=ERROR,
                message=(
                    f"source {source.name} {what} for {duration((seen.now - said_at) / 1000)}, more than its"
                    f" max_age of {duration(longest)}: find out why its export does not come"
                ),
                since=said_at + int(longest * 1000),
                calm=SHORT_CALM_MS,
                details={"source": source.name, "age_seconds": (seen.now - said_at) // 1000},
            )


def _refused(seen: Observation, bound: int | None) -> Iterator[Trouble]:
    for channel, (refused, listings) in seen.refused.items():
        if bound is None or not refused * PARTS_PER_MILLION > listings * bound * LOWER_BOUND:
            continue
        yield Trouble(
            kind="failures_many",
            subject=channel,
            severity=WARNING,
            message=(
                f"channel {channel} refuses {refused:,} of its {listings:,} listings: `syncd failures"
                f" --channel {channel}` tells why"
            ),
            since=seen.now,
            wait=CLOCK_WAIT_MS,
            calm=LONG_CALM_MS,
            raises=refused * PARTS_PER_MILLION > listings * bound,
            details={"channel": channel, "failed": refused, "listings": listings},
        )


def _sold_out(seen: Observation, bound: float | None) -> Iterator[Trouble]:
    for channel, waiting in seen.sold_out.items():
        waited = seen.now - waiting.oldest
        if bound is None or waited < bound * 1000 * LOWER_BOUND:
            continue
        refused = f", {waiting.refused:,} of them refused" if waiting.refused else ""
        yield Trouble(
            kind="sold_out_waiting",
            subject=channel,
            severity=ERROR,
            message=(
                f"channel {channel} may still sell {waiting.count:,} sold-out listings{refused}, the first"
                f" for {duration(waited / 1000)}: `syncd status` and `syncd failures --channel {channel}`"
                " tell what they wait for; set them to zero there by hand if it lasts"
            ),
            since=waiting.oldest,
            wait=int(bound * 1000),
            calm=LONG_CALM_MS,
            details={"channel": channel, "listings": waiting.count, "refused": waiting.refused},
        )


def _down(seen: Observation, bound: float | None) -> Iterator[Trouble]:
    for channel, down in seen.down.items():
        if bound is not None:
            yield Trouble(
                kind="channel_unreachable",
                subject=channel,
                severity=ERROR,
                message=(
                    f"the marketplace of channel {channel} does not answer as it should"
                    f" ({short(down.reason)}): see whether it is down, or this machine's network;"
                    " syncd goes on trying"
                ),
                since=down.since,
                wait=int(bound * 1000),
                calm=LONG_CALM_MS,
                details={"channel": channel, "reason": down.reason},
            )


def _clock(seen: Observation, bound: float | None) -> Iterator[Trouble]:
    for channel, offset in seen.clock_offsets.items():
        if bound is not None and offset is not None and abs(offset) > bound * LOWER_BOUND:
            where = "behind" if offset > 0 else "ahead of"
            yield Trouble(
                kind="clock_off",
                subject=channel,
                severity=WARNING,
                message=(
                    f"this machine's clock is {duration(abs(offset))} {where} that of channel {channel}'s"
                    " marketplace: let it be set by NTP (`timedatectl` shows whether it is)"
                ),
                since=seen.now,
                wait=CLOCK_WAIT_MS,
                calm=LONG_CALM_MS,
                raises=abs(offset) > bound,
                details={"channel": channel, "seconds": round(offset, 1)},
            )


def _disk(seen: Observation, bound: int | None) -> Iterator[Trouble]:
    free = None if seen.disk is None else seen.disk.free
    if seen.disk is not None and free is not None and bound is not None and free < bound * MORE_FREE:
        yield Trouble(
            kind="disk_low",
            subject=seen.disk.folder,
            severity=ERROR,
            message=(
                f"only {megabytes(free)} are free on the disk of {seen.disk.folder}, where the"
                " state lies: make room, for on a full disk nothing is pushed"
            ),
            since=seen.now,
            calm=LONG_CALM_MS,
            raises=free < bound,
            details={"folder": seen.disk.folder, "free_bytes": free},
        )


def _ourselves(seen: Observation) -> Iterator[Trouble]:
    if seen.reload_refused is not None:
        first, *others = seen.reload_refused.problems
        more = f", and {len(others)} more" if others else ""
        yield Trouble(
            kind="reload_refused",
            subject="configuration",
            severity=WARNING,
            message=(
                f"the new configuration is refused and the old one stays ({short(first)}{more}):"
                " mend it, `syncd check` tells all that is wrong, then reload"
            ),
            since=seen.reload_refused.at,
            details={"problems": list(seen.reload_refused.problems)},
        )
    if seen.is_catching_up:
        yield Trouble(
            kind="state_lost",
            subject="state",
            severity=WARNING,
            message=(
                "the state was lost, or an older copy of it came back: every listing is pushed anew; find out"
                " what happened to it if that was not you"
            ),
            since=seen.started_at,
        )
