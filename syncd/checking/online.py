"""Checks that ask the marketplaces. Nothing there is changed."""

import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

from connectors.contract import AccountCheck, Connector, Surroundings
from connectors.errors import AuthenticationExpired, ConnectorError
from connectors.reaching import Reached, Step, Unreached, proxies_set, reach
from state import reports
from state.database import DatabaseError, Reader, StateMissing
from state.migrations import SchemaNewer, SchemaOlder
from syncd.checking.findings import Finding, Kind, note, problem
from syncd.config.model import ChannelConfig, Config
from syncd.core.clock_offset import ClockOffset
from syncd.delivery import connector_fault
from syncd.logs import hide_secrets

STEP_SECONDS = 10.0
TOLERATED_SECONDS = 30.0
"""How far a clock may be off: the strictest marketplace known refuses requests that are 300 s off."""
REMEMBERED_DAYS = 30
_STEPS = {
    Step.NAME: Kind.NAME_NOT_RESOLVED,
    Step.CONNECTION: Kind.NOT_CONNECTED,
    Step.CERTIFICATE: Kind.NOT_TRUSTED,
}


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the ledger knows of a channel: rows accepted lately, and the pace last announced (a second)."""

    accepted: int = 0
    pace: float | None = None


async def check_channels(config: Config) -> AsyncIterator[Finding]:
    """Go the way to each enabled channel's marketplace, and ask how it answers the account."""
    for finding in check_proxies(os.environ):
        yield finding
    remembered = _remembered(config)
    reached: dict[str, Reached | Unreached] = {}
    for name, channel in config.channels.items():
        if not channel.enabled:
            continue
        about = f"channel {name}"
        findings = await _way(about, channel, reached)
        for finding in findings:
            yield finding
        if any(finding.remedy for finding in findings):
            yield note(
                Kind.NOT_ASKED, about, "the account was not asked: the way there is not open", "see above"
            )
            continue
        for finding in await _account(about, channel, remembered.get(name, Remembered())):
            yield finding


def check_proxies(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Say that a proxy is set and not used."""
    names = proxies_set(environ)
    if names:
        yield note(
            Kind.PROXY_NOT_USED,
            "network",
            f"{', '.join(names)} is set, and syncd does not use it: it connects directly",
            "nothing where that works; else let the firewall pass it, or use a transparent proxy",
        )


def _remembered(config: Config) -> dict[str, Remembered]:
    since = int((time.time() - REMEMBERED_DAYS * 86_400) * 1000)
    try:
        with Reader(config.state.path) as reader, reader.read() as connection:
            paces = reports.announced_paces(connection)
            return {
                row.name: Remembered(reports.accepted_since(connection, row.id, since), paces.get(row.name))
                for row in reports.channels(connection)
            }
    except (StateMissing, SchemaNewer, SchemaOlder, DatabaseError, OSError):
        return {}  # nothing is remembered, or the check of the state has said why not


async def _way(about: str, channel: ChannelConfig, reached: dict[str, Reached | Unreached]) -> list[Finding]:
    """Go the way to each address; those of one host are gone once."""
    findings = []
    for url in channel.plugin.addresses(channel.settings):
        host = "/".join(url.split("/")[:3])
        if host not in reached:
            reached[host] = await reach(url, STEP_SECONDS)
        match reached[host]:
            case Unreached(step, what, remedy):
                findings.append(problem(_STEPS[step], about, what, remedy))
            case Reached() as way:
                deaf = f"; no answer from {', '.join(way.deaf)}" if way.deaf else ""
                secure = f", {way.tls}" if way.tls else ""
                findings.append(
                    Finding(
                        Kind.REACHED,
                        about,
                        f"{host} is reached at {way.address} in {way.seconds * 1000:.0f} ms{secure}{deaf}",
                    )
                )
    return list(dict.fromkeys(findings))


async def _account(about: str, channel: ChannelConfig, remembered: Remembered) -> list[Finding]:
    connector = channel.plugin.connect(channel.settings, Surroundings(time.time, channel.limits.timeout))
    clock = ClockOffset()
    try:
        answer = await _answer(connector, clock)
    except ConnectorError as error:
        return [*judge_clock(about, clock.seconds), _refusal(about, error)]
    except Exception as fault:  # noqa: BLE001 (a fault of a plug-in must not end the other checks)
        remedy = "report it to whoever made the connector, or install another version of it"
        return [problem(Kind.CONNECTOR_FAILED, about, connector_fault(fault).partition(":")[0], remedy)]
    finally:
        await connector.aclose()
    return [
        Finding(Kind.SIGNED_IN, about, hide_secrets(answer.said)),
        *judge_clock(about, clock.seconds),
        *judge_warehouses(about, channel, answer),
        *judge_right(about, answer, remembered),
        *judge_limits(about, channel, answer, remembered),
    ]


async def _answer(connector: Connector, clock: ClockOffset) -> AccountCheck:
    """Ask twice: the second answer needs no connection and no sign-in, and tells the clock exactly.

    Where the authorisation has to be renewed first (a clock that is off), ask again after that.
    """
    sent = time.time()
    try:
        await connector.check()
    except AuthenticationExpired as error:
        if error.server_time is not None:
            clock.heard(error.server_time, sent=sent, received=time.time())
        await connector.renew()
    except ConnectorError as error:
        if error.server_time is not None:
            clock.heard(error.server_time, sent=sent, received=time.time())
        raise
    sent = time.time()
    answer = await connector.check()
    if answer.server_time is not None:
        clock.forget()
        clock.heard(answer.server_time, sent=sent, received=time.time())
    return answer


def _refusal(about: str, error: ConnectorError) -> Finding:
    message = hide_secrets(error.message)
    what, _, remedy = message.rpartition(": ")
    if error.status is None:
        kind, remedy = Kind.NOT_ANSWERED, remedy or "try again in a while; the daemon does so by itself"
    else:
        kind = Kind.ACCOUNT_REFUSED
    code = f"{error.code}: " if error.code and error.code not in message else ""
    if not what:
        what, remedy = (
            message,
            "look at the account in the marketplace's own pages, then at its keys in syncd.toml",
        )
    return problem(kind, about, f"{code}{what}", remedy)


def judge_clock(about: str, offset: float | None) -> Iterator[Finding]:
    """Judge how far the marketplace's clock is ahead of ours (seconds; None: not told)."""
    if offset is None:
        return
    if abs(offset) <= TOLERATED_SECONDS:
        # A `Date` header tells no more than the second.
        yield Finding(Kind.CLOCK, about, f"this machine's clock is right (to {max(1, round(abs(offset)))} s)")
        return
    where = "behind" if offset > 0 else "ahead of"
    yield problem(
        Kind.CLOCK_OFF,
        about,
        f"this machine's clock is {abs(offset):,.0f} s {where} the marketplace's",
        "let it be set: timedatectl set-ntp true (or chrony); requests whose time is off are refused",
    )


def judge_warehouses(about: str, channel: ChannelConfig, answer: AccountCheck) -> Iterator[Finding]:
    """Judge whether the marketplace has the warehouses that are configured."""
    if answer.warehouses is None or channel.warehouses is None:
        return
    for location, warehouse in channel.warehouses.items():
        if warehouse not in answer.warehouses:
            yield problem(
                Kind.WAREHOUSE_UNKNOWN,
                about,
                f"the account has no warehouse {warehouse!r}, to which location {location!r} is mapped",
                f"correct `warehouses`: it has {', '.join(answer.warehouses)}",
            )


def judge_right(about: str, answer: AccountCheck, remembered: Remembered) -> Iterator[Finding]:
    """Tell whether the account may update stock, from what can be known without updating any."""
    if answer.may_update is False:
        yield problem(
            Kind.MAY_UPDATE,
            about,
            "the account may not update stock",
            "give it that right in the marketplace's own pages",
        )
    elif answer.may_update:
        yield Finding(Kind.MAY_UPDATE, about, "the account may update stock")
    elif remembered.accepted:
        said = f"it took {remembered.accepted:,} stock updates within {REMEMBERED_DAYS} days"
        yield Finding(Kind.MAY_UPDATE, about, f"the account may update stock: {said}")
    else:
        yield note(
            Kind.MAY_UPDATE,
            about,
            "whether the account may update stock cannot be told without changing stock",
            "push one SKU whose stock you know: syncd reconcile --channel NAME --sku SKU",
        )


def judge_limits(
    about: str, channel: ChannelConfig, answer: AccountCheck, remembered: Remembered
) -> Iterator[Finding]:
    """Compare the pace that a person configured with what the marketplace announced."""
    key = "rows_per_second" if channel.plugin.capabilities.rows_are_counted else "requests_per_second"
    announced, of = remembered.pace, "stock updates"
    if announced is None:
        announced, of = answer.allowance.per_second, "this call (it may differ for stock updates)"
    configured = getattr(channel.limits, key)
    if announced is None or configured is None or key not in channel.limits_set or configured <= announced:
        return
    yield note(
        Kind.LIMIT_TOO_HIGH,
        about,
        f"limits.{key} is {configured:g}, and the marketplace announces {announced:g} for {of}",
        f"nothing: answers slow syncd down; to spare refusals, set {key} = {announced:g} or leave it away",
    )
