"""What events the code writes, and what docs/events.md says of them: both read, so that they can be compared.

The code is read as syntax. An event must be a literal (or one of two, by `a if b else c`), and its fields
must be spelt out: as arguments, or as a dict literal in the same function or in a method of the class.
"""

import ast
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from syncd.logs import repetition

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "events.md"
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
OF_EVERY_LINE = {"exc_info"}
ROW = re.compile(r"^\| `(\w+)` \|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$", re.MULTILINE)


@dataclass
class Described:
    """An event. `places`: where the code writes it."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    places: list[str] = field(default_factory=list)
    meaning: str = ""
    remedy: str = ""


class Unreadable(Exception):
    """The code names an event, or a field, in a way that cannot be read without running it."""


def described() -> dict[str, Described]:
    """Give what the page says of each event."""
    return {
        event: Described(
            set(re.findall(r"\w+", levels)), set(re.findall(r"`(\w+)`", fields)), [], meaning, remedy
        )
        for event, levels, fields, meaning, remedy in ROW.findall(PAGE.read_text())
    }


@cache
def written() -> dict[str, Described]:
    """Give what the code writes."""
    found: dict[str, Described] = defaultdict(Described)
    files = [file for file in sorted((ROOT / "syncd").rglob("*.py")) if file.parent.name != "logs"]
    trees = {file: ast.parse(file.read_text()) for file in files}
    bound = _bound_fields(trees.values())
    for file, tree in trees.items():
        _Reader(str(file.relative_to(ROOT)), bound, found).visit(tree)
    for event in ("lines_withheld", "lines_lost"):
        found[event].places.append("syncd/logs/writing.py")
    found["lines_lost"].levels, found["lines_lost"].fields = {"warning"}, {"count"}
    sums = {name for names in repetition._ADDED_UP.values() for name in names}
    found["lines_withheld"].levels = {"info", "warning"}
    found["lines_withheld"].fields = {"of", "count", "seconds", "code", *repetition._KIND, *sums}
    return dict(found)


def _bound_fields(trees) -> dict[str, set[str]]:
    """Give the fields that the loggers of each class carry, by the class's name."""
    own, bases = {}, {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
                own[node.name] = {
                    keyword.arg
                    for call in ast.walk(node)
                    if isinstance(call, ast.Call) and _is_named(call.func, "bind")
                    for keyword in call.keywords
                }
    return {name: own[name].union(*(own.get(base, set()) for base in bases[name])) for name in own}


def _is_named(function: ast.expr, name: str) -> bool:
    return isinstance(function, ast.Attribute) and function.attr == name


class _Reader(ast.NodeVisitor):
    def __init__(self, file, bound, found):
        self.file, self.bound, self.found = file, bound, found
        self.classes, self.functions = [], []

    def visit_ClassDef(self, node):
        self.classes.append(node)
        self.generic_visit(node)
        self.classes.pop()

    def visit_FunctionDef(self, node):
        self.functions.append(node)
        self.generic_visit(node)
        self.functions.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 (the name that ast calls)

    def visit_Call(self, node):
        levels = self.levels_of(node.func)
        if levels:
            self.note(node, levels)
        self.generic_visit(node)

    def levels_of(self, function) -> set[str]:
        """Give the levels at which a call writes; none where it writes no line."""
        if isinstance(function, ast.IfExp):
            return self.levels_of(function.body) | self.levels_of(function.orelse)
        if isinstance(function, ast.Name) and (given := self.assigned(function.id)) is not None:
            return self.levels_of(given) if isinstance(given, ast.IfExp | ast.Attribute) else set()
        if not isinstance(function, ast.Attribute) or function.attr not in LEVELS:
            return set()
        return {LEVELS[function.attr]} if self.is_logger(function.value) else set()

    def is_logger(self, value) -> bool:
        if isinstance(value, ast.Call):
            name = value.func.id if isinstance(value.func, ast.Name) else getattr(value.func, "attr", "")
            return name in {"get_logger", "bind"}
        name = value.id if isinstance(value, ast.Name) else getattr(value, "attr", "")
        return name in {"log", "_log"}

    def assigned(self, name):
        """Give what a local variable was set to, if it was set once."""
        nodes = ast.walk(self.functions[-1]) if self.functions else []
        found = [
            node.value
            for node in nodes
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name) and target.id == name
        ]
        return found[0] if len(found) == 1 else None

    def note(self, node, levels):
        place = f"{self.file}:{node.lineno}"
        bound = self.bound.get(self.classes[-1].name, set()) if self.classes else set()
        fields = {name for keyword in node.keywords for name in self.fields_of(keyword, place)} | bound
        for event in self.events_of(node.args[0] if node.args else None, place):
            self.found[event].levels |= levels
            self.found[event].fields |= fields - OF_EVERY_LINE
            self.found[event].places.append(place)

    def events_of(self, node, place) -> list[str]:
        if isinstance(node, ast.Name):
            node = self.assigned(node.id)
        if isinstance(node, ast.IfExp):
            return self.events_of(node.body, place) + self.events_of(node.orelse, place)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [node.value]
        raise Unreadable(f"{place}: write the name of the event as a literal")

    def fields_of(self, keyword, place) -> set[str]:
        if keyword.arg is not None:
            return {keyword.arg}
        value = keyword.value
        if isinstance(value, ast.Name):
            added = self.added_to(value.id)
            value = self.assigned(value.id)
        else:
            added = set()
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            value = self.returned_by(value.func.attr)
        if isinstance(value, ast.Dict) and all(isinstance(key, ast.Constant) for key in value.keys):
            return {key.value for key in value.keys} | added
        raise Unreadable(f"{place}: spell its fields out (as arguments, or as a dict literal here)")

    def added_to(self, name) -> set[str]:
        """Give the keys that a function sets in a dict of this name."""
        return {
            target.slice.value
            for node in ast.walk(self.functions[-1])
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Subscript) and getattr(target.value, "id", "") == name
        }

    def returned_by(self, method):
        for node in ast.walk(self.classes[-1]) if self.classes else []:
            if isinstance(node, ast.FunctionDef) and node.name == method:
                [returned] = [one.value for one in ast.walk(node) if isinstance(one, ast.Return)]
                return returned
        return None
