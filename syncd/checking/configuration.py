"""Checks of syncd.toml and of the secrets that it names: who may change them, and do they look right?"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.checking.findings import Finding, Kind, note, problem, problem_in_words
from syncd.checking.permissions import described, open_to_replacing, trusted_owner
from syncd.config.load import named_secrets
from syncd.config.model import Config
from syncd.errors import ConfigError

_ABOUT = "configuration"
_KINDS = ("credential", "file", "env")
_PLACEHOLDERS = ("…", "...", "<", "xxx", "changeme", "change-me", "secret", "password", "todo")


@dataclass(frozen=True, slots=True)
class Reference:
    """A secret that does not stand in the file: at which key, of which kind, under which name."""

    key: str
    kind: str
    name: str


def references(path: Path) -> list[Reference]:
    """List the secrets that a configuration names, in its order; none where it cannot be read."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return []
    return list(_references_in(document, ""))


def _references_in(value: Any, key: str) -> Iterator[Reference]:
    if isinstance(value, list):
        for entry in value:
            yield from _references_in(entry, key)
    if not isinstance(value, dict):
        return
    kind, name = next(iter(value.items())) if len(value) == 1 else ("", None)
    if kind in _KINDS and isinstance(name, str) and not key.endswith(".warehouses"):
        yield Reference(key, kind, name)
        return
    for inner, entry in value.items():
        yield from _references_in(entry, f"{key}.{inner}" if key else inner)


def unusable(error: ConfigError) -> Iterator[Finding]:
    """Report every mistake of a configuration that cannot be used."""
    for each in error.problems:
        remedy = f"correct it in {error.path}" if error.path else "correct it"
        if 'credential "' in each.message and "systemd" in each.message:
            remedy = "as the service, with its credentials: sudo syncd check (docs/systemd.md)"
        yield problem(Kind.CONFIGURATION_UNUSABLE, _ABOUT, str(each), remedy)


def check_configuration(config: Config, path: Path) -> Iterator[Finding]:
    """Look at a configuration that can be used."""
    yield Finding(Kind.CONFIGURATION, _ABOUT, f"{path} can be used")
    for warning in config.warnings:
        if warning in config.share_warnings:  # found once more with the plans, those of files among them
            continue
        yield problem_in_words(Kind.CONFIGURATION_DOUBTFUL, _ABOUT, warning, f"look at it in {path}")
    for key, secret in named_secrets(config):
        reason = why_odd(secret)
        if reason:
            yield problem(
                Kind.SECRET_ODD, "secrets", f"{key} {reason}", "copy it once more, and nothing but it"
            )


def why_odd(secret: str) -> str:
    """Tell what is unlike a secret about it, "" where nothing is. Says nothing of what it is."""
    if len(secret) > 1 and secret[0] == secret[-1] and secret[0] in "\"'`":
        return "is in quotes that are part of it"
    if any(character.isspace() for character in secret):
        return "has blanks within"
    if not secret.isascii() and "…" not in secret:
        return "has letters that are not ASCII"
    lowered = secret.lower()
    if lowered in _PLACEHOLDERS or lowered.startswith(("<", "…", "...")):
        return "looks like the placeholder of an example"
    return ""


def check_places(path: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at who may change the configuration, and read or change the secrets that it names."""
    if (replaceable := open_to_replacing(path)) is not None:
        yield problem(
            Kind.CONFIGURATION_WRITABLE,
            _ABOUT,
            f"other users may change {replaceable} ({described(replaceable)}), and so where secrets are sent",
            f"chmod go-w {replaceable}",
        )
    for reference in references(path):
        yield from _secret(reference, path.absolute().parent, environ)


def _secret(reference: Reference, base: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    about = "secrets"
    if reference.kind == "env":
        yield note(
            Kind.SECRET_IN_ENVIRONMENT,
            about,
            f"{reference.key} comes from the environment: Environment= of a unit is shown to every user",
            'use { credential = "NAME" } under systemd, or { file = "PATH" }',
        )
        return
    place = base / reference.name
    if reference.kind == "credential":
        place = Path(environ.get("CREDENTIALS_DIRECTORY", "/nowhere")) / reference.name
    try:
        if not trusted_owner(place):
            yield problem(
                Kind.SECRET_OF_ANOTHER,
                about,
                f"{place} ({reference.key}) belongs to another user ({described(place)})",
                f"let root or the user that syncd runs as own it: chown USER: {place}",
            )
        if (replaceable := open_to_replacing(place)) is not None:
            yield problem(
                Kind.SECRET_REPLACEABLE,
                about,
                f"others may replace {place} (by the rights of {replaceable}: {described(replaceable)})",
                f"chmod go-w {replaceable}",
            )
    except OSError:
        return  # that it cannot be read was said where it was to be read
