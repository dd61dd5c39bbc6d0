"""Which connectors are installed: entry points of the group `syncd.connectors`."""

import difflib
from importlib.metadata import EntryPoint, entry_points, packages_distributions
from typing import Any

from connectors.contract import Plugin

GROUP = "syncd.connectors"
_OUR_DISTRIBUTION = "syncd"
OUR_IMPORT_NAMES = ("syncd", "connectors", "state")
"""The top-level packages that an installation of syncd brings."""


class ConnectorUnavailable(LookupError):
    """No connector of this name can be used; the message says why, and which others there are."""


def installed() -> list[str]:
    """The names of all installed connectors, sorted; none of them is imported."""
    return sorted(entry_points(group=GROUP).names)


def load_plugin(name: str) -> Plugin[Any]:
    """Import the connector of this name.

    Raises:
        ConnectorUnavailable: it is not installed, two packages claim the name, or it is broken.
    """
    found = _entry_point(name)
    try:
        plugin = found.load()
    except Exception as error:
        # A stranger's module may fail in any way, and must cost only its own channels.
        raise ConnectorUnavailable(
            f"connector {name!r} ({found.value}) cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(plugin, Plugin):
        raise ConnectorUnavailable(f"connector {name!r} ({found.value}) is not a connectors.Plugin")
    return plugin


def _entry_point(name: str) -> EntryPoint:
    claims = {found.value: found for found in entry_points(group=GROUP, name=name)}
    if len(claims) > 1:
        raise ConnectorUnavailable(
            f"connector {name!r} is claimed by several packages ({', '.join(sorted(claims))}): uninstall one"
        )
    for found in claims.values():
        return found
    names = installed()
    nearest = difflib.get_close_matches(name, names, n=1)
    meant = f", did you mean {nearest[0]!r}?" if nearest else ","
    raise ConnectorUnavailable(
        f"no connector {name!r} is installed{meant} installed are: {', '.join(names) or 'none'}"
    )


def name_conflicts() -> list[str]:
    """Other installed packages that claim our import names, one line each; empty where there are none.

    An editable installation does not list its own modules; those of others are found all the same.
    """
    owners = packages_distributions()
    return sorted(
        f"package {owner!r} also installs a module named {name!r}"
        for name in OUR_IMPORT_NAMES
        for owner in set(owners.get(name, ()))
        if owner and owner.casefold() != _OUR_DISTRIBUTION
    )
