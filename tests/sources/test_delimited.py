import csv
import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_skus import Known

from syncd.sources.delimited import read_delimited
from syncd.sources.judge import FileTerms
from syncd.sources.rows import KEPT_BAD_ROWS, BadRow, ReadReport, SourceUnreadable


def read(data, *, columns=None, numbers="auto", trailer=None, known=()):
    report = ReadReport()
    file = io.BytesIO(data if isinstance(data, bytes) else data.encode())
    terms = FileTerms(columns, numbers, trailer=trailer)
    rows = list(read_delimited(file, terms, Known(known), report))
    assert not file.closed
    return rows, report


def refusal(data, **options):
    with pytest.raises(SourceUnreadable) as caught:
        read(data, **options)
    return str(caught.value)


identifiers = (
    st.text(
        alphabet=st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1, max_size=30
    )
    .map(str.strip)
    .filter(lambda text: text and "+" not in text and not text.endswith(".0"))
)
tables = st.lists(st.tuples(identifiers, identifiers, st.integers(0, 2**31 - 1)), max_size=30)


@given(
    tables,
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_a_table_written_in_any_dialect_reads_back_equal(table, delimiter, quoting, line_end, mark):
    note = "a b" if line_end == "\r" else "a\nb"  # the writer does not quote a line end that is not its own
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=line_end)
    writer.writerows([("Gudang", "Nama", "SKU", "Stok"), *((place, note, sku, n) for sku, place, n in table)])
    rows, report = read(text.getvalue().encode("utf-8-sig" if mark else "utf-8"))
    assert [row[:3] for row in rows] == table
    assert (report.rows, report.bad, report.blank) == (len(table), 0, 0)


@given(st.binary(max_size=300))
def test_no_bytes_make_anything_but_rows_or_a_refusal(data):
    try:
        rows, _ = read(b"sku,quantity\n" + data)
    except SourceUnreadable:
        return
    assert all(sku and (quantity is None or 0 <= quantity < 2**31) for sku, _, quantity, _ in rows)


def test_rows_carry_the_line_they_end_on():
    rows, _ = read('\n"sku","quantity","note"\r\nA,1,x\r\n\r\nB,2,"two\nlines"\r\nC,3,\r\n')
    assert rows == [("A", "", 1, 3), ("B", "", 2, 6), ("C", "", 3, 7)]


def test_the_report_names_the_format_that_was_detected():
    _, report = read("\ufeffKode Barang;Nama;Stok\nA;x;1\n")
    assert report.format == "CSV; semicolon; UTF-8 with BOM; sku=Kode Barang, quantity=Stok"


@pytest.mark.parametrize(
    "header", ["SKU,Qty", " seller_sku ,STOK", "Kode-Produk,Jumlah", "\u200bitem code,Available"]
)
def test_headers_in_common_use_are_recognised(header):
    rows, _ = read(f"{header}\nA,1\n")
    assert rows == [("A", "", 1, 2)]


def test_named_columns_are_taken_exactly_and_settle_what_is_ambiguous():
    text = "Kode,SKU,Stok,Jumlah\nA,B,1,2\n"
    assert '"Kode" and "SKU"' in refusal(text)
    assert '"Stok" and "Jumlah"' in refusal(text, columns={"sku": "SKU"})
    rows, _ = read(text, columns={"sku": "SKU", "quantity": "Jumlah"})
    assert rows == [("B", "", 2, 2)]
    assert "stok" in refusal(text, columns={"sku": "SKU", "quantity": "stok"})


def test_a_named_location_column_that_is_absent_is_a_refusal():
    assert '"Toko"' in refusal("sku,quantity\nA,1\n", columns={"location": "Toko"})


def test_a_header_that_occurs_twice_cannot_be_named():
    assert "2 columns" in refusal("sku,x,x\nA,1,2\n", columns={"quantity": "x"})


def test_a_missing_column_lists_the_headers_and_the_nearest():
    message = refusal("Sku,Quantitty\nA,1\n")
    assert '"Sku", "Quantitty"' in message
    assert 'nearest is "quantitty"' in message


def test_headers_that_two_delimiters_would_find_are_refused():
    assert "more than one" in refusal("sku,quantity,a;sku;quantity;b\nA,1\n")


@pytest.mark.parametrize("data", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(data):
    assert "empty" in refusal(data)


def test_a_header_alone_is_an_empty_table():
    rows, report = read("sku,quantity\n")
    assert (rows, report.rows) == ([], 0)


def test_blank_lines_and_rows_of_empty_cells_are_skipped():
    rows, report = read("sku;quantity\n\nA;1\n;\n \u00a0;\n   \nB;2\n\n")
    assert [row[0] for row in rows] == ["A", "B"]
    assert (report.rows, report.bad, report.blank) == (2, 0, 0)


def test_a_blank_quantity_is_no_opinion_but_the_sku_is_there():
    rows, report = read("sku,quantity\nA,\nB, \u00a0\n")
    assert rows == [("A", "", None, 2), ("B", "", None, 3)]
    assert (report.blank, report.bad, report.rows) == (2, 0, 2)


def test_a_bad_quantity_still_names_its_sku():
    rows, report = read("sku,quantity\nA,habis\nB,2\n")
    assert rows == [("A", "", None, 2), ("B", "", 2, 3)]
    assert report.bad_rows == [BadRow(2, "quantity", "habis", "not a number")]
    assert (report.rows, report.bad, report.unidentified) == (2, 1, 0)


def test_a_negative_quantity_is_none_left_and_counted_each_time():
    rows, report = read("sku,quantity\nA,-3\nB,-3\nC,-0.0000001\n")
    assert [row[2] for row in rows] == [0, 0, 0]
    assert (report.negative, report.bad) == (2, 0)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("A", "1 cells, but 2 headers"),
        ("A,5,2", "3 cells, but 2 headers"),
        (",5", "no SKU beside a quantity"),
        ("A\x07B,5", "U+0007"),
        ("A\u200bB,5", "U+200B"),
        ('"A\nB",5', "U+000A"),
        ("A\uffffB,5", "no text has"),
        ("A" * 201 + ",5", "longer than 200"),
        ("1.23E+12,5", "spreadsheet"),
        ('"1,23E+12",5', "spreadsheet"),
        ("12345.0,5", "spreadsheet"),
        ('"A"B,5', "not readable as CSV"),
        ("A," + "1" * 70_000, "not readable as CSV"),
    ],
)
def test_a_bad_row_costs_only_itself(row, reason):
    rows, report = read(f"sku,quantity\nFirst,5\n{row}\nLast,5\n")
    assert [row[:3] for row in rows] == [("First", "", 5), ("Last", "", 5)]
    assert (report.bad, report.unidentified, report.rows) == (1, 1, 3)
    assert reason in report.bad_rows[0].reason


def test_a_sku_that_looks_mangled_is_good_where_it_is_known():
    rows, report = read("sku,quantity\n1.23E+12,5\n", known=["1.23E+12"])
    assert rows == [("1.23E+12", "", 5, 2)]
    assert not report.bad


@pytest.mark.parametrize(
    "sku", ["007", "1E5", "A+B", "é", "A  B", "=1+1", "0", "v1.0", "\u4e2d\u6587", "A\u00a0B"]
)
def test_a_sku_is_text_and_stays_as_it_is(sku):
    rows, _ = read(f"sku,quantity\n{sku},5\n")
    assert rows == [(sku, "", 5, 2)]


@pytest.mark.parametrize("around", [" ", "\u00a0", "\ufeff", "\u200b", "\u3000", " \u200b\u00a0"])
def test_what_cannot_be_seen_is_taken_off_the_ends(around):
    rows, _ = read(f"sku,location,quantity\n{around}A B{around},{around}JKT{around},{around}5{around}\n")
    assert rows == [("A B", "JKT", 5, 2)]


def test_locations_are_judged_like_skus():
    rows, report = read(
        "sku,gudang,quantity\nA,JKT,1\nB,J\x00T,2\n".replace("\x00", "\x01") + "C,,3\nD,JKT,4\n"
    )
    assert rows == [("A", "JKT", 1, 2), ("C", "", 3, 4), ("D", "JKT", 4, 5)]
    assert report.bad_rows[0].column == "gudang"
    assert report.bad_rows[0].value == "J\\x01T"


def test_an_ambiguous_number_refuses_the_file_with_examples():
    message = refusal("sku;quantity\nA;5\nB;1.234\nC;1.234\nD;2.500\n")
    assert "1.234 (line 3) can be read as 1 or as 1234; 2.500 (line 5)" in message
    rows, _ = read("sku;quantity\nB;1.234\n", numbers="1.234,5")
    assert rows[0][2] == 1234


def test_the_bad_rows_are_all_counted_and_the_first_thousand_kept():
    rows, report = read("sku,quantity\n" + "A,x\n" * 2500)
    assert (report.bad, len(report.bad_rows), len(rows)) == (2500, KEPT_BAD_ROWS, 2500)


@pytest.mark.parametrize("tail", ['B,"2\nC,3\nD,4\n', 'B,"2\nC,"3"\nD,4\n'])
def test_quotes_that_do_not_match_refuse_the_file_because_nobody_knows_what_they_swallowed(tail):
    assert "line 3" in refusal("sku,quantity\nA,1\n" + tail)


def test_a_last_line_that_is_cut_off_costs_only_itself():
    rows, report = read('sku,quantity\nA,1\nB,"2')
    assert rows == [("A", "", 1, 2)]
    assert [(bad.line, report.unidentified) for bad in report.bad_rows] == [(3, 1)]
    rows, report = read("sku,quantity\nA,1\nB")
    assert rows == [("A", "", 1, 2)]
    assert report.bad_rows[0].reason == "1 cells, but 2 headers"


def test_a_last_line_without_its_end_is_noted_and_counts_where_it_can_be_read():
    rows, report = read("sku,quantity\nA,1\nB,2")
    assert (len(rows), report.bad) == (2, 0)
    assert "cut off" in report.notes[0]
    for whole in ("sku,quantity\nA,1\n", "sku,quantity\rA,1\r", "sku,quantity\n"):
        assert read(whole)[1].notes == []
        assert read(whole.encode("utf-16"))[1].notes == []


def test_titles_above_the_headers_are_passed_over_and_told():
    rows, report = read("Laporan Stok;;\n;;\nper 24/11/2026\nSKU;Nama;Stok\nA;x;1\n")
    assert rows == [("A", "", 1, 5)]
    assert "headers in line 4; sku=SKU" in report.format
    assert "headers in line" not in read("\n\nsku,quantity\nA,1\n")[1].format


def test_the_headers_must_be_among_the_first_lines():
    assert read("x\n" * 19 + "sku,quantity\nA,1\n")[0] == [("A", "", 1, 21)]
    assert "No column" in refusal("x\n" * 20 + "sku,quantity\nA,1\n")


def test_what_excel_writes_first_tells_the_delimiter():
    rows, report = read("sep=;\nsku;quantity,x\nA;1\n", columns={"quantity": "quantity,x"})
    assert rows == [("A", "", 1, 3)]
    assert report.format.startswith("CSV; semicolon; UTF-8; sku=")
    assert "nothing after" in refusal("sep=,\n")


def test_single_quotes_and_bars_are_known():
    rows, report = read("'sku'|'quantity'\n'it''s'|'1'\n")
    assert rows == [("it's", "", 1, 2)]
    assert report.format.startswith("CSV; bar; single quotes; UTF-8")
    assert read("sku,quantity,owner's\nit's,1,x\n")[0] == [("it's", "", 1, 2)]


def test_other_encodings_read_alike():
    rows, report = read("SKU;Stok\nCAFÉ;1\n".encode("cp1252"))
    assert rows == [("CAFÉ", "", 1, 2)]
    assert "; Windows-1252; " in report.format
    assert read("SKU\tStok\nCAFÉ\t1\n".encode("utf-16"))[0] == [("CAFÉ", "", 1, 2)]


def test_a_mangled_sku_with_one_possible_original_is_suggested_and_not_applied():
    known = ["1234567890123", "0012345", "8991234567890"]
    rows, report = read("sku,quantity\n1.23E+12,5\n12345.0,5\n8.99E+12,5\n", known=known)
    assert rows == []
    assert [row.reason.rpartition(" ")[2] for row in report.bad_rows] == [
        '"1234567890123"', '"0012345"', '"8991234567890"',
    ]  # fmt: skip
    _, report = read("sku,quantity\n1.23E+12,5\n", known=[*known, "1230000000000"])
    assert report.bad_rows[0].reason == "a spreadsheet seems to have taken this SKU for a number"


class TestTrailer:
    @pytest.mark.parametrize("end", ["END,2\n", "END;2", '"END","2"\n', "END,2,,\n\n", " END , 2 \n"])
    def test_the_last_row_vouches_for_the_others(self, end):
        rows, report = read(f"sku,quantity\nA,1\nB,2\n{end}", trailer="END,{rows}")
        assert [row[:3] for row in rows] == [("A", "", 1), ("B", "", 2)]
        assert [row[3] for row in rows] == [2, 3]
        assert (report.rows, report.bad) == (2, 0)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("A,1\nB,2\n", 'The last row is "B,2", not "END,{rows}"'),
            ("A,1\nEND,2\n", "counts 2 rows, but the file has 1"),
            ("END,0\nA,1\n", 'The last row is "A,1"'),
            ("A,1\nEND,\n", "The last row is"),
            ("", "The last row is"),
        ],
    )
    def test_without_it_the_file_is_cut_off(self, text, words):
        assert words in refusal(f"sku,quantity\n{text}", trailer="END,{rows}")

    def test_it_need_not_count(self):
        assert read("sku;quantity\nA;1\n#;EOF\n", trailer="#,EOF")[0] == [("A", "", 1, 2)]
        assert read("sku;quantity\n\n#;EOF\n", trailer="#,EOF")[0] == []

    def test_bad_rows_before_it_stay_in_their_lines_and_count(self):
        text = 'sku,quantity\nA,1\nB,"2"x\nC,3\n"D"x,4\nEND,4\n'
        rows, report = read(text, trailer="END,{rows}")
        assert [(row[0], row[3]) for row in rows] == [("A", 2), ("C", 4)]
        assert [row.line for row in report.bad_rows] == [3, 5]

    def test_a_last_row_that_cannot_be_read_is_no_trailer(self):
        assert "The last row is" in refusal('sku,quantity\nA,1\n"END"x,1\n', trailer="END,{rows}")


def test_a_file_that_is_not_all_in_one_encoding_is_refused_with_the_place():
    good = "sku,quantity\n" + "".join(f"é{n},1\n" for n in range(100_000))
    data = good.encode() + "caf\xe9,1\n".encode("latin-1")
    message = refusal(data)
    assert "line 100002" in message
    assert f"0xE9 at offset {len(good.encode()) + 3}" in message
    assert "CSV UTF-8" in message


class Endless(io.RawIOBase):
    """A file of any length that takes no memory of its own."""

    def __init__(self, head, filler, length):
        self.head, self.filler, self.length, self.at = head, filler, length, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        self.at = offset
        return offset

    def readinto(self, buffer):
        data = self.head[self.at : self.at + len(buffer)]
        if not data and self.at < self.length:
            data = (self.filler * (len(buffer) // len(self.filler) + 1))[: len(buffer)]
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)


@pytest.mark.parametrize(
    ("head", "filler"), [(b"sku,quantity\n", b"x"), (b"", b"x"), (b'sku,quantity\n"', b'\n","')]
)
def test_a_row_without_end_is_refused_in_bounded_memory(head, filler):
    file = io.BufferedReader(Endless(head, filler, 1 << 30))
    tracemalloc.start()
    with pytest.raises(SourceUnreadable, match="longer than"):
        list(read_delimited(file, FileTerms(), Known(), ReadReport()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


def test_values_in_the_report_are_harmless_to_show():
    _, report = read('sku,quantity\nA,"\x1b[31m' + "x" * 500 + '"\n')
    assert report.bad_rows[0].value.startswith("\\x1b[31mxxx")
    assert len(report.bad_rows[0].value) <= 60
