"""What each part of a configuration becomes: plans, pacers, terms, folders, feeds."""

from collections.abc import Mapping
from dataclasses import replace

from state.registry import Registry
from state.staging import Duplicates
from syncd.config.model import ChannelConfig, Config, DropSource, SourceConfig
from syncd.core.guards import Guard
from syncd.core.name_times import TimeInName
from syncd.core.pacing import Pacer
from syncd.feeds import Feed
from syncd.folder_feed import FolderFeed
from syncd.intake import IntakeParts, SourceTerms
from syncd.poll_feed import PollFeed
from syncd.sources.database import DatabaseSource
from syncd.sources.dating import Dating
from syncd.sources.drop import DropFolder
from syncd.sources.judge import FileTerms

PACE_KEYS = frozenset({"rows_per_second", "requests_per_second", "burst"})


def configured_warehouses(channel: ChannelConfig) -> tuple[str, ...]:
    """Give the warehouses that a channel's listings can be in, as configured: another may be in force."""
    return ("",) if channel.warehouses is None else tuple(dict.fromkeys(channel.warehouses.values()))


def settling_ms(channel: ChannelConfig) -> int:
    """Give how long an ambiguous request may still be under way (ms)."""
    return int(channel.reassert_after * 1000)


def channel_pacer(channel: ChannelConfig) -> Pacer:
    """Give a pacer that keeps a channel's configured limits."""
    limits, capabilities = channel.limits, channel.plugin.capabilities
    if capabilities.rows_are_counted and "rows_per_request" not in channel.limits_set:
        # The pacer keeps it below the burst, which the marketplace's answers may raise.
        most = capabilities.max_rows_per_request or limits.rows_per_request
        limits = replace(limits, rows_per_request=most)
    return Pacer(
        limits,
        rows_are_counted=capabilities.rows_are_counted,
        ceiling_is_set=bool(channel.limits_set & PACE_KEYS),
    )


def shared_pacers(
    config: Config, channel_ids: Mapping[str, int], registry: Registry
) -> dict[str, tuple[Pacer, tuple[int, ...]]]:
    """Make the pacer of each enabled channel, with the ids of those that share it; each as it was learnt."""
    buckets: dict[tuple[str, str], list[ChannelConfig]] = {}
    for channel in config.channels.values():
        if channel.enabled:
            bucket = ("channel", channel.name) if channel.bucket is None else ("bucket", channel.bucket)
            buckets.setdefault(bucket, []).append(channel)
    pacers: dict[str, tuple[Pacer, tuple[int, ...]]] = {}
    for channels in buckets.values():
        # One of them that has a ceiling binds all: the bucket is one.
        pacer = channel_pacer(max(channels, key=lambda channel: len(channel.limits_set & PACE_KEYS)))
        sharing = tuple(channel_ids[channel.name] for channel in channels)
        for channel_id in sharing:
            pacer.recall(registry.pace(channel_id))
        pacers |= {channel.name: (pacer, sharing) for channel in channels}
    return pacers


def source_terms(name: str, source: SourceConfig, source_id: int) -> SourceTerms:
    """Give how a source's imports are judged."""
    guard = source.guard
    return SourceTerms(
        source_id=source_id,
        name=name,
        contents=source.contents if isinstance(source, DropSource) else "snapshot",
        duplicates=Duplicates(source.duplicates),
        zero_missing=source.missing == "zero",
        guard=Guard(guard.max_missing, guard.max_zeroed, guard.max_drop, guard.max_bad_rows),
        lower_on_hold=source.on_hold == "decreases",
    )


def drop_folder(source: DropSource) -> DropFolder:
    """Give the watched folder of a source."""
    return DropFolder(
        source.path,
        patterns=source.pattern,
        settle_seconds=source.settle,
        marker=source.marker,
        dating=Dating(None if source.timestamp is None else TimeInName(source.timestamp)),
    )


def make_feed(terms: SourceTerms, source: SourceConfig, parts: IntakeParts, *, rehearsal: bool) -> Feed:
    """Give what looks at a source; in a `rehearsal`, files stay where they lie."""
    if isinstance(source, DropSource):
        columns = source.columns.model_dump(exclude_none=True)
        return FolderFeed(
            terms,
            parts,
            drop_folder(source),
            file_terms=FileTerms(
                columns or None, source.numbers, source.sheet, source.trailer, source.location or ""
            ),
            retention_seconds=source.retention,
            rehearsal=rehearsal,
        )
    return PollFeed(terms, parts, DatabaseSource(source.path, source.query, location=source.location or ""))
