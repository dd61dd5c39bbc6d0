from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from syncd.sources.rejection import render_rejection
from syncd.sources.rows import BadRow, ReadReport, shown

AT = datetime(2026, 3, 1, 7, 5, tzinfo=UTC)


def test_a_report_says_what_why_and_where():
    report = ReadReport(format="CSV; comma; UTF-8; sku=SKU, quantity=Qty", rows=3)
    report.add_bad(BadRow(2, "Qty", "habis", "not a number"), identified=True)
    report.add_bad(BadRow(3, "", "", "1 cells, but 2 headers"), identified=False)
    assert render_rejection(name="stock.csv", at=AT, reason="Too many bad rows.", report=report) == (
        "Rejected: stock.csv\n"
        "At:       2026-03-01 07:05:00 UTC\n"
        "Read as:  CSV; comma; UTF-8; sku=SKU, quantity=Qty\n"
        "\n"
        "Too many bad rows.\n"
        "\n"
        "Nothing of this file was applied; the stock is what it was before.\n"
        "Correct what is named here and drop the file again.\n"
        "\n"
        "Bad rows: 2 of 3\n"
        '  line 2, column "Qty": "habis": not a number\n'
        "  line 3: 1 cells, but 2 headers\n"
    )


def test_a_report_says_how_many_bad_rows_it_leaves_out():
    report = ReadReport(rows=2000)
    for line in range(1500):
        report.add_bad(BadRow(line, "q", "x", "not a number"), identified=True)
    assert "  … and 500 more\n" in render_rejection(name="a", at=AT, reason="r", report=report)


@given(st.text(), st.text())
def test_no_text_from_a_file_can_begin_a_line_or_move_a_cursor(column, value):
    report = ReadReport(rows=1)
    report.add_bad(BadRow(1, shown(column), shown(value), "not a number"), identified=True)
    text = render_rejection(name=shown(value) or "a", at=AT, reason="r", report=report)
    lines = text.split("\n")
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 11
    assert lines[9].startswith("  line 1")
