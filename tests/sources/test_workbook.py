"""The process that reads workbooks, seen from outside: what it says, how it dies, what is left of it."""

import contextlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from known_skus import Known

from syncd.sources import workbook
from syncd.sources.judge import FileTerms
from syncd.sources.reading import read_file
from syncd.sources.rows import ReadReport, SourceUnreachable, SourceUnreadable

ROOT = Path(__file__).parents[2]


def saved(path, *sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def read(path, **terms):
    report = ReadReport()
    with path.open("rb") as file:
        return list(read_file(file, path.name, FileTerms(**terms), Known(), report)), report


def refusal(path, **terms):
    with pytest.raises(SourceUnreadable) as caught:
        read(path, **terms)
    return str(caught.value)


def descriptors():
    return sorted(Path("/proc/self/fd").iterdir())


def children():
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


@pytest.fixture(autouse=True)
def nothing_is_left():
    before = descriptors(), children()
    yield
    assert (descriptors(), children()) == before


@pytest.fixture
def stock(tmp_path):
    rows = [
        ("Kode Barang", "Gudang", "Stok"),
        ("007", "JKT", 5),
        (8, "JKT", 2.5),
        ("X", None, "some"),
        (None,) * 3,
    ]
    return saved(tmp_path / "stock.xlsx", ("Stok", rows))


def test_a_workbook_is_read_like_any_file(stock):
    rows, report = read(stock)
    assert rows == [("007", "JKT", 5, 2), ("8", "JKT", 2, 3), ("X", "", None, 4)]
    assert report.format == "XLSX; sheet Stok; sku=Kode Barang, quantity=Stok, location=Gudang"
    assert (report.rows, report.bad) == (3, 1)
    assert report.bad_rows[0][:3] == (4, "Stok", "some")


def test_a_packed_workbook_is_too(stock, tmp_path):
    packed = tmp_path / "stock.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(stock, "stock.xlsx")
    rows, report = read(packed)
    assert len(rows) == 3
    assert report.format.startswith("ZIP: stock.xlsx; XLSX; sheet Stok")


def test_more_rows_than_are_told_at_once_all_come(tmp_path):
    table = [(f"SKU-{n}", n) for n in range(1_700)]
    rows, report = read(saved(tmp_path / "a.xlsx", ("S", [("sku", "qty"), *table])))
    assert [(row[0], row[2]) for row in rows] == table
    assert report.rows == 1_700


def test_the_sheet_may_have_to_be_named(tmp_path):
    path = saved(
        tmp_path / "a.xlsx", ("Jan", [("sku", "qty"), ("A", 1)]), ("Feb", [("sku", "qty"), ("A", 2)])
    )
    assert 'sheet = "' in refusal(path)
    assert read(path, sheet="Feb")[0] == [("A", "", 2, 2)]
    assert '"Jan", "Feb"' in refusal(path, sheet="Mar")


def test_columns_can_be_named(stock):
    assert 'No column has the header "Toko"' in refusal(stock, columns={"location": "Toko"})


def test_a_trailer_cannot_be_in_a_workbook(stock):
    assert "trailer" in refusal(stock, trailer="END")


@pytest.mark.parametrize("cut", [1, 30, 2_000])
def test_a_workbook_that_is_cut_off_is_refused(stock, tmp_path, cut):
    path = tmp_path / "cut.xlsx"
    path.write_bytes(stock.read_bytes()[:-cut])
    refusal(path)


def test_rows_that_are_not_taken_end_the_reader(stock):
    for take in (0, 1):
        with stock.open("rb") as file:
            rows = read_file(file, "a.xlsx", FileTerms(), Known(), ReadReport())
            for _ in range(take):
                next(rows)
            rows.close()


class TestAReaderThatFails:
    @pytest.fixture(autouse=True)
    def noisy(self, monkeypatch):
        monkeypatch.setattr(workbook, "_READER", "noisy_reader")
        monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "support"))

    @pytest.fixture
    def rows_of(self, stock):
        @contextlib.contextmanager
        def rows_of(told):
            with (
                stock.open("rb") as file,
                workbook.opened_sheet(file, "xlsx", sheet=told, columns=None) as sheet,
            ):
                yield sheet.rows

        return rows_of

    def test_one_that_ends_properly_is_believed(self, rows_of):
        with rows_of("well") as rows:
            assert [row[:2] for row in rows] == [(2, "A"), (3, "B")]

    @pytest.mark.parametrize(
        ("told", "words"),
        [
            ("die", "ended by signal 9"),
            ("work", "more than 600 s of work"),
            ("stop", "ended with status 3"),
            ("miscount", "made no sense"),
            ("say ", "made no sense"),
            ('say {"sheet": 1}', "made no sense"),
            ("say [[1, 2, 3, 4]]", "made no sense"),
            ('say {"refused": "why\\u001b[2J"}', "why\\x1b[2J"),
        ],
    )
    def test_one_that_does_not_leaves_nothing_of_the_file(self, rows_of, told, words):
        with pytest.raises(SourceUnreadable) as caught, rows_of(told) as rows:
            list(rows)
        assert words in str(caught.value)

    @pytest.mark.parametrize(
        "row",
        [
            "[0, 1, 2, 3]",
            "[1, 2, 3]",
            "[1, 1.5, null, 1]",
            '[1, {"number": "1E9999999"}, null, 1]',
            "7",
            "[true]",
        ],
    )
    def test_rows_must_be_rows(self, row):
        with pytest.raises(SourceUnreadable, match="no sense"):
            list(workbook._rows(iter([json.loads(f"[{row}]")])))

    def test_trouble_of_the_machine_keeps_the_file(self, rows_of):
        with pytest.raises(SourceUnreachable), rows_of('say {"failed": "I/O error"}'):
            pass

    def test_one_that_never_ends_is_ended(self, rows_of):
        with rows_of("endless") as rows:
            next(rows)


def test_the_reader_knows_no_secret_and_may_use_little(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_SECRET", "canary-5e1f")
    many = saved(tmp_path / "a.xlsx", ("S", [("sku", "qty"), *((f"SKU-{n:0100}", n) for n in range(2_000))]))
    others = set(children())
    with many.open("rb") as file, workbook.opened_sheet(file, "xlsx", sheet=None, columns=None) as sheet:
        (child,) = set(children()) - others
        environment = Path(f"/proc/{child}/environ").read_bytes()
        limits = Path(f"/proc/{child}/limits").read_text()
        adjusted = Path(f"/proc/{child}/oom_score_adj").read_text()
        list(sheet.rows)
    assert b"canary" not in environment
    assert "Max file size             0" in limits
    assert "Max processes             0" in limits
    assert adjusted == "1000\n"


def test_a_workbook_that_bursts_costs_only_itself(tmp_path):
    bomb, stock = tmp_path / "bomb.xlsx", tmp_path / "shared.xlsx"
    with xlsxwriter.Workbook(stock) as book:
        book.add_worksheet().write_row("A1", ["sku", "qty"])
    with zipfile.ZipFile(stock) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            if name != "xl/sharedStrings.xml":
                target.writestr(name, source.read(name))
        with target.open("xl/sharedStrings.xml", "w") as part:
            part.write(b"<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><si><t>")
            for _ in range(500):
                part.write(b"A" * (1 << 20))
            part.write(b"</t></si></sst>")
    assert "more than 384 MiB of memory" in refusal(bomb)


def test_help_does_not_load_it():
    code = "import sys, syncd.__main__; sys.exit(any('workbooks' in name or name == 'xlrd' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_no_room_to_unpack_keeps_the_file(tmp_path, stock, monkeypatch):
    monkeypatch.setattr(
        "tempfile.TemporaryFile", lambda: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(stock, "stock.xlsx")
    with pytest.raises(SourceUnreachable, match="No space"):
        list(read_file(packed, "a.zip", FileTerms(), Known(), ReadReport()))
