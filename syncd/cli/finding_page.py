"""How findings look: a line of what, and below it a line of what to do; or JSON."""

import os
import shutil
import sys
import textwrap
from collections import Counter
from typing import Final

import click

from syncd.checking.findings import Finding, Weight
from syncd.cli.output import cell, print_json

_MARKS: Final = {Weight.FINE: "✓", Weight.NOTE: "!", Weight.PROBLEM: "✗"}
_COLOURS: Final = {Weight.FINE: "green", Weight.NOTE: "yellow", Weight.PROBLEM: "red"}
_NARROWEST: Final = 40
_WIDEST: Final = 110


class Page:
    """Shows findings as they come, or all together as JSON at the end."""

    def __init__(self, *, as_json: bool) -> None:
        """Begin empty."""
        self._as_json = as_json
        self._findings: list[Finding] = []

    def add(self, finding: Finding) -> None:
        """Show one more."""
        self._findings.append(finding)
        if not self._as_json:
            self._show(finding)

    def end(self) -> None:
        """Say what it comes to."""
        if self._as_json:
            findings = [finding.as_json() for finding in self._findings]
            print_json({"ok": self.worst is not Weight.PROBLEM, "findings": findings})
            return
        counts = Counter(finding.weight for finding in self._findings)
        problems, notes = counts[Weight.PROBLEM], counts[Weight.NOTE]
        said = f"{problems} to be mended" if problems else "nothing is to be mended"
        click.echo(f"\n{said}{f', {notes} worth knowing' if notes else ''}")

    @property
    def worst(self) -> Weight:
        """The worst of what was found."""
        found = {finding.weight for finding in self._findings}
        return next((w for w in (Weight.PROBLEM, Weight.NOTE) if w in found), Weight.FINE)

    def _show(self, finding: Finding) -> None:
        mark = click.style(_MARKS[finding.weight], fg=_COLOURS[finding.weight], bold=True)
        click.echo(f"{mark} {_folded(f'{finding.about}: {cell(finding.what)}')}")
        if finding.remedy:
            click.echo(f"  → {_folded(cell(finding.remedy), indent=4)}")


def _folded(text: str, indent: int = 2) -> str:
    """Fold a text to the terminal's width; on a pipe it stays one line, for grep."""
    if not sys.stdout.isatty():
        return text
    width = min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST) - indent
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return f"{os.linesep}{' ' * indent}".join(lines)
