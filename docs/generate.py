"""Write docs/reference/ from the code: every key of syncd.toml, every command. `make docs` runs it."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from connectors.discovery import installed, load_plugin
from syncd.cli.group import COMMANDS, syncd
from syncd.config import model, rules

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by `make docs` from the code: change it there. -->\n"
WIDTH = 100

TYPES = {
    "Seconds": "duration",
    "SecondsOrOff": 'duration, or `"off"`',
    "Share": "share",
    "GuardShare": 'share, or `"off"`',
    "LocalPath": "path",
    "Location": "text",
    "Texts": "text, or a list of texts",
    "Schedule": 'time of day, cron expression, or `""`',
    "Secret": "secret",
    "BaseUrl": "URL",
    "HeaderText": "text",
    "PositiveInt": "whole number above 0",
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "`true` or `false`",
    "dict[str, str]": "table of texts",
    "tuple[str, ...]": "list of texts",
    "tuple[Secret, ...]": "list of secrets",
    "BytesOrOff": 'size, or `"off"`',
}
DURATIONS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"), (0.001, "ms"))
SIZES = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
PARTS_PER_PERCENT = 10_000


@dataclass(frozen=True)
class Key:
    """One key of a table, as the reference shows it."""

    name: str
    type: str
    default: str
    meaning: str


def tables() -> Iterator[tuple[str, type[BaseModel], str]]:
    """Give each table of syncd.toml, its model, and what is said above it."""
    for name in ("state", "server", "logging", "history", "alerts"):
        if (found := _field_model(name)) is not None:
            yield f"[{name}]", found, ""
    yield "[sources.NAME]", model.DropSource, '`type = "drop"`.'
    yield "[sources.NAME.columns]", model.ColumnsConfig, ""
    yield "[sources.NAME.guard]", model.GuardConfig, ""
    yield "[sources.NAME]", model.SqliteSource, '`type = "sqlite"`.'
    yield "[channels.NAME]", model.ChannelTable, ""
    yield "[channels.NAME.listings]", model.ListingsConfig, ""
    yield "[channels.NAME.limits]", model.LimitsTable, ""
    yield "[channels.NAME.rules]", model.RuleTable, "What differs on this channel."
    for name in sorted(installed()):
        yield "[channels.NAME]", load_plugin(name).settings, f'`connector = "{name}"`.'
    yield "[rules]", rules.RulesConfig, ""
    yield "[[rules.for]]", rules.SkuRuleTable, ""
    yield "[rules.guard]", rules.PlanGuardConfig, ""
    yield "[bundles]", model.BundlesConfig, ""
    yield "[reconcile]", model.ReconcileConfig, ""


def _field_model(name: str) -> type[BaseModel] | None:
    """Find the model of a table that occurs once, by the type of its field of `Config`."""
    found = getattr(model, f"{name.capitalize()}Config", None)
    return found if inspect.isclass(found) and issubclass(found, BaseModel) else None


def configuration() -> str:
    """Give docs/reference/configuration.md."""
    parts = [MADE, (REFERENCE / "configuration.head.md").read_text()]
    for title, table, note in tables():
        said = " ".join(filter(None, (note, inspect.cleandoc(table.__doc__ or ""))))
        found = sorted(keys(table), key=lambda key: key.name != "type")
        parts.append(f"## `{title}`\n\n{said}\n\n{_table(found)}")
    return "\n".join(parts)


def keys(table: type[BaseModel]) -> Iterator[Key]:
    """Give the keys of a table. Each needs a docstring: one without is an error."""
    written = {name: each for base in reversed(table.__mro__) for name, each in _written(base).items()}
    for name, field in table.model_fields.items():
        annotation, meaning = written[name]
        if _is_a_table(annotation):
            continue
        if not meaning:
            raise SystemExit(f"{table.__name__}.{name} has no docstring: say what it means")
        default = (
            "none, must be given"
            if field.default is PydanticUndefined
            else _default(annotation, field.default)
        )
        yield Key(name, _type(annotation), default, " ".join(meaning.split()))


def _written(table: type) -> dict[str, tuple[str, str]]:
    """Read the annotation and the docstring of each field as the source has them."""
    if not issubclass(table, BaseModel) or table is BaseModel:
        return {}
    [definition] = ast.parse(dedent(inspect.getsource(table))).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 (what a class's source is)
    found = {}
    for each, after in zip(definition.body, [*definition.body[1:], None], strict=True):
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            said = after.value if isinstance(after, ast.Expr) else None
            meaning = said.value if isinstance(said, ast.Constant) and isinstance(said.value, str) else ""
            found[each.target.id] = (ast.unparse(each.annotation), inspect.cleandoc(meaning))
    return found


def _is_a_table(annotation: str) -> bool:
    return annotation.split(" |", maxsplit=1)[0].removesuffix(", ...]").endswith(("Config", "Table"))


def _type(annotation: str) -> str:
    words = re.sub(r"^Annotated\[(\w+(?:\[[^\]]*\])?),.*", r"\1", annotation)
    if words.startswith("Literal["):
        choices = ast.literal_eval(words.split(" | ")[0].removeprefix("Literal[").removesuffix("]") + ",")
        rest = [_type(each) for each in words.split(" | ")[1:] if each != "None"]
        return " or ".join([*(f'`"{choice}"`' for choice in choices), *rest])
    return " or ".join(TYPES[each] for each in words.split(" | ") if each != "None")


def _default(annotation: str, value: Any) -> str:
    if value is None:
        return '`"off"`' if annotation.endswith("OrOff") else "none"
    return f"`{_written_value(annotation, value)}`"


def _written_value(annotation: str, value: Any) -> str:
    if annotation.startswith("Seconds"):
        return _in_units(value, DURATIONS)
    if annotation.startswith("Bytes"):
        return _in_units(value, SIZES)
    if "Share" in annotation:
        return f'"{value / PARTS_PER_PERCENT:g}%"'
    if isinstance(value, tuple):
        return f"[{', '.join(_quoted(each) for each in value)}]"
    return _quoted(value)


def _in_units(value: float, units: tuple[tuple[float, str], ...]) -> str:
    size, unit = next(((size, unit) for size, unit in units if value % size == 0), units[-1])
    return f'"{value / size:g}{unit}"'


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _table(found: list[Key]) -> str:
    rows = [f"| `{key.name}` | {key.type} | {key.default} | {key.meaning} |" for key in found]
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows, ""])


def commands() -> str:
    """Give docs/reference/commands.md: the help of every command, as the terminal shows it."""
    parts = [MADE, (REFERENCE / "commands.head.md").read_text(), _help(syncd, ["syncd"])]
    parts += [_help(*each) for each in _commands()]
    return "\n".join(parts)


def _commands() -> Iterator[tuple[click.Command, list[str]]]:
    context = click.Context(syncd)
    for name in COMMANDS:
        command = syncd.get_command(context, name)
        assert command is not None  # noqa: S101 (the group names it)
        yield command, ["syncd", name]
        if isinstance(command, click.Group):
            for below in command.list_commands(context):
                found = command.get_command(context, below)
                assert found is not None  # noqa: S101
                yield found, ["syncd", name, below]


def _help(command: click.Command, path: list[str]) -> str:
    context = click.Context(
        command, info_name=" ".join(path), terminal_width=WIDTH, help_option_names=["-h", "--help"]
    )
    return f"## `{' '.join(path)}`\n\n```text\n{command.get_help(context)}\n```\n"


PAGES: dict[str, Any] = {"configuration.md": configuration, "commands.md": commands}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page())


if __name__ == "__main__":
    main()
