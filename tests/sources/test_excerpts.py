"""Only what differs is read, and never where that would not be the same as reading the whole."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.sources import excerpts
from syncd.sources.excerpts import FileRead, Succession, differing_lines
from syncd.sources.files import Identity, OwnFile
from syncd.sources.judge import FileTerms
from syncd.sources.reading import read_file
from syncd.sources.rows import NothingKnown, ReadReport

PLAIN = FileTerms()
BEFORE = "sku,quantity\nA,1\nB,2\nC,3\n"


def own(path: Path, content: str | bytes) -> OwnFile:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return OwnFile(path.name, path.parent, path.name, Identity.of(path.stat()))


def read(file: OwnFile, terms=PLAIN) -> tuple[FileRead, list]:
    report = ReadReport()
    with file.open() as stream:
        rows = list(read_file(stream, file.name, terms, NothingKnown(), report))
    return FileRead(file.sha256(), report), rows


@pytest.fixture
def excerpt_of(tmp_path):
    def excerpt(before, after, *, name="after.csv", was=None, terms=PLAIN):
        old, new = own(tmp_path / "before.csv", before), own(tmp_path / name, after)
        was = was or read(old, terms)[0]
        return Succession(old, was, new, terms).excerpt(NothingKnown(), lambda: None)

    return excerpt


def test_what_differs_is_read_and_the_report_is_of_the_whole(excerpt_of):
    found = excerpt_of(BEFORE, "sku,quantity\nNEW,7\nA,1\nC,-4\n")

    assert [row[:3] for row in found.gone] == [("B", "", 2), ("C", "", 3)]
    assert found.rows == [("NEW", "", 7, 2), ("C", "", 0, 4)]
    assert (found.listed, found.report.rows, found.report.negative) == (3, 3, 1)
    assert found.report.format == "CSV; comma; UTF-8; sku=sku, quantity=quantity"


def test_lines_that_only_moved_are_not_read(excerpt_of):
    found = excerpt_of(BEFORE, "sku,quantity\nC,3\nA,1\nB,2\n")

    assert (found.gone, found.rows, found.report.rows) == ([], [], 3)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(BEFORE.replace("quantity", "Quantity"), id="other headers"),
        pytest.param("\n" + BEFORE, id="headers elsewhere"),
        pytest.param(BEFORE + "D,\n", id="a blank quantity"),
        pytest.param(BEFORE + "D,many\n", id="a bad row"),
        pytest.param(BEFORE + "\n", id="a blank line"),
        pytest.param(BEFORE + "D,4", id="no line end"),
        pytest.param(BEFORE + "D,4\r5\n", id="a return within a line"),
        pytest.param(BEFORE + "D,4\r\r\n", id="two returns"),
        pytest.param(BEFORE + '"D\nE",4\n', id="a row in two lines"),
        pytest.param(BEFORE + 'D,"4\n', id="a quote that does not close"),
        pytest.param(BEFORE.replace("A,1", 'A,"1') + 'D,4"\n', id="quotes around lines that were there"),
        pytest.param(BEFORE + "D,1.234\n", id="a number to be read in two ways"),
        pytest.param(BEFORE.encode() + b"D\xe9,4\n", id="another encoding"),
        pytest.param(BEFORE.encode() + b"D\xff\xfe,4\n", id="none"),
        pytest.param(BEFORE + "D,4\nD,4\n", id="a line twice"),
        pytest.param("", id="empty"),
    ],
)
def test_in_doubt_the_whole_is_read(excerpt_of, after):
    assert excerpt_of(BEFORE, after) is None


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(BEFORE + "D,\n", id="a blank quantity"),
        pytest.param(BEFORE + "\n", id="a blank line"),
        pytest.param(BEFORE + '"D\nE",4\n', id="a row in two lines"),
        pytest.param(BEFORE.replace("\n", "\r"), id="lines that end with returns"),
        pytest.param("Report\n" + BEFORE, id="a title"),
        pytest.param(BEFORE + "D,4", id="no line end"),
        pytest.param(BEFORE.encode("utf-16"), id="UTF-16"),
        pytest.param((BEFORE + "Dé,4\n").encode("cp1252"), id="Windows-1252"),
    ],
)
def test_a_file_that_was_not_plain_is_nothing_to_compare_with(excerpt_of, before):
    after = before.encode() if isinstance(before, str) else before
    wide = after[:2] == b"\xff\xfe"
    assert excerpt_of(before, after.replace(*((b"A\0", b"X\0") if wide else (b"A,", b"X,")))) is None


def test_a_line_within_a_cell_is_no_row(excerpt_of):
    before = 'sku,quantity,name\nA,1,n\nB,2,"of\nA,9,n\nold"\n'

    assert excerpt_of(before, before.replace("A,9", "A,8")) is None


def test_lines_that_end_in_two_ways_are_counted_by_nobody(excerpt_of):
    before = "sku,quantity\nA,1\rB,2\n\n"

    assert excerpt_of(before, before + "C,4\n") is None


def test_another_file_than_the_one_that_was_read_is_nothing_to_compare_with(excerpt_of, tmp_path):
    was, _ = read(own(tmp_path / "read.csv", BEFORE.replace("A,1", "A,9")))

    assert excerpt_of(BEFORE, BEFORE.replace("B,2", "B,5"), was=was) is None


def test_a_trailer_is_checked_against_the_whole(excerpt_of):
    terms = FileTerms(trailer="END {rows}")
    assert excerpt_of(BEFORE + "END 3\n", BEFORE + "D,4\nEND 4\n", terms=terms) is None


def test_what_is_packed_or_called_otherwise_is_read_as_a_whole(excerpt_of):
    assert excerpt_of(BEFORE, BEFORE.replace("B,2", "B,5"), name="after.json") is None


def test_a_file_that_is_all_different_is_read_as_a_whole(excerpt_of, monkeypatch):
    monkeypatch.setattr(excerpts, "MOST_DIFFERENT", 5)
    assert excerpt_of(BEFORE, "sku,quantity\nA,2\nB,3\nC,4\n") is None
    assert excerpt_of(BEFORE, "sku,quantity\nA,2\nB,3\nC,3\n") is not None


def test_a_line_without_end_is_not_taken_into_memory(excerpt_of):
    assert excerpt_of(BEFORE, BEFORE + "D" * 3_000_000) is None


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_marks_and_line_ends_stay(excerpt_of, end, mark):
    before = mark + BEFORE.replace("\n", end)

    found = excerpt_of(before, before.replace("B,2", "B,5"))

    assert (found.gone[0][0], found.rows) == ("B", [("B", "", 5, 3)])


texts = st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e", b"f"]), max_size=8)


@given(
    st.lists(st.sampled_from(b"abcdef"), unique=True).map(lambda some: [bytes([one]) for one in some]), texts
)
def test_the_difference_is_that_of_the_lines_whatever_their_order(before, after):
    found = differing_lines(before, after, moved=lambda: None)

    gone, come = Counter(before) - Counter(after), Counter(after) - Counter(before)
    if found is None:
        assert max(come.values(), default=0) > 1 or max(Counter(after).values()) > 1
        return
    assert Counter(line.text for line in found[0]) == gone
    assert Counter(line.text for line in found[1]) == come
    assert all(after[line.number - 1] == line.text for line in found[1])
    assert [line.number for line in found[1]] == sorted(line.number for line in found[1])
