"""What is wrong with a configuration, collected: every problem with its key, its line and what to do.

Values are quoted only where no secret can stand; the errors of pydantic, which hold the input, are never
kept or chained.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from syncd.config.lines import KeyPath, key_lines, line_of
from syncd.errors import Problem

_Model = TypeVar("_Model", bound=BaseModel)

_IN_PLAIN_WORDS = {
    "missing": "is missing",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text in quotes",
    "string_too_short": "must not be empty",
    "tuple_type": 'must be a list, such as ["a", "b"]',
    "list_type": 'must be a list, such as ["a", "b"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}
_LONGEST_QUOTED = 60


class Report:
    """Collects the problems of one file."""

    def __init__(self, text: str) -> None:
        """`text` is the TOML, for the lines."""
        self.problems: list[Problem] = []
        self._lines = key_lines(text)

    def add(self, path: KeyPath, message: str) -> None:
        """Note a problem at a key, which may be absent from the text."""
        self.problems.append(Problem(_dotted(path), message, line_of(self._lines, path)))

    def add_unknown(self, path: KeyPath, known: Iterable[str]) -> None:
        """Note a key that means nothing there, with the nearest that does."""
        self.add(path, f"unknown key; {_nearest(path[-1], list(known))}")

    def add_unknown_name(self, path: KeyPath, name: str, known: Iterable[str]) -> None:
        """Note that a value names something that does not exist."""
        self.add(path, f"there is no {json.dumps(name, ensure_ascii=False)}; {_nearest(name, list(known))}")

    def validated(
        self,
        model: type[_Model],
        table: object,
        path: KeyPath,
        context: Mapping[str, Any],
        *,
        may_hold_secrets: bool = False,
        besides: type[BaseModel] | None = None,
        sound_part: bool = False,
    ) -> _Model | None:
        """Return the table as its model, or None, having noted every reason why it cannot be one.

        `besides` reads other keys of the same table. `sound_part`: rather than None, what is left without
        the wrong keys, so that further checks find further problems.
        """
        if not isinstance(table, dict):
            self.add(path, "must be a table")
            return None
        try:
            return model.model_validate(table, context=dict(context))
        except ValidationError as error:
            details = error.errors(include_url=False)
        for detail in details:
            inner = tuple(str(part) for part in detail["loc"])
            if detail["type"] == "extra_forbidden":
                self.add(path + inner, _unknown_key(model, inner, besides))
            else:
                self.add(path + inner, _plain_words(detail, quote=not may_hold_secrets))
        wrong = {detail["loc"][0] for detail in details if detail["loc"]}
        sound = {key: value for key, value in table.items() if key not in wrong}
        return _model_or_none(model, sound, context) if sound_part else None


def _model_or_none(
    model: type[_Model], table: Mapping[str, Any], context: Mapping[str, Any]
) -> _Model | None:
    try:
        return model.model_validate(table, context=dict(context))
    except ValidationError:
        return None


def _dotted(path: KeyPath) -> str:
    bare = (part.replace("-", "").replace("_", "") for part in path)
    return ".".join(
        part if letters.isascii() and letters.isalnum() else json.dumps(part, ensure_ascii=False)
        for part, letters in zip(path, bare, strict=True)
    )


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"known here: {', '.join(known)}" if known else "nothing is known here"


def _unknown_key(model: type[BaseModel], inner: KeyPath, besides: type[BaseModel] | None) -> str:
    *tables, key = inner
    around: list[type[BaseModel]] = []
    here = model
    for table in tables:
        around.append(here)
        here = _table_of(here, table) or here
    if any(key in outer.model_fields for outer in around):
        return "unknown key; it belongs in the table around this one: write it above this one's [header]"
    readers = [here] if tables or besides is None else [here, besides]
    fields = [(reader, name) for reader in readers for name in reader.model_fields]
    for reader, name in fields:
        inside = _table_of(reader, name)
        if inside is not None and key in inside.model_fields:
            return f'unknown key; it belongs in the table "{name}"'
    return f"unknown key; {_nearest(key, [name for _, name in fields])}"


def _table_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    field = model.model_fields.get(name)
    kind = field.annotation if field is not None else None
    if isinstance(kind, UnionType):  # a table that may be left out
        kind = next(one for one in get_args(kind) if one is not NoneType)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _plain_words(detail: ErrorDetails, *, quote: bool) -> str:
    if detail["type"] == "value_error":
        return str(detail.get("ctx", {}).get("error", "is not valid"))
    words = _IN_PLAIN_WORDS.get(detail["type"])
    if words is None:
        words = detail["msg"].replace("Input should be", "must be").replace("'", '"')
    value = detail["input"]
    quotable = (str, int, float) if quote else (int, float)
    if detail["type"] == "missing" or not isinstance(value, quotable):
        return words
    quoted = json.dumps(value, ensure_ascii=False)
    return words if len(quoted) > _LONGEST_QUOTED else f"{words}, not {quoted}"
