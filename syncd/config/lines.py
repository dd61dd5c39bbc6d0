"""On which line of a TOML text each key stands, so that an error can point at it.

`tomllib` tells what a text says, not where. This scan is only for texts that `tomllib` has accepted.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import NamedTuple

KeyPath = tuple[str, ...]

_TOKEN = re.compile(
    r'''
      (?P<aside> [ \t\r]+ | \#[^\n]* )
    | (?P<text> """(?:\\.|[^\\])*?"{3,5} | \'\'\'.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
    | (?P<mark> [\[\]{}=,.\n] )
    | (?P<bare> [^\s\[\]{}=,.#"']+ )
    ''',
    re.VERBOSE | re.DOTALL,
)


class _Token(NamedTuple):
    text: str
    line: int


def key_lines(text: str) -> dict[KeyPath, int]:
    """Map the path of each key and table to the line (from 1) on which it first stands.

    What lies inside an array has no path of its own: it belongs to the key of the array. The tables of
    `[[header]]` are counted: the keys of the first have "0" behind the header's path.
    """
    return _Scan(text.replace("\r\n", "\n")).whole_text()


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int | None:
    """Return the line of a key or, where it does not stand in the text, of the nearest table around it."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _Scan:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0
        self._lines: dict[KeyPath, int] = {}
        self._last: dict[KeyPath, int] = {}

    def whole_text(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while (token := self._peek()) is not None:
            if token.text == "\n":
                self._next += 1
            elif token.text == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _header(self) -> KeyPath:
        brackets = 0
        while self._take("["):
            brackets += 1
        line = self._tokens[self._next].line
        table = self._key(())
        self._next += brackets
        return self._counted(table, line, begins=brackets > 1)

    def _counted(self, table: KeyPath, line: int, *, begins: bool) -> KeyPath:
        """Lead into the last of several tables of one name. `begins`: the header begins one more."""
        path: KeyPath = ()
        for place, part in enumerate(table, 1):
            path = (*path, part)
            if begins and place == len(table):
                self._last[path] = self._last.get(path, -1) + 1
            if path in self._last:
                path = (*path, str(self._last[path]))
                self._lines.setdefault(path, line)
        return path

    def _pair(self, table: KeyPath) -> None:
        path = self._key(table)
        self._next += 1  # the equals sign
        self._value(path)

    def _key(self, before: KeyPath) -> KeyPath:
        path = before
        while True:
            token = self._tokens[self._next]
            self._next += 1
            path = (*path, _unquoted(token.text))
            self._lines.setdefault(path, token.line)
            if not self._take("."):
                return path

    def _value(self, path: KeyPath) -> None:
        if self._take("{"):
            while not self._take("}"):
                if not (self._take(",") or self._take("\n")):
                    self._pair(path)
        elif self._take("["):
            self._rest_of_array()
        else:
            while (token := self._peek()) is not None and token.text not in {"\n", ",", "}"}:
                self._next += 1

    def _rest_of_array(self) -> None:
        open_brackets = 1
        while open_brackets:
            text = self._tokens[self._next].text
            open_brackets += (text in {"[", "{"}) - (text in {"]", "}"})
            self._next += 1

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, mark: str) -> bool:
        token = self._peek()
        taken = token is not None and token.text == mark
        self._next += taken
        return taken


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "aside":
            yield _Token(match[0], line)
        line += match[0].count("\n")


def _unquoted(key: str) -> str:
    return next(iter(tomllib.loads(f"{key} = 0"))) if key[0] in "\"'" else key
