import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.sources.encodings import detect
from syncd.sources.rows import SourceUnreadable

TABLE = "Kode Barang,Stok\nKOPI-01,5\n"


def refusal(data):
    with pytest.raises(SourceUnreadable) as caught:
        detect(io.BytesIO(data))
    return str(caught.value)


@pytest.mark.parametrize(
    ("codec", "label"),
    [
        ("ascii", "UTF-8"),
        ("utf-8-sig", "UTF-8 with BOM"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16 without BOM"),
        ("utf-16-be", "UTF-16 (big-endian) without BOM"),
    ],
)
def test_each_encoding_is_told_and_reads_back(codec, label):
    data = TABLE.encode(codec)
    encoding = detect(io.BytesIO(data))
    assert encoding.label == label
    assert data[encoding.start :].decode(encoding.codec) == TABLE


def test_a_big_endian_mark_is_known():
    assert detect(io.BytesIO(b"\xfe\xff" + TABLE.encode("utf-16-be"))).label == "UTF-16 (big-endian)"


def test_what_is_not_utf_8_anywhere_is_windows_1252():
    data = "Kode,Stok\nCAFÉ,5\nNIÑO,2\n".encode("cp1252")
    encoding = detect(io.BytesIO(data))
    assert (encoding.codec, encoding.label) == ("cp1252", "Windows-1252")
    assert "CAFÉ" in data.decode(encoding.codec)


@pytest.mark.parametrize("data", ["CAFÉ,5\nNI\xd1O,2\n", "NI\xd1O,2\nCAFÉ,5\n"])
def test_utf_8_that_is_damaged_somewhere_is_no_other_encoding(data):
    lines = [line.encode("cp1252" if "\xd1" in line else "utf-8") for line in data.splitlines(keepends=True)]
    assert "Not UTF-8: line" in refusal(b"Kode,Stok\n" + b"".join(lines))


@pytest.mark.parametrize("size", [2**18 - 1, 2**18, 2**13 - 1, 10])
def test_the_place_is_right_where_a_character_is_torn_apart_by_buffering(size):
    good = "é".encode() + b"\n" * (size - 2)
    message = refusal(good + b"\xc3(,1\n")
    assert f"line {size - 1} has the byte 0xC3 at offset {size}." in message
    assert "CSV UTF-8" in message


def test_a_file_cut_within_a_character_is_refused():
    assert "Not UTF-8: line 2" in refusal("sku,quantity\né".encode()[:-1])
    assert "UTF-16" in refusal(TABLE.encode("utf-16")[:-1])


@pytest.mark.parametrize("byte", [0x81, 0x8D, 0x8F, 0x90, 0x9D])
def test_bytes_that_windows_1252_does_not_have_are_refused(byte):
    assert f"Neither UTF-8 nor Windows-1252: line 2 has the byte 0x{byte:02X}" in refusal(
        b"a\nb" + bytes([byte])
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"sku,quantity\nA,1\nB\0,2\n", "Line 3 has a NUL"),
        (b"sku,quantity\n" + b"A,1\n" * 2_000 + b"B\0,2\n", "Line 2002 has a NUL"),
        (TABLE.encode("utf-16") + "\0".encode("utf-16-le"), "Line 3 has a NUL"),
        (TABLE.encode("utf-32"), "UTF-32"),
        (bytes(range(256)) * 4, "NUL"),
    ],
)
def test_what_is_not_text_is_refused_with_a_remedy(data, words):
    assert words in refusal(data)


@given(st.binary(max_size=200))
def test_what_is_accepted_decodes_to_its_end(data):
    try:
        encoding = detect(io.BytesIO(data))
    except SourceUnreadable:
        return
    assert "\0" not in data[encoding.start :].decode(encoding.codec)


@given(st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=60))
def test_utf_8_is_never_taken_for_anything_else(text):
    encoding = detect(io.BytesIO(text.encode()))
    assert text.encode()[encoding.start :].decode(encoding.codec) == text.removeprefix("\ufeff")
