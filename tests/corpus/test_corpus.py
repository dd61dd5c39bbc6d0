"""Each file of the corpus is read as its record says, wholly, and nothing else.

The records in `expected.toml` are the truth: they were checked by hand against what the files say.
"""

import tomllib
from pathlib import Path

import pytest
from known_skus import Known

from syncd.sources.judge import FileTerms
from syncd.sources.reading import read_file
from syncd.sources.rows import ReadReport, SourceUnreachable, SourceUnreadable

FOLDER = Path(__file__).parent
FILES = FOLDER / "files"
EXPECTED = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))
SETTINGS = ("columns", "numbers", "sheet", "trailer", "known")
LARGEST = 50_000


def read(name, settings):
    report = ReadReport()
    terms = FileTerms(**{"numbers": "auto", **{key: settings[key] for key in settings if key != "known"}})
    with (FILES / name).open("rb") as file:
        return list(read_file(file, name, terms, Known(settings.get("known", ())), report)), report


def told(rows, report):
    """What came of a reading, in the words of a record."""
    return {
        "format": report.format,
        "notes": report.notes,
        "read": report.rows,
        "blank": report.blank,
        "negative": report.negative,
        "unidentified": report.unidentified,
        "rows": [[line, sku, place, "none" if units is None else units] for sku, place, units, line in rows],
        "bad": [list(row) for row in report.bad_rows],
    }


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_is_read_as_its_record_says(name):
    record = dict(EXPECTED[name])
    settings = {key: record.pop(key) for key in SETTINGS if key in record}
    if "refused" in record:
        with pytest.raises(SourceUnreadable) as caught:
            read(name, settings)
        assert record.pop("refused") in str(caught.value)
        assert not isinstance(caught.value, SourceUnreachable)
        assert record == {}
        return
    rows, report = read(name, settings)
    nothing = {"notes": [], "blank": 0, "negative": 0, "unidentified": 0, "bad": []}
    assert told(rows, report) == nothing | record
    assert report.bad == len(report.bad_rows)


def test_every_file_has_a_record_and_every_record_a_file():
    assert {path.name for path in FILES.iterdir()} == EXPECTED.keys()


def test_every_file_is_small():
    assert {path.name: path.stat().st_size for path in FILES.iterdir() if path.stat().st_size > LARGEST} == {}
