"""Fuzz one parser of drop files, guided by coverage: `python tests/fuzz/fuzz.py json --minutes 10`.

Every input must end in rows that can be stock, or in a refusal; the same when read again; in bounded time and
memory. The corpus is kept in `.fuzz/`, where the input that made a check fail lies too.
"""

import argparse
import gzip
import io
import os
import random
import shutil
import sys
import unicodedata
import zipfile
import zlib
from contextlib import contextmanager
from json import dumps, loads
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

with atheris.instrument_imports(include=["syncd", "json", "gzip", "zipfile"]):
    from known_skus import Known
    from quantities import STYLES, units

    from syncd.core.numbers import AmbiguousNumber, parse_quantity
    from syncd.sources import reading, workbook
    from syncd.sources.delimited import read_delimited
    from syncd.sources.json_rows import read_json
    from syncd.sources.judge import FileTerms
    from syncd.sources.rows import KEPT_BAD_ROWS, ReadReport, SourceUnreadable
    from syncd.sources.workbooks import __main__ as child

FILES = ROOT / "tests" / "corpus" / "files"
KNOWN = Known(["1.23E+12", "1234567890123", "0012345", "12345", "A"])
MEMORY_MB = 1024
SECONDS = 10


def outcome(read, data, terms):
    """What one reading comes to, checked."""
    report = ReadReport()
    try:
        rows = list(read(io.BytesIO(data), terms, KNOWN, report))
    except SourceUnreadable as error:
        rows, refusal = [], str(error)
    else:
        refusal = ""
        check_report(report, rows)
    assert refusal.isprintable(), refusal
    for sku, location, quantity, line in rows:
        assert 1 <= len(sku) <= 200, sku
        assert len(location) <= 200, location
        assert not hidden(sku + location), (sku, location)
        assert quantity is None or (type(quantity) is int and 0 <= quantity < 2**31), quantity
        assert line >= 1, line
    return rows, report, refusal


def hidden(text):
    """What nobody sees. Letters newer than this Python do not print, and are letters all the same."""
    return {sign for sign in text if not sign.isprintable()} - {
        sign for sign in text if unicodedata.category(sign) in {"Zs", "Co"} or is_unassigned(sign)
    }


def is_unassigned(sign):
    return (
        unicodedata.category(sign) == "Cn"
        and ord(sign) % 0x10000 < 0xFFFE
        and not 0xFDD0 <= ord(sign) < 0xFDF0
    )


def check_report(report, rows):
    """The counts add up, and what is shown can be shown."""
    good = sum(quantity is not None for _, _, quantity, _ in rows)
    assert report.rows == good + report.blank + report.bad, report
    assert report.negative <= good, report
    assert report.unidentified <= report.bad, report
    assert len(report.bad_rows) == min(report.bad, KEPT_BAD_ROWS), report
    for text in (report.format, *report.notes, *(text for row in report.bad_rows for text in row[1:])):
        assert text.isprintable(), text
    assert all(row.line >= 1 for row in report.bad_rows), report


def terms_for(data, *, trailers=False):
    """Settings that follow from the input, so that the files of the corpus are inputs as they are."""
    number = len(data)
    trailer = "END,{rows}" if trailers and number % 5 == 0 else None
    return FileTerms(numbers=STYLES[number % len(STYLES)], trailer=trailer)


def both_times(read, data, terms):
    assert outcome(read, data, terms) == outcome(read, data, terms), "read again, it is something else"


def delimited(data):
    both_times(read_delimited, data, terms_for(data, trailers=True))


def json(data):
    both_times(read_json, data, terms_for(data))


def whole_file(data):
    """Whatever it is, its bytes tell."""

    def read(given, *rest):
        with os.fdopen(
            os.memfd_create("x"), "w+b"
        ) as file:  # a real one: it fails otherwise than one in memory
            file.write(given.getbuffer())
            yield from reading.read_file(file, "x", *rest)

    reading.opened_sheet = in_this_process
    both_times(read, data, terms_for(data, trailers=data[:1] == b"\x1f"))


@contextmanager
def in_this_process(file, kind, *, sheet, columns):
    """As `syncd.sources.workbook.opened_sheet`, but for the process: coverage is not seen in another."""
    try:
        messages = (loads(dumps(one)) for one in child._messages(file, kind, sheet, columns))
        yield workbook._sheet(next(messages), messages)
    except MemoryError as error:
        raise SourceUnreadable("As the process says.") from error


def numbers(data):
    """Each style against the oracle, which knows nothing of the code: any text, and one that looks like a number."""
    for text in (data.decode("utf-8", "replace"), "".join(NUMERIC[byte % len(NUMERIC)] for byte in data)):
        for style in STYLES:
            check_number(text, style)


def check_number(text, style):
    assert said(text, style) == units(text, style), (text, style)


def said(text, style):
    """What the code makes of a text, in the oracle's words."""
    try:
        return parse_quantity(text, style)
    except AmbiguousNumber as ambiguous:
        return set(ambiguous.readings)
    except ValueError:
        return "bad"


def inside(data, max_size, seed):
    """Change what is packed rather than the packing, most of the time: else nearly all dies at its checksum."""
    chance = random.Random(seed)
    members = members_of(data) if chance.random() < 0.8 else None
    if not members:
        return atheris.Mutate(data, max_size)
    at = chance.randrange(len(members))
    name, content = members[at]
    members[at] = name, bytes(atheris.Mutate(content, max(len(content) * 2, 64)))
    return repacked(data, members, chance)[:max_size]


def members_of(data):
    try:
        if data[:2] == b"\x1f\x8b":
            return [("", gzip.decompress(data))]
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(member.filename, archive.read(member)) for member in archive.infolist()]
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile):
        return None


def repacked(data, members, chance):
    if data[:2] == b"\x1f\x8b":
        return gzip.compress(members[0][1], 1, mtime=0)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


NUMERIC = "0123456789000999.,.,.,.,--+eE \u00a0"
CELLS = ("", "5", "-3", "+5", "1.234", "1,234", "1.234,5", "1,234.56", "1 234", "1999.9999999", "1E+05", "NaN", "inf",
         "2147483647", "2147483648", "0.000001", "0,500", "#N/A", "Rp 5", "12,34", "1_000", "٣")  # fmt: skip

PARSERS = {
    "delimited": (delimited, None, ("*.csv", "*.tsv", "*.txt")),
    "json": (json, None, ("*.json", "*.jsonl")),
    "packed": (whole_file, inside, ("*.gz", "*.zip")),
    "xlsx": (whole_file, inside, ("*.xlsx",)),
    "xls": (whole_file, None, ("*.xls",)),
    "ods": (whole_file, inside, ("*.ods",)),
    "numbers": (numbers, None, ()),
}


def seeds(parser, patterns):
    """Give the folder with the inputs to begin with."""
    folder = ROOT / ".fuzz" / f"{parser}-seeds"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for pattern in patterns:
        for file in FILES.glob(pattern):
            shutil.copy(file, folder)
    if not patterns:
        for number, cell in enumerate(CELLS):
            (folder / str(number)).write_text(cell)
    return folder


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("parser", choices=PARSERS)
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--input", type=Path, help="read this one file instead")
    chosen = arguments.parse_args()
    target, mutator, patterns = PARSERS[chosen.parser]
    if chosen.input:
        target(chosen.input.read_bytes())
        return
    corpus = ROOT / ".fuzz" / chosen.parser
    corpus.mkdir(parents=True, exist_ok=True)
    atheris.Setup(
        [
            sys.argv[0],
            f"-max_total_time={int(chosen.minutes * 60)}",
            f"-timeout={SECONDS}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-max_len={1 << 8 if chosen.parser == 'numbers' else 1 << 15}",
            f"-artifact_prefix={ROOT / '.fuzz' / chosen.parser}-",
            "-len_control=20",
            "-print_final_stats=1",
            str(corpus),
            str(seeds(chosen.parser, patterns)),
        ],
        target,
        custom_mutator=mutator,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
