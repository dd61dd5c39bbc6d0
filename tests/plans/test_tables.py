"""Tables of a plan: any text gives rows or problems with their lines, never an exception."""

import csv
import io
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rights import as_nobody

from syncd.plans.columns import Asked
from syncd.plans.opening import PlanFile
from syncd.plans.problems import MOST_KEPT, Problems
from syncd.plans.tables import TableFile

ASKED = Asked(("sku", "product_id", "externalId"), needed=("sku",))


def read(path, asked=ASKED, label="list.csv"):
    problems = Problems()
    lines = list(TableFile(path, label).lines(asked, problems))
    return [(origin, *cells) for origin, cells in lines], problems


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def read_text(text, *, encoding="utf-8"):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return read(path)


def test_headers_mean_the_same_whatever_their_case_blanks_and_underscores():
    rows, problems = read_text("Product ID,SKU,external_id\n12,A,x\n")

    assert rows == [("list.csv line 2", "A", "12", "x")]
    assert problems.kept == []


def test_a_column_that_is_not_there_is_blank():
    assert read_text("sku\nA\n\nB\n")[0] == [
        ("list.csv line 2", "A", "", ""),
        ("list.csv line 4", "B", "", ""),
    ]


@pytest.mark.parametrize("delimiter", list(",;\t|"))
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_it_is_told_by_the_file_how_it_is_written(delimiter, end, encoding):
    text = end.join((delimiter.join(("sku", "product_id")), delimiter.join(("Té", '"1, 2; 3"')), ""))

    rows, problems = read_text(text, encoding=encoding)

    assert (rows, problems.kept) == ([("list.csv line 2", "Té", "1, 2; 3", "")], [])


def test_mixed_line_ends_and_the_line_of_excel_are_read():
    rows, problems = read_text("sep=;\r\nsku;product_id\rA;1\nB;2\r\n\r\nC;3")

    assert [row[1:3] for row in rows] == [("A", "1"), ("B", "2"), ("C", "3")]
    assert rows[-1][0] == "list.csv line 6"
    assert problems.kept == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "list.csv: is empty: write at least a row of headers, or take it out of syncd.toml"),
        ("sep=;\n\n", 'list.csv: has nothing after "sep=;": write a row of headers'),
        ("A;1\n", "list.csv line 1: unknown column"),
        ("sku,produkt_id\nA,1\n", 'list.csv line 1: unknown column "produkt_id"; did you mean "product_id"?'),
        ("sku,colour\n", 'list.csv line 1: unknown column "colour"; known here: sku, product_id, externalId'),
        ("sku,S K U\n", 'list.csv line 1: two columns are called "sku": keep one'),
        ("product_id\n1\n", 'list.csv line 1: no column is called "sku": the headers are "product_id"'),
        (
            "sku,product_id\nA\n",
            "list.csv line 2: 1 cells, but 2 headers: give each header one, blank or not",
        ),
        ("sku,\nA,x\n", 'list.csv line 2: "x" in column 2, which has no header: give it one'),
        ('sku\n"A\n', "list.csv line 2: is not readable as CSV: unexpected end of data"),
        ('sku\n"A\nB\nC\n', "list.csv: quotes do not match, starting on line 2"),
        ('"sku\n', "list.csv: its headers cannot be read: unexpected end of data"),
        ("sku\nA\0\n", "list.csv: line 2 has a NUL byte: not a text file"),
        ("PK\3\4\0\0sku\n", "list.csv: line 1 has a NUL byte: not a text file"),
        (b"sku\n\xc3\xa9 \xff\n", "list.csv: not UTF-8: line 2 has the byte 0xFF"),
        (
            "sku\n" + "A" * 70_000 + "\n",
            "list.csv line 2: is not readable as CSV: field larger than field limit",
        ),
        ("sku\n" + "A" * 3_000_000, "list.csv"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text, problem):
    rows, problems = read_text(text)

    assert rows == []
    assert problems.kept[0].startswith(problem)
    assert not problems.passing


def test_a_row_that_cannot_be_split_costs_no_other():
    rows, problems = read_text('sku,product_id\nA,1\nB,"2"x\nC,3\n')

    assert [row[1] for row in rows] == ["A", "C"]
    assert [problem.split(": ")[0] for problem in problems.kept] == ["list.csv line 3"]


def test_columns_without_a_header_may_be_there_if_nothing_stands_in_them():
    assert read_text("sku,,\nA,,\n")[0] == [("list.csv line 2", "A", "", "")]


def test_all_problems_are_counted_and_the_first_kept():
    _, problems = read_text("sku\n" + "A,B\n" * 300)

    assert problems.count == 300
    assert len(problems.kept) == MOST_KEPT


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=200))
def test_any_text_gives_rows_or_problems_and_the_same_ones_again(text):
    first, second = read_text("sku,product_id\n" + text), read_text("sku,product_id\n" + text)

    assert (first[0], first[1].kept) == (second[0], second[1].kept)
    for problem in first[1].kept:
        assert problem.startswith(("list.csv: ", "list.csv line "))
        assert problem.isprintable()


@given(st.binary(max_size=200))
def test_any_bytes_give_rows_or_problems(data):
    rows, problems = read_text(data)

    assert rows or problems.count or not data.split(b"\n", 1)[-1].strip()


@given(st.lists(st.tuples(*[st.text(st.characters(exclude_categories=("C", "Z")))] * 3), max_size=10))
def test_any_table_reads_back_equal(rows):
    written = io.StringIO()
    csv.writer(written).writerows([("sku", "product_id", "externalId"), *rows])

    got, problems = read_text(written.getvalue())

    assert [row[1:] for row in got] == [row for row in rows if any(row)]
    assert problems.kept == []


def test_a_file_that_is_none_is_told_as_what_it_is(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("else.csv")
    (tmp_path / "folder").mkdir()

    told = {name: read(tmp_path / name)[1] for name in ("pipe", "link", "folder", "gone")}

    assert "is a pipe or a device" in told["pipe"].kept[0]
    assert 'is a link to "else.csv": name that file itself' in told["link"].kept[0]
    assert "is a folder" in told["folder"].kept[0]
    assert "cannot be opened: No such file or directory: write it, or correct" in told["gone"].kept[0]
    assert "is a pipe or a device" in read(Path("/dev/null"))[1].kept[0]


def test_a_file_that_may_not_be_read_is_told(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("sku\nA\n")
    path.chmod(0)

    with as_nobody():
        _, problems = read(path)

    assert (
        "list.csv: cannot be opened: Permission denied: give the user that syncd runs as" in problems.kept[0]
    )
    assert problems.passing


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "list.csv"
    with path.open("wb") as file:
        file.truncate((1 << 30) + 1)

    assert "has 1,073,741,825 bytes, more than the 1,073,741,824 that are read" in read(path)[1].kept[0]


@pytest.mark.parametrize("write", ["in place", "renamed"])
def test_a_file_that_changes_while_it_is_read_is_told(tmp_path, write):
    path = tmp_path / "list.csv"
    path.write_text("sku\nA\nB\n")
    table, problems = TableFile(path, "list.csv"), Problems()
    if write == "in place":
        reading = table.lines(ASKED, problems)
        next(reading)
        path.write_text("sku\nA\n")
    else:
        list(table.lines(ASKED, problems))
        (tmp_path / "new").write_text("sku\nA\nB\n")
        (tmp_path / "new").rename(path)
        reading = table.lines(ASKED, problems)

    list(reading)

    assert problems.kept[0].startswith("list.csv: changed while it was being read")
    assert problems.passing


def test_text_that_is_overwritten_with_bytes_of_another_encoding_is_told(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("sku\n" + "A\n" * 500_000)
    table, problems = TableFile(path, "list.csv"), Problems()
    reading = table.lines(ASKED, problems)
    next(reading)
    with path.open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(b"\xff")

    list(reading)

    assert problems.kept == ["list.csv: is not the text that it was: it is read again"]
    assert problems.passing


def test_a_file_that_is_let_go_of_in_the_middle_is_closed(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("sku\nA\nB\n")
    before = open_files()
    reading = TableFile(path, "list.csv").lines(ASKED, Problems())
    next(reading)

    reading.close()

    assert open_files() == before
    with PlanFile(path).opened() as file:
        assert file.read() == b"sku\nA\nB\n"
