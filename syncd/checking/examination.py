"""All checks of this machine, in the order in which a person would mend things."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from syncd.checking.configuration import check_configuration, check_places, references
from syncd.checking.findings import Finding
from syncd.checking.inputs import check_overlaps, check_source, is_written_in
from syncd.checking.installation import check_installation
from syncd.checking.ledger import check_ledger
from syncd.checking.machine import check_clock, check_machine
from syncd.checking.plans import check_plans
from syncd.checking.recipients import look_at_recipients
from syncd.checking.running import about_daemon, check_daemon
from syncd.checking.unit import check_unit, installed_unit, shipped_unit
from syncd.config.model import Config


def examine(config: Config, path: Path, environ: Mapping[str, str], *, whole: bool) -> Iterator[Finding]:
    """Look at everything. `path` is the configuration's; `whole` False: its secrets could not be read."""
    if whole:
        yield from check_configuration(config, path)
    yield from check_places(path, environ)
    unit = installed_unit()
    yield from check_installation(config.state.path, unit.user if unit else "")
    about = about_daemon(config)
    yield from check_machine(config, about["pid"] if isinstance(about, dict) else None)
    yield from check_clock(config)
    yield from check_ledger(config.state.path, environ)
    for name, source in config.sources.items():
        yield from check_source(name, source)
    yield from check_plans(config)
    yield from check_overlaps(config.state.path)
    if unit is not None:
        credentials = [one.name for one in references(path) if one.kind == "credential"]
        paths = {source.path: is_written_in(source) for source in config.sources.values()}
        yield from check_unit(unit, shipped_unit(), path, credentials, paths)
    if isinstance(about, Finding):
        yield about
    elif about is not None:
        yield from check_daemon(config, path, about)
    if whole:
        yield from look_at_recipients(config)
