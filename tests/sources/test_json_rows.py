import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_skus import Known

from syncd.sources.json_rows import read_json
from syncd.sources.judge import FileTerms
from syncd.sources.rows import ReadReport, SourceUnreadable


def read(text, *, columns=None, numbers="auto", known=(), trailer=None):
    report = ReadReport()
    file = io.BytesIO(text if isinstance(text, bytes) else text.encode())
    terms = FileTerms(columns, numbers, trailer=trailer)
    return list(read_json(file, terms, Known(known), report)), report


def refusal(text, **options):
    with pytest.raises(SourceUnreadable) as caught:
        read(text, **options)
    return str(caught.value)


skus = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20).filter(
    lambda text: "+" not in text and not text.endswith(".0")
)
rows = st.lists(st.tuples(skus, st.integers(0, 2**31 - 1)), max_size=20)


@given(rows, st.sampled_from([None, 2]), st.booleans())
def test_an_array_reads_back_equal_however_it_is_written(table, indent, ascii_only):
    text = json.dumps(
        [
            {"note": "{[,]}", "sku": "X", "qty": 1},
            *({"sku": sku, "qty": n, "more": [{}]} for sku, n in table),
        ],
        indent=indent,
        ensure_ascii=ascii_only,
    )
    got, report = read(text)
    assert [row[:3] for row in got[1:]] == [(sku, "", n) for sku, n in table]
    assert [row[3] for row in got] == list(range(1, len(table) + 2))
    assert report.rows == len(table) + 1


@given(rows, st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_json_lines_read_back_equal(table, line_end):
    lines = [json.dumps({"sku": sku, "qty": n}) for sku, n in [("X", 1), *table]]
    got, report = read(line_end.join(lines) + line_end)
    assert [(sku, n) for sku, _, n, _ in got[1:]] == table
    assert (report.bad, report.notes) == (0, [])


@given(st.binary(max_size=100))
def test_no_bytes_make_anything_but_rows_or_a_refusal(data):
    for start in (b"", b'{"sku": "A", "qty": 1}\n', b'[{"sku": "A", "qty": 1},'):
        try:
            got, _ = read(start + data)
        except SourceUnreadable:
            continue
        assert all(sku and (quantity is None or 0 <= quantity < 2**31) for sku, _, quantity, _ in got)


@given(rows.filter(bool), st.data())
def test_an_array_that_is_cut_off_anywhere_is_refused(table, data):
    text = json.dumps([{"sku": sku, "qty": n} for sku, n in table])
    length = data.draw(st.integers(0, len(text) - 1))
    refusal(text[:length])


def test_what_was_detected_is_told():
    assert read('[{"kode": "A", "stok": 1}]')[1].format == "JSON array; UTF-8; sku=kode, quantity=stok"
    _, report = read('\ufeff\n{"kode": "A", "stok": 1, "gudang": "JKT"}\n')
    assert report.format == "JSON Lines; UTF-8 with BOM; sku=kode, quantity=stok, location=gudang"


def test_lines_are_counted_as_an_editor_does():
    got, _ = read('\n\n{"sku": "A", "qty": 1}\n\n{"sku": "B", "qty": 2}')
    assert got == [("A", "", 1, 3), ("B", "", 2, 5)]


def test_a_last_line_without_its_end_is_noted():
    assert "cut off" in read('{"sku": "A", "qty": 1}')[1].notes[0]


def test_numbers_stay_what_they_are():
    text = (
        '[{"sku": 12345678901234567890, "qty": 1999.9999999}, {"sku": "007", "qty": "5"}, {"sku": "B", "qty": -3},'
        ' {"sku": "C", "qty": null}, {"sku": "D"}, {"sku": "E", "qty": 2.9}, {"sku": "F", "qty": " "}]'
    )
    got, report = read(text)
    assert [row[:3:2] for row in got] == [
        ("12345678901234567890", 2000), ("007", 5), ("B", 0), ("C", None), ("D", None), ("E", 2), ("F", None),
    ]  # fmt: skip
    assert (report.rows, report.blank, report.negative, report.bad) == (7, 3, 1, 0)


@pytest.mark.parametrize(
    ("quantity", "reason"),
    [
        ("true", "neither text nor a number"),
        ('{"a": 1}', "neither text nor a number"),
        ("[1]", "neither text nor a number"),
        ("NaN", "not a number"),
        ("Infinity", "not a number"),
        ("2147483648", "larger than"),
        ("1e9999999", "larger than"),
        ("1e99999999999999999999", "not a number that can be used"),
        ("9" * 5_000, "not a number that can be used"),
        ('"some"', "not a number"),
    ],
)
def test_what_is_no_quantity_is_a_bad_row_and_never_a_number(quantity, reason):
    text = f'{{"sku": "A", "qty": {quantity}}}\n{{"sku": "B", "qty": 1}}\n'
    got, report = read(text)
    assert got == [("A", "", None, 1), ("B", "", 1, 2)]
    assert reason in report.bad_rows[0].reason


def test_what_is_neither_text_nor_a_number_is_shown_as_the_file_writes_it():
    _, report = read('{"sku": "A", "qty": true}\n{"sku": "B", "qty": {"value": [5, null]}}\n')
    assert [row.value for row in report.bad_rows] == ["true", '{"value": [5, null]}']


def test_a_text_that_can_be_read_in_two_ways_refuses_the_file():
    assert "1.234 (line 1) can be read as 1 or as 1234" in refusal('{"sku": "A", "qty": "1.234"}')


@pytest.mark.parametrize("sku", ["true", "[]", '"a\\nb"', '"\\ud800"', "1e400000000000000000000", "NaN"])
def test_what_is_no_sku_is_a_bad_row(sku):
    got, report = read(f'{{"sku": {sku}, "qty": 1}}\n{{"sku": "B", "qty": 1}}\n')
    assert (len(got), report.bad, report.unidentified) == (1, 1, 1)


def test_a_number_with_a_decimal_is_no_sku_unless_it_is_known():
    text = '[{"sku": 12345.0, "qty": 1}]'
    assert read(text)[1].bad == 1
    assert read(text, known=["12345.0"])[0] == [("12345.0", "", 1, 1)]


def test_a_key_that_stands_twice_makes_a_bad_row():
    _, report = read('{"sku": "A", "qty": 0, "qty": 5}\n{"sku": "B", "qty": 1}\n')
    assert report.bad_rows[0].reason == 'the key "qty" stands twice'


def test_a_bad_line_costs_only_itself():
    got, report = read('{"sku": "A", "qty": 1}\n{"sku": "B", "qt\n[1]\n{"sku": "C", "qty": 1}\n')
    assert [row[0] for row in got] == ["A", "C"]
    assert [(row.line, row.reason.split(":")[0]) for row in report.bad_rows] == [
        (2, "not readable as JSON"), (3, "not an object"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("sku,qty\n", 'begins with "["'),
        ("[]", "No object"),
        ('{"data": [\n{"sku": "A", "qty": 1}]}', "one object a line"),
        ('[{"sku": "A", "qty": 1}] x', "Something follows"),
        ('[{"sku": "A", "qty": 1} {"sku": "B"}]', '"," or "]" must follow'),
        ('[{"sku": "A", "qty": 1},', "cut off"),
        ('[{"sku": "A", "qty": 1}, {"sku": ]', "Element 2 is not readable"),
        ('[{"sku": "A", "qty": 1}, ' + "[" * 200_000, "nested too deeply"),
        ('[{"foo": 1}]', "No column is known as the sku"),
        ('[{"sku": "A", "qty": 1, "stok": 2}]', "may all be the quantity"),
        ('[{"sku": "' + "a" * 2_000_000, "Element 1 is not readable"),
        ('{"sku": "' + "a" * 2_000_000, "longer than"),
    ],
)
def test_what_cannot_be_used_as_a_whole_says_why(text, words):
    assert words in refusal(text)


def test_a_line_nested_too_deeply_costs_only_itself():
    deep = '{"sku": ' + "[" * 200_000 + "]" * 200_000 + "}"
    _, report = read(f'{{"sku": "A", "qty": 1}}\n{deep}\n')
    assert [row.reason for row in report.bad_rows] == ["nested too deeply"]


def test_keys_of_later_objects_are_headers_too():
    got, _ = read('[{"sku": "A", "qty": 1}, {"sku": "A", "qty": 2, "gudang": "JKT"}]')
    assert [row[:3] for row in got] == [("A", "", 1), ("A", "JKT", 2)]


def test_columns_can_be_named():
    got, _ = read('[{"a": "A", "b": 1, "sku": "no", "qty": 9}]', columns={"sku": "a", "quantity": "b"})
    assert got == [("A", "", 1, 1)]


def test_a_trailer_cannot_be_in_json():
    assert "trailer" in refusal('[{"sku": "A", "qty": 1}]', trailer="END")
