"""What comes in, what becomes of it, and the record that is kept of both."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from state.comparison import Comparison
from state.records import ImportState
from state.staging import Duplicates, Largest
from state.tables import Import
from syncd.core.guards import Guard
from syncd.sources.excerpts import Excerpt
from syncd.sources.rows import KnownSkus, ReadReport, Row


@dataclass(frozen=True, slots=True)
class SourceTerms:
    """How one source's imports are judged. `contents`: `snapshot` or `changes`.

    `lower_on_hold`: the decreases of what is held apply, as far as they are plausible by themselves.
    """

    source_id: int
    name: str
    contents: str
    duplicates: Duplicates
    zero_missing: bool
    guard: Guard
    lower_on_hold: bool = False


@dataclass(frozen=True, slots=True)
class Incoming:
    """One file or poll, before anything is known of it.

    `rows` reads it, given the known SKUs and a report to fill; `excerpt` reads only what differs from what
    the source said last, where that can be told; `verify` raises where it changed meanwhile. `data_at`: as of
    when its data is (ms since the epoch). `claimed`: the claimed file's entry.
    `import_id`: the import that it continues; `trusted`: a person, or an earlier judgement, let it through;
    `resumed`: a crash cut it off when part of it was stored; `approved`: the hold that a person let through.
    """

    name: str
    data_at: int
    rows: Callable[[KnownSkus, ReadReport], Iterator[Row]]
    verify: Callable[[], None]
    excerpt: Callable[[KnownSkus, Callable[[], None]], Excerpt | None] | None = None
    sha256: str = ""
    claimed: str = ""
    import_id: int | None = None
    trusted: bool = False
    approved: Import | None = None
    resumed: bool = False

    @property
    def is_file(self) -> bool:
        """Tell a file from a poll."""
        return bool(self.sha256)


@dataclass(slots=True)
class Verdict:
    """What became of an import. `comparison` is None where it was not compared.

    `largest`: the largest changes of what is held; `decreased`: how many stock levels were lowered all the
    same; `again`: it was held before, and people have been told.
    """

    state: ImportState
    reason: str = ""
    data_at: int = 0
    import_id: int | None = None
    comparison: Comparison | None = None
    report: ReadReport = field(default_factory=ReadReport)
    largest: list[Largest] = field(default_factory=list)
    decreased: int = 0
    again: bool = False


def record_of(
    terms: SourceTerms,
    incoming: Incoming,
    verdict: Verdict,
    *,
    state: ImportState,
    now: int,
    kept: Import | None,
) -> Import:
    """Give the record of an import in a state. `kept`: what was recorded of it before.

    An approval is of what a person saw: it does not outlast another hold.
    """
    report, found = verdict.report, verdict.comparison
    held = verdict.state is ImportState.HELD
    decreased = verdict.decreased + (0 if kept is None else kept.decreased)
    first_held = None if kept is None else kept.held_at
    lowered = f"; {decreased:,} decreases applied meanwhile" if held and decreased else ""
    entry = Import(
        id=incoming.import_id,
        source_id=terms.source_id,
        name=incoming.name,
        contents=terms.contents,
        state=state,
        at=now,
        data_at=max(verdict.data_at, incoming.data_at),
        sha256=incoming.sha256,
        format=report.format,
        rows=report.rows,
        bad=report.bad,
        blank=report.blank,
        negative=report.negative,
        notes="\n".join(report.notes),
        reason=verdict.reason + lowered,
        claimed=incoming.claimed,
        decreased=decreased,
        held_at=now if held and first_held is None else first_held,
        approved_at=None if held or kept is None else kept.approved_at,
    )
    if found is not None:
        entry.changed = found.changed if state is not ImportState.REJECTED else 0
        entry.known, entry.new, entry.up, entry.down = found.known, found.new, found.up, found.down
        entry.zeroed, entry.missing, entry.newly_missing = found.zeroed, found.missing_shown, found.missing
        entry.units_before, entry.units_after = found.known_units, found.units_after
    return entry


def is_cut_off_hold(kept: Import | None) -> bool:
    """Tell whether a crash came while the decreases of what is held were being applied."""
    return (
        kept is not None
        and kept.state == ImportState.APPLYING
        and kept.held_at is not None
        and kept.approved_at is None
    )
