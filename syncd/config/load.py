"""Read syncd.toml into a `Config`, or say everything that is wrong with it at once."""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from syncd.config.alerts import AlertsConfig, secrets_of_alerts
from syncd.config.channels import PluginLoader, check_buckets, read_channel
from syncd.config.model import (
    SOURCE_TYPES,
    ChannelConfig,
    Config,
    DropSource,
    HistoryConfig,
    LoggingConfig,
    ReconcileConfig,
    SourceConfig,
    StateConfig,
)
from syncd.config.plan_files import BundlesConfig
from syncd.config.report import Report
from syncd.config.rule_warnings import last_units_warnings, share_warnings
from syncd.config.rules import RulesConfig, RuleTable, check_rules
from syncd.config.secrets import secret_resolver, unread_secret
from syncd.config.server import ServerConfig
from syncd.errors import ConfigError, Problem

SYSTEM_CONFIG = Path("/etc/syncd/syncd.toml")
"""Where the configuration of a system service stands."""

_TABLES = (
    "state", "server", "logging", "history", "sources", "channels", "rules", "bundles", "reconcile", "alerts",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def find_config(
    explicit: Path | None, environ: Mapping[str, str], *, here: Path = Path(), system: Path = SYSTEM_CONFIG
) -> Path:
    """Return the configuration to use: `explicit`, else $SYNCD_CONFIG, ./syncd.toml, /etc/syncd/syncd.toml.

    Raises:
        ConfigError: there is none.
    """
    named = explicit or (Path(environ["SYNCD_CONFIG"]) if environ.get("SYNCD_CONFIG") else None)
    for path in [named] if named is not None else [here / "syncd.toml", system]:
        if path.is_file():
            return path
    if named is not None:
        origin = "--config" if explicit is not None else "$SYNCD_CONFIG"
        raise ConfigError([Problem("", f"there is no such file, though {origin} names it")], path=named)
    places = f"neither ./syncd.toml nor {system} exists"
    raise ConfigError(
        [Problem("", f'{places}: "syncd init" writes one to start from, --config names another')]
    )


def load_config(
    path: Path, *, environ: Mapping[str, str], load_plugin: PluginLoader, read_secrets: bool = True
) -> Config:
    """Return the checked configuration. Secrets by reference are read; nothing else is touched.

    `read_secrets` False leaves those unread, for commands that speak to no marketplace: an operator's shell
    has not the credentials that systemd passes to the daemon.

    Raises:
        ConfigError: it cannot be used; holds every problem found.
    """
    text = _read(path)
    document = _parse(text, path)
    report = Report(text)
    base = path.absolute().parent
    context = {
        "secrets": secret_resolver(base, environ) if read_secrets else unread_secret,
        "base_directory": base,
        "state_directory": _state_directory(environ, base),
    }
    config = _build(document, base, context, load_plugin, report)
    if report.problems:
        raise ConfigError(report.problems, path=path)
    shares = tuple(share_warnings(config.rules, config.channels))
    warnings = (*_warnings(document, config, path), *shares)
    return replace(config, warnings=warnings, share_warnings=shares, fingerprint=_fingerprint(text))


def secrets_of(config: Config) -> list[str]:
    """Return every secret that the configuration holds, for `syncd.logs.register_secret`."""
    holders: list[BaseModel] = [config.server, *(channel.settings for channel in config.channels.values())]
    ours = [secret for holder in holders for _, secret in _secrets_in(holder)]
    return ours + secrets_of_alerts(config.alerts)


def named_secrets(config: Config) -> Iterator[tuple[str, str]]:
    """Yield every secret that the channels hold, with its key in the file."""
    for name, channel in config.channels.items():
        for key, secret in _secrets_in(channel.settings):
            yield f"channels.{name}.{key}", secret


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = Problem("", f"cannot be read: {error.strerror}")
    else:
        text = content.decode("utf-8-sig", errors="surrogateescape")
        bad = re.search(r"[\udc80-\udcff]", text)
        if bad is None:
            return text
        line = text.count("\n", 0, bad.start()) + 1
        problem = Problem("", "is not UTF-8 text: save it again with that encoding", line)
    raise ConfigError([problem], path=path)


def _fingerprint(text: str) -> str:
    """Tell one text from another; too short to tell anything of the secrets in it."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        message = str(error)
    found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    line = int(found[1]) if found and found[1] else text.count("\n") + 1 if found else None
    reason = message[: found.start()] if found else message
    raise ConfigError([Problem("", f"is not valid TOML: {reason}", line)], path=path)


def _state_directory(environ: Mapping[str, str], base: Path) -> Path:
    # systemd lists several directories with colons between; the first is the service's own.
    first = environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(first) if first else base


def _build(
    document: dict[str, Any],
    base: Path,
    context: Mapping[str, Any],
    load_plugin: PluginLoader,
    report: Report,
) -> Config:
    """Return what could be read; it is whole only where the report stays empty."""
    for key in document:
        if key not in _TABLES:
            report.add_unknown((key,), _TABLES)
    state = report.validated(StateConfig, document.get("state", {}), ("state",), context)
    server = report.validated(
        ServerConfig, document.get("server", {}), ("server",), context, may_hold_secrets=True
    )
    logging = report.validated(LoggingConfig, document.get("logging", {}), ("logging",), context)
    history = report.validated(HistoryConfig, document.get("history", {}), ("history",), context)
    rules = report.validated(RulesConfig, document.get("rules", {}), ("rules",), context)
    bundles = document.get("bundles")
    if bundles is not None:
        bundles = report.validated(BundlesConfig, bundles, ("bundles",), context)
    reconcile = report.validated(ReconcileConfig, document.get("reconcile", {}), ("reconcile",), context)
    alerts = report.validated(
        AlertsConfig, document.get("alerts", {}), ("alerts",), context, may_hold_secrets=True
    )
    written_sources = _named_tables(document, "sources", report)
    written_channels = _named_tables(document, "channels", report)
    sources = {
        name: source
        for name, table in written_sources.items()
        if (source := _read_source(name, table, context, report)) is not None
    }
    channels = {
        name: channel
        for name, table in written_channels.items()
        if (
            channel := read_channel(
                name,
                table,
                source_names=written_sources,
                load_plugin=load_plugin,
                context=context,
                report=report,
            )
        )
        is not None
    }
    _check_folders(sources, report)
    _check_accounts(channels, report)
    check_buckets(channels, report)
    if rules is not None:
        check_rules(
            rules,
            {name: channels[name].rules if name in channels else RuleTable() for name in written_channels},
            {name: (channel.warehouses or {}).values() for name, channel in channels.items()},
            report,
        )
    return Config(
        base_directory=base,
        state=state or StateConfig(),
        server=server or ServerConfig(),
        logging=logging or LoggingConfig(),
        history=history or HistoryConfig(),
        sources=sources,
        channels=channels,
        rules=rules or RulesConfig(),
        bundles=bundles,
        reconcile=reconcile or ReconcileConfig(),
        alerts=alerts or AlertsConfig(),
    )


def _named_tables(document: Mapping[str, Any], kind: str, report: Report) -> dict[str, Any]:
    tables = document.get(kind, {})
    if not isinstance(tables, dict):
        report.add((kind,), f"must be tables of the form [{kind}.NAME]")
        return {}
    for name in tables:
        if not _NAME.fullmatch(name):
            report.add(
                (kind, name), "is no name: up to 64 letters, digits, _ . -, the first a letter or digit"
            )
    return tables


def _read_source(name: str, table: object, context: Mapping[str, Any], report: Report) -> SourceConfig | None:
    path = ("sources", name)
    kind = table.get("type") if isinstance(table, dict) else None
    model = SOURCE_TYPES.get(kind) if isinstance(kind, str) else None
    if not isinstance(table, dict):
        report.add(path, "must be a table")
    elif kind is None:
        report.add((*path, "type"), f"is missing: {_choice(SOURCE_TYPES)}")
    elif model is None:
        report.add((*path, "type"), f"must be {_choice(SOURCE_TYPES)}")
    return report.validated(model, table, path, context) if model is not None else None


def _choice(names: Iterable[str]) -> str:
    return " or ".join(f'"{name}"' for name in names)


def _check_folders(sources: Mapping[str, SourceConfig], report: Report) -> None:
    owners: dict[Path, str] = {}
    for name, source in sources.items():
        if isinstance(source, DropSource):
            owner = owners.setdefault(source.path.resolve(), name)
            if owner != name:
                report.add(
                    ("sources", name, "path"), f'is the folder of source "{owner}" too: each needs its own'
                )


def _check_accounts(channels: Mapping[str, ChannelConfig], report: Report) -> None:
    owners: dict[tuple[str, str], str] = {}
    for name, channel in channels.items():
        owner = owners.setdefault((channel.connector, channel.account), name) if channel.enabled else name
        if owner != name:
            report.add(
                ("channels", name),
                f'is the same account as channel "{owner}": they would fight over the same listings; '
                "remove one, or set enabled = false",
            )


def _warnings(document: Mapping[str, Any], config: Config, path: Path) -> Iterator[str]:
    holders = [
        f"channels.{name}.{key}"
        for name, channel in config.channels.items()
        for key, _ in _secrets_in(channel.settings)
        if isinstance(document["channels"][name].get(key), str)
    ]
    holders += [f"alerts.{key}" for key in _written_in_alerts(document.get("alerts", {}))]
    if isinstance(document.get("server", {}).get("token"), str):
        holders.append("server.token")
    if holders and path.stat().st_mode & 0o044:
        yield (
            f"{path} holds secrets ({', '.join(holders)}) and other users can read it: "
            f'write {{ credential = "NAME" }} instead, or chmod 600 {path} if the user of syncd owns it'
        )
    yield from last_units_warnings(config.rules, config.channels)


def _written_in_alerts(table: Mapping[str, Any]) -> Iterator[str]:
    for key in ("webhook", "webhook_token", "webhook_secret"):
        if isinstance(table.get(key), str):
            yield key
    if any(isinstance(url, str) for url in table.get("apprise", [])):
        yield "apprise"


def _secrets_in(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each secret with the key of the outermost table that holds it."""
    if isinstance(value, SecretStr):
        yield key, value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets_in(getattr(value, name), key or name)
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _secrets_in(entry, key)
    elif isinstance(value, list | tuple | set | frozenset):
        for entry in value:
            yield from _secrets_in(entry, key)
