"""A table `[channels.NAME]`: the keys that every channel may have, and those of its connector."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from connectors.contract import Capabilities, Limits, Plugin
from syncd.config.lines import KeyPath
from syncd.config.model import ChannelConfig, ChannelTable, LimitsTable
from syncd.config.report import Report

_WAREHOUSES_MISSING = (
    'is missing: write warehouses = "single" if the shop has one warehouse or none, else a table such as '
    '{ JKT = "1610" }: location = the marketplace\'s warehouse'
)
_LISTINGS_MISSING = (
    "would leave nothing to sell here without a list of what is sold: write [channels.{name}.listings] with "
    'file = "listings.csv", or take only_listed away'
)

PluginLoader = Callable[[str], Plugin[Any]]
"""Finds a connector's plug-in by its name; raises LookupError with what there is instead."""


def read_channel(
    name: str,
    table: object,
    *,
    source_names: Iterable[str],
    load_plugin: PluginLoader,
    context: Mapping[str, Any],
    report: Report,
) -> ChannelConfig | None:
    """Return the channel, or None, having reported everything that is wrong with it.

    `context` is that of the validation, with the secret resolver.
    """
    path = ("channels", name)
    if not isinstance(table, dict):
        report.add(path, "must be a table")
        return None
    common = {key: value for key, value in table.items() if key in ChannelTable.model_fields}
    own = {key: value for key, value in table.items() if key not in common}
    head = report.validated(ChannelTable, common, path, context, may_hold_secrets=True, sound_part=True)
    plugin = _plugin(table.get("connector"), path, load_plugin, report)
    settings = (
        report.validated(
            plugin.settings,
            own,
            path,
            context,
            may_hold_secrets=True,
            besides=ChannelTable,
        )
        if plugin is not None
        else None
    )
    sources = None if head is None else _sources(head.sources, list(source_names), path, report)
    if head is None or plugin is None:
        return None
    if "warehouses" not in table and not plugin.capabilities.whole_shop_by_default:
        report.add((*path, "warehouses"), _WAREHOUSES_MISSING)
    locations = _locations(head, path, report)
    if head.only_listed and head.listings is None and "listings" not in table:
        report.add((*path, "only_listed"), _LISTINGS_MISSING.format(name=name))
    limits = _limits(head.limits, plugin.capabilities, path, report)
    if settings is None or sources is None:
        return None
    return ChannelConfig(
        name=name,
        connector=head.connector,
        plugin=plugin,
        settings=settings,
        sources=sources,
        limits=limits,
        limits_set=frozenset(_chosen(head.limits)),
        bucket=head.limits.bucket,
        warehouses=head.warehouses if isinstance(head.warehouses, dict) else None,
        rules=head.rules,
        reassert_after=head.reassert_after,
        enabled=head.enabled,
        locations=locations,
        listings=head.listings,
        only_listed=head.only_listed,
    )


def _plugin(name: object, path: KeyPath, load_plugin: PluginLoader, report: Report) -> Plugin[Any] | None:
    if not isinstance(name, str):
        return None  # reported with the other common keys
    try:
        return load_plugin(name)
    except LookupError as error:
        report.add((*path, "connector"), str(error.args[0]) if error.args else f"there is no {name}")
        return None


def _sources(
    chosen: tuple[str, ...] | None, known: list[str], path: KeyPath, report: Report
) -> tuple[str, ...] | None:
    if chosen is None:
        return tuple(known)
    unknown = [name for name in chosen if name not in known]
    for name in unknown:
        report.add_unknown_name((*path, "sources"), name, known)
    if not chosen:
        report.add((*path, "sources"), "must name at least one source; left out, it means all")
    return tuple(dict.fromkeys(chosen)) if chosen and not unknown else None


def _locations(head: ChannelTable, path: KeyPath, report: Report) -> tuple[str, ...] | None:
    """Give the locations that add up, each once; those of a table of warehouses are its own."""
    here, chosen = (*path, "locations"), head.locations
    if chosen is None:
        return None
    if isinstance(head.warehouses, dict):
        report.add(
            here,
            "says what the table warehouses says already: a location that is not named there is not sold "
            "here; take locations away, and leave in warehouses what is sold",
        )
    elif not chosen:
        report.add(here, "must name at least one location; left out, it means all")
    for name in chosen:
        if not name or name != name.strip() or not name.isprintable():
            report.add(here, f"{json.dumps(name)} is no location: write each as your system writes it")
    return tuple(dict.fromkeys(chosen))


def _limits(table: LimitsTable, capabilities: Capabilities, path: KeyPath, report: Report) -> Limits:
    limits = replace(capabilities.limits, **_chosen(table))
    if capabilities.rows_are_counted and table.rows_per_request is None:
        limits = replace(limits, rows_per_request=min(limits.rows_per_request, limits.burst))
    most = capabilities.max_rows_per_request
    where = (*path, "limits", "rows_per_request")
    if most is not None and limits.rows_per_request > most:
        report.add(
            where, f"must be at most {most}: the marketplace takes no more, not {limits.rows_per_request}"
        )
    elif capabilities.rows_are_counted and limits.rows_per_request > limits.burst:
        report.add(
            where,
            f"must be at most burst, which is {limits.burst}: each row counts, and those beyond the burst "
            f"would be refused; not {limits.rows_per_request}",
        )
    return limits


def _chosen(table: LimitsTable) -> dict[str, Any]:
    """Give the limits that a person set."""
    return table.model_dump(exclude_none=True, exclude={"bucket"})


def check_buckets(channels: Mapping[str, ChannelConfig], report: Report) -> None:
    """Report channels that share a bucket but not its limits: one pace cannot keep two limits."""
    owners: dict[str, ChannelConfig] = {}
    for name, channel in channels.items():
        if channel.bucket is None:
            continue
        owner = owners.setdefault(channel.bucket, channel)
        where = ("channels", name, "limits", "bucket")
        if owner.connector != channel.connector:
            report.add(
                where,
                f'is the bucket of channel "{owner.name}" too, on another marketplace: only channels of one '
                f"connector can share a bucket, not of {owner.connector} and {channel.connector}",
            )
        elif owner.limits != channel.limits:
            report.add(
                where,
                f'is the bucket of channel "{owner.name}" too, which has other limits '
                f"({_differing(owner.limits, channel.limits)}): write the same in both",
            )


def _differing(ours: Limits, theirs: Limits) -> str:
    pairs = ((limit.name, getattr(ours, limit.name), getattr(theirs, limit.name)) for limit in fields(Limits))
    return ", ".join(
        f"{name} {_or_none(one)} there, {_or_none(other)} here" for name, one, other in pairs if one != other
    )


def _or_none(limit: float | None) -> str:
    return "none" if limit is None else f"{limit:g}"
