"""Checks of the systemd unit: is it this version's, and does it let syncd have what syncd.toml names?"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path

from syncd.checking.findings import Finding, Kind, problem
from syncd.config.load import SYSTEM_CONFIG

UNIT = "syncd.service"
MOST_NAMED = 4
_ABOUT = "unit"
_FOLDERS = (
    "etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system",
    "lib/systemd/system",
)  # fmt: skip
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - what PrivateTmp= replaces
_OWN_DIRECTORIES = {
    "StateDirectory": Path("/var/lib"),
    "RuntimeDirectory": Path("/run"),
    "CacheDirectory": Path("/var/cache"),
    "LogsDirectory": Path("/var/log"),
}
_PASSED = ("LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted")

Directives = list[tuple[str, str, str]]
"""Section, key and value, in the order of the file."""


@dataclass(frozen=True, slots=True)
class Unit:
    """An installed unit: where it stands, what it says itself, and what its drop-ins add to that."""

    path: Path
    own: Directives
    drop_ins: Directives

    def values(self, key: str) -> list[str]:
        """Give all values of a key of [Service]; an empty one takes back those before it."""
        found: list[str] = []
        for section, name, value in (*self.own, *self.drop_ins):
            if section == "Service" and name == key:
                found = [*found, value] if value else []
        return found

    def last(self, key: str) -> str:
        """Give the value of a key of [Service] that counts, "" where there is none."""
        return next(reversed(self.values(key)), "")

    @property
    def user(self) -> str:
        """Name the user that the service runs as."""
        return self.last("User")


def installed_unit(root: Path = Path("/")) -> Unit | None:
    """Read the unit of this machine; None where there is none that this user may read."""
    places = [root / folder for folder in _FOLDERS]
    path = next((place / UNIT for place in places if (place / UNIT).is_file()), None)
    if path is None:
        return None
    drop_ins = {
        file.name: file for place in reversed(places) for file in sorted((place / f"{UNIT}.d").glob("*.conf"))
    }
    try:
        added = [line for name in sorted(drop_ins) for line in directives(drop_ins[name].read_text())]
        return Unit(path, directives(path.read_text()), added)
    except (OSError, UnicodeDecodeError):
        return None


def directives(text: str) -> Directives:
    """Read what a unit file says."""
    found: Directives = []
    section = ""
    for line in text.replace("\\\n", " ").splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1]
        elif stripped and stripped[0] not in "#;" and "=" in stripped:
            key, _, value = stripped.partition("=")
            found.append((section, key.strip(), value.strip()))
    return found


def shipped_unit() -> Directives | None:
    """Read the unit that came with this version; None where it came without (some other packaging)."""
    package = resources.files("syncd")
    for place in (package / "shipped" / UNIT, package / ".." / "systemd" / UNIT):
        if place.is_file():
            return directives(place.read_text(encoding="utf-8"))
    return None


def check_unit(
    unit: Unit,
    shipped: Directives | None,
    configuration: Path,
    credentials: Iterable[str],
    paths: Iterable[Path],
) -> Iterator[Finding]:
    """Look at an installed unit.

    `credentials` and `paths` are what the configuration needs; both count only where the unit uses that very
    configuration.
    """
    findings = list(_age(unit, shipped))
    if _uses(unit, configuration):
        findings += _credentials(unit, credentials)
        findings += _sight(unit, paths)
    yield from findings or [
        Finding(Kind.UNIT, _ABOUT, f"{unit.path} fits this version and the configuration")
    ]


def _age(unit: Unit, shipped: Directives | None) -> Iterator[Finding]:
    if shipped is None:
        return
    here, there = Counter(_comparable(unit.own)), Counter(_comparable(shipped))
    names = list(dict.fromkeys(key for _, key, _ in (*(there - here), *(here - there))))
    if names:
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        yield problem(
            Kind.UNIT_OLD,
            _ABOUT,
            f"{unit.path} is not the unit of this version: {', '.join(names[:MOST_NAMED])}{more} differ",
            "install the new one (docs/systemd.md); changes belong into a drop-in (systemctl edit syncd)",
        )


def _comparable(lines: Directives) -> Directives:
    """Leave away where the program lies: an installation may put it elsewhere."""
    return [
        (section, key, value.partition(" ")[2] if key.startswith("Exec") else value)
        for section, key, value in lines
    ]


def _uses(unit: Unit, configuration: Path) -> bool:
    words = unit.last("ExecStart").split()
    named = words[words.index("--config") + 1] if "--config" in words[:-1] else str(SYSTEM_CONFIG)
    return Path(named).resolve() == configuration.resolve()


def _credentials(unit: Unit, needed: Iterable[str]) -> Iterator[Finding]:
    passed = {value.split(":")[0].strip() for key in _PASSED for value in unit.values(key)}
    patterns = unit.values("ImportCredential")
    for name in sorted(set(needed) - passed):
        if not any(fnmatchcase(name, pattern) for pattern in patterns):
            yield problem(
                Kind.UNIT_LACKS_CREDENTIAL,
                _ABOUT,
                f"syncd.toml names the credential {name!r}, and {unit.path} passes none of that name",
                f"systemctl edit syncd: [Service] LoadCredential={name}; the secret is /etc/credstore/{name}",
            )


def _sight(unit: Unit, paths: Iterable[Path]) -> Iterator[Finding]:
    """Tell which folders the service does not see, or cannot write, though its user may."""
    writable = [
        Path(word.lstrip("-+")) for value in unit.values("ReadWritePaths") for word in value.split()
    ] + [
        above / word.split(":")[0]
        for key, above in _OWN_DIRECTORIES.items()
        for value in unit.values(key)
        for word in value.split()
    ]
    bound = [
        Path(word.lstrip("-+").split(":")[-1].split(":")[0])
        for key in ("BindPaths", "BindReadOnlyPaths")
        for value in unit.values(key)
        for word in value.split()
    ]
    for path in paths:
        reason = _why_hidden(unit, path, writable, bound)
        if reason:
            yield problem(
                Kind.UNIT_HIDES_PATH,
                _ABOUT,
                f"the service cannot work in {path}: {reason}",
                f"move it below /srv/syncd, or systemctl edit syncd: [Service] {_remedy(reason, path)}",
            )


def _why_hidden(unit: Unit, path: Path, writable: list[Path], bound: list[Path]) -> str:
    def inside(places: Iterable[Path]) -> bool:
        return any(path == place or place in path.parents for place in places)

    if unit.last("ProtectHome") in ("yes", "true", "tmpfs") and inside(_HOMES) and not inside(bound):
        return f"ProtectHome={unit.last('ProtectHome')} hides it"
    if unit.last("PrivateTmp") in ("yes", "true") and inside(_TEMPORARY) and not inside(bound):
        return "PrivateTmp=yes gives it a /tmp of its own"
    if unit.last("ProtectSystem") == "strict" and not inside(writable) and not inside(bound):
        return "ProtectSystem=strict makes it read-only"
    return ""


def _remedy(reason: str, path: Path) -> str:
    return f"BindPaths={path}" if "ProtectHome" in reason or "Tmp" in reason else f"ReadWritePaths={path}"
