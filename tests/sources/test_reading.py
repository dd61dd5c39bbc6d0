"""Which format a file is in, packed or not: its bytes tell."""

import errno
import gzip
import io
import os
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_skus import Known

from syncd.sources import packing
from syncd.sources.judge import FileTerms
from syncd.sources.reading import read_file
from syncd.sources.rows import ReadReport, SourceUnreachable, SourceUnreadable

CSV = b"sku,quantity\nA,1\nB,2\n"
ROWS = [("A", "", 1, 2), ("B", "", 2, 3)]


def read(data, name="stock.csv"):
    report = ReadReport()
    return list(read_file(io.BytesIO(data), name, FileTerms(), Known(), report)), report


def refusal(data, name="stock.csv"):
    with pytest.raises(SourceUnreadable) as caught:
        read(data, name)
    return str(caught.value)


def gzipped(data):
    return gzip.compress(data, mtime=0)


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "sku,quantity\n[x],1\n", "CSV"),
        ("a.txt", "sku\tquantity\n[x]\t1\n", "TSV"),
        ("a.dat", "sku,quantity\n[x],1\n", "CSV"),
        ("A.JSON", '[{"sku": "[x]", "quantity": 1}]', "JSON array"),
        ("a.jsonl", '{"sku": "[x]", "quantity": 1}\n', "JSON Lines"),
        ("a.dat", '\ufeff \n[{"sku": "[x]", "quantity": 1}]', "JSON array"),
    ],
)
def test_the_name_or_else_the_first_character_tells_what_text_is(name, content, told):
    rows, report = read(content.encode(), name)
    assert rows[0][:3] == ("[x]", "", 1)
    assert report.format.startswith(f"{told}; ")


def test_a_packed_file_reads_like_the_file():
    assert read(gzipped(CSV), "stock.csv.gz") == read(gzipped(CSV), "other")
    rows, report = read(gzipped(CSV), "stock.csv.gz")
    assert (rows, report.format) == (ROWS, "gzip; CSV; comma; UTF-8; sku=sku, quantity=quantity")
    rows, report = read(zipped(("export/stock.csv", CSV)), "stock.zip")
    assert (rows, report.format) == (ROWS, "ZIP: stock.csv; CSV; comma; UTF-8; sku=sku, quantity=quantity")
    assert read(zipped(("a.csv", CSV), method=zipfile.ZIP_STORED))[0] == ROWS
    assert read(gzipped(CSV[:13]) + gzipped(CSV[13:]))[0] == ROWS


def test_the_name_of_what_is_packed_counts():
    objects = b'{"sku": "A", "quantity": 1}\n'
    assert read(zipped(("a.jsonl", objects)), "x.csv.zip")[1].format.startswith("ZIP: a.jsonl; JSON Lines")
    assert read(gzipped(objects), "a.jsonl.gz")[0] == [("A", "", 1, 1)]


def test_a_member_may_have_no_name():
    assert read(zipped(("", CSV)))[0] == ROWS


def test_what_macos_adds_does_not_count():
    assert read(zipped(("stock.csv", CSV), ("__MACOSX/._stock.csv", b"x"), ("folder/", b"")))[0] == ROWS


@pytest.mark.parametrize("length", range(len(gzipped(CSV))))
def test_a_gzip_file_that_is_cut_off_anywhere_is_refused(length):
    refusal(gzipped(CSV)[:length])


@pytest.mark.parametrize("length", range(len(zipped(("stock.csv", CSV)))))
def test_a_zip_archive_that_is_cut_off_anywhere_is_refused(length):
    refusal(zipped(("stock.csv", CSV))[:length])


@given(st.integers(0, len(zipped(("stock.csv", CSV))) - 1), st.integers(1, 255), st.booleans())
def test_a_packed_file_with_a_wrong_byte_gives_no_wrong_row(place, change, is_zip):
    data = bytearray(zipped(("stock.csv", CSV)) if is_zip else gzipped(CSV))
    data[place % len(data)] ^= change
    try:
        rows, _ = read(bytes(data))
    except SourceUnreadable:
        return
    assert rows == ROWS


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (zipped(), "holds 0 files (none), not one"),
        (zipped(("a.csv", CSV), ("b\x1b.csv", CSV)), "holds 2 files (a.csv, b\\x1b.csv), not one"),
        (zipped(("a.gz", gzipped(CSV))), "packed again"),
        (gzipped(zipped(("a.csv", CSV))), "packed again"),
        (zipped(("a.csv", CSV), method=zipfile.ZIP_LZMA), "unusual way"),
        (zipped(("xl/workbook.bin", b"x")), "XLSB"),
        (gzipped(CSV) + b"garbage", "cut off or damaged"),
        (b"PK\x05\x06", "cut off or damaged"),
        (gzipped(b""), "empty"),
        (b"", "empty"),
    ],
)
def test_what_is_packed_wrongly_is_refused_with_a_reason(data, words):
    assert words in refusal(data)


def test_an_encrypted_archive_is_refused():
    data = bytearray(zipped(("a.csv", CSV)))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal(bytes(data))


class Failing(io.BytesIO):
    """A file on a disk that fails after so many readings."""

    def __init__(self, data, good):
        super().__init__(data)
        self.good = good

    def read(self, size=-1, /):
        self.good -= 1
        if self.good < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(size)


@pytest.mark.parametrize("packed", [CSV, gzipped(CSV), zipped(("a.csv", CSV))])
def test_a_disk_that_fails_is_no_damage_to_the_file(packed):
    for good in range(100):
        try:
            rows = list(read_file(Failing(packed, good), "x", FileTerms(), Known(), ReadReport()))
        except SourceUnreachable:
            continue
        break
    assert rows == ROWS
    assert good > 3


def test_a_list_of_members_without_end_is_not_read():
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, 1 << 30, 0, 0)
    assert "far too many" in refusal(zipped(("a.csv", CSV)) + end)
    large = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 0, 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, 100, 0, 0)
    assert "far too many" in refusal(b"PK" + large + locator + end)


@pytest.mark.parametrize("packed", [gzipped, lambda data: zipped(("a.csv", data))])
def test_a_small_file_that_becomes_huge_is_cut_off(monkeypatch, packed):
    monkeypatch.setattr(packing, "MOST_UNPACKED", 1 << 20)
    assert "unpacks to more than 1 MiB" in refusal(packed(CSV + b"A,1\n" * 300_000))


@given(st.binary(max_size=100), st.sampled_from([b"", b"\x1f\x8b\x08\0", b"PK\x03\x04", b"PK\x05\x06"]))
def test_no_bytes_make_anything_but_rows_or_a_refusal(data, head):
    try:
        rows, _ = read(head + data, "x")
    except SourceUnreadable:
        return
    assert all(sku and (quantity is None or 0 <= quantity < 2**31) for sku, _, quantity, _ in rows)


def test_nothing_is_left_open(tmp_path):
    before = sorted(Path("/proc/self/fd").iterdir())
    (tmp_path / "a.zip").write_bytes(zipped(("a.csv", CSV)))
    with (tmp_path / "a.zip").open("rb") as file:
        rows = read_file(file, "a.zip", FileTerms(), Known(), ReadReport())
        next(rows)
        rows.close()
        assert not file.closed
    assert sorted(Path("/proc/self/fd").iterdir()) == before
