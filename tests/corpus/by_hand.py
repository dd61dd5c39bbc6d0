"""Files of the corpus that are bytes put down here: what producers write, and what goes wrong on the way."""

import gzip
import io
import json
import struct
import zipfile
import zlib

H = b"sku,quantity\n"
SMALL = "SKU;Nama;Stok\nA-1;Kopi;5\nB-2;Teh;0\n"
FOREIGN = "SKU;Nama;Stok\nCAFÉ-1;Kopi é;5\nB-2;Teh;0\n"


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    """A ZIP archive whose bytes depend on nothing but its members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def gzipped(data):
    return gzip.compress(data, mtime=0)


def without_beginning(archive):
    """As if the archive had begun earlier: its members lie before its first byte."""
    at = archive.index(b"PK\x05\x06") + 16
    return (
        archive[:at] + struct.pack("<I", struct.unpack_from("<I", archive, at)[0] + 500) + archive[at + 4 :]
    )


def with_flag(archive, bit):
    """Set a flag of the only member, in both places where it stands."""
    data = bytearray(archive)
    data[6] |= bit
    data[data.index(b"PK\x01\x02") + 8] |= bit
    return bytes(data)


def png():
    """A picture of one pixel."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">2I5B", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


def xlsx(
    rows,
    *,
    prolog="<?xml version='1.0' encoding='UTF-8'?>",
    book="<sheets><sheet name='S' sheetId='1' r:id='r1'/></sheets>",
):
    """The least that makes a workbook; `rows` is XML."""
    spaces = "xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main' xmlns:r='http://schemas.openxmlformats.org/officeDocument/2006/relationships'"
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'><Relationship Id='r1' Type='%s' Target='%s'/></Relationships>"
    return zipped(
        ("_rels/.rels", relations % (f"{kinds}/officeDocument", "xl/workbook.xml")),
        ("xl/workbook.xml", f"<workbook {spaces}>{book}</workbook>"),
        ("xl/_rels/workbook.xml.rels", relations % (f"{kinds}/worksheet", "worksheets/sheet1.xml")),
        (
            "xl/worksheets/sheet1.xml",
            f"{prolog}<worksheet {spaces}><sheetData>{rows}</sheetData></worksheet>",
        ),
    )


def cells(*values):
    """A row of XML: text, or XML as it stands."""
    return (
        "<row>"
        + "".join(
            value if value[:1] == "<" else f"<c t='inlineStr'><is><t>{value}</t></is></c>" for value in values
        )
        + "</row>"
    )


DELIMITERS_AND_QUOTES = {
    "comma.csv": b"sku,name,quantity\nA-1,Coffee,5\nB-2,Tea,0\n",
    "semicolon.csv": SMALL.encode(),
    "tab.tsv": b"SKU\tNama\tStok\nA-1\tKopi, bubuk\t5\nB-2\tTeh\t0\n",
    "bar.txt": b"SKU|Nama|Stok\nA-1|Kopi|5\nB-2|Teh|0\n",
    "quotes-all.csv": b'"sku","quantity"\n"A-1","5"\n"B,2","0"\n',
    "quotes-single.csv": b"'sku','quantity'\n'A-1','5'\n'it''s','0'\n",
    "quotes-doubled.csv": b'sku,quantity\n"A ""big"" one",5\n"""B""",6\n',
    "quotes-line-end.csv": b'sku,note,quantity\r\nA-1,"one\r\ntwo",5\r\nB-2,"a, b",6\r\n',
    "quotes-line-end-in-sku.csv": b'sku,quantity\nA-1,5\n"B\n2",6\nC-3,7\n',
    "quotes-unmatched-middle.csv": H + b'A-1,5\nB-2,"6\nC-3,7\nD-4,8\n',
    "quotes-in-the-middle.tsv": b'SKU\tStok\nA-1\t5\n"B"2\t6\n',
    "quotes-unmatched-middle.tsv": b'SKU\tStok\nA-1\t5\n"B\t6\n"C\t7\n',
    "quotes-unmatched-end.csv": H + b'A-1,5\nB-2,"6',
    "quotes-in-the-middle-of-a-cell.csv": H + b'A-1,5\nB 3" pipe,6\n"C"3,7\nD-4,8\n',
    "delimiter-in-unquoted-cell.csv": b"sku,name,quantity\nA-1,Coffee, black,5\nB-2,Tea,6\n",
    "sep-line.csv": b"sep=;\r\nSKU;Stok\r\nA-1;5\r\n",
    "sep-line-that-lies.csv": b"sep=,\r\nSKU;Stok\r\nA-1;5\r\n",
    "two-delimiters.csv": b"sku,quantity,a;sku;quantity;b\nA-1,5,x;A-1;5;y\n",
    "short-and-long-rows.csv": b"sku,name,quantity\nA-1,Coffee,5\nB-2,Tea\nC-3,Milk,7,9\nD-4,Salt,8\n",
    "spaces-around-cells.csv": b"sku , quantity\n A-1 , 5 \n\tB-2,6\t\n",
}  # fmt: skip

ENCODINGS_AND_LINE_ENDS = {
    "utf-8.csv": FOREIGN.encode(),
    "utf-8-bom.csv": FOREIGN.encode("utf-8-sig"),
    "utf-8-damaged.csv": "SKU;Stok\nCAFÉ-1;5\nB".encode() + b"\xe9-2;6\n",
    "utf-8-cut-in-a-letter.csv": "SKU;Stok\nA-1;5\nCAFÉ".encode()[:-1],
    "utf-16-le-bom.csv": b"\xff\xfe" + FOREIGN.encode("utf-16-le"),
    "utf-16-be-bom.csv": b"\xfe\xff" + FOREIGN.encode("utf-16-be"),
    "utf-16-le.csv": FOREIGN.encode("utf-16-le"),
    "utf-16-be.csv": FOREIGN.encode("utf-16-be"),
    "utf-16-odd-length.csv": b"\xff\xfe" + FOREIGN.encode("utf-16-le")[:-1],
    "utf-32.csv": FOREIGN.encode("utf-32"),
    "windows-1252.csv": FOREIGN.encode("cp1252"),
    "windows-1252-undefined-byte.csv": b"SKU;Stok\nCAF\xe9;5\nB\x81;6\n",
    "nul.csv": H + b"A-1,5\nB\0-2,6\n",
    "carriage-returns-and-line-feeds.csv": b"sku,quantity\r\nA-1,5\r\nB-2,6\r\n",
    "carriage-returns.csv": b"sku,quantity\rA-1,5\rB-2,6\r",
    "mixed-line-ends.csv": b"sku,quantity\r\nA-1,5\nB-2,6\rC-3,7\n",
    "no-last-line-end.csv": H + b"A-1,5\nB-2,6",
    "cut-off-in-a-row.csv": H + b"A-1,5\nB-2",
    "cut-off-in-a-number.csv": H + b"A-1,500\nB-2,50",
}

HEADERS = {
    "title-rows.csv": b"PT Maju Jaya;;\nLaporan Stok per 24/11/2026;;\n;;\nKode Barang;Nama;Stok Akhir\nA-1;Kopi;5\n",
    "headers-english.csv": b"Item No,Description,Warehouse,Available Qty\nA-1,Coffee,JKT,5\nA-1,Coffee,SBY,6\n",
    "headers-indonesian.csv": b"Kode Produk,Nama Produk,Gudang,Sisa Stok\nA-1,Kopi,JKT,5\nB-2,Teh,,6\n",
    "headers-shouted.csv": b"SELLER_SKU;KODE-GUDANG;JUMLAH  STOK\nA-1;JKT;5\n",
    "headers-ambiguous.csv": b"SKU,Stok,Jumlah\nA-1,5,9\n",
    "headers-named.csv": b"SKU,Kode Lama,Stok,Stok Toko\nNEW-1,OLD-1,5,3\n",
    "headers-named-and-absent.csv": b"SKU,Stok\nA-1,5\n",
    "headers-missing.csv": b"SKU,Nama,Harga\nA-1,Kopi,15000\n",
    "headers-misspelt.csv": b"Sku,Quantitty\nA-1,5\n",
    "headers-many.csv": b";".join(b"K%d" % at for at in range(30)) + b"\n" + b";" * 29 + b"\n",
    "headers-quoted-over-lines.csv": b'sku,"quantity\n(pcs)"\nA-1,5\n',
    "headers-none.csv": b"A-1,5\nB-2,6\n",
    "headers-alone.csv": H,
    "headers-twice.csv": b"sku,quantity,quantity\nA-1,5,6\n",
    "empty.csv": b"",
    "blank-lines-only.csv": b"\xef\xbb\xbf\r\n\r\n   \r\n",
    "blank-rows-between.csv": b"sku;quantity\n\nA-1;5\n;\n   ;\xc2\xa0\nB-2;6\n\n",
}

SKUS = {
    "sku-zeros-and-case.csv": H + b"007,1\n7,2\n7.10,3\nabc,4\nABC,5\n0,6\n",
    "sku-spaces.csv": H + "A  B,1\nA\u00a0B,2\n\u00a0C\u00a0,3\n\u200bD\ufeff,4\n".encode(),
    "sku-invisible-inside.csv": H + "A\u200bB,1\nA\u00adB,2\nA\u202eB,3\nA\tB,4\nGood,5\n".encode(),
    "sku-signs.csv": H + '"A,B",1\n"A""B",2\nkopi-☕-🫘,3\n=1+1,4\n@x,5\nA/B\\C,6\n\'7,7\n'.encode(),
    "sku-long.csv": H + b"L" * 200 + b",1\n" + b"M" * 201 + b",2\n",
    "sku-never-text.csv": H + "A\uffffB,1\nA\ufdd0B,2\nA\U0001fffeB,3\nA\U0001fae8B,4\n".encode(),
    "sku-combining-letters.csv": H + "CAF\u00c9,1\nCAFE\u0301,2\n".encode(),
    "sku-mangled.csv": H + b'1.23E+12,5\n12345.0,6\n"8,99E+12",7\n1E+5,8\n12E5,9\nA-1,10\n',
    "sku-mangled-one-original.csv": H + b"1.23E+12,5\n12345.0,6\nA-1,10\n",
    "sku-mangled-two-originals.csv": H + b"1.23E+12,5\n12345.0,6\nA-1,10\n",
    "sku-mangled-every-way.csv": H + b"1E+3,1\n1.50E+02,2\n1.5E+0,3\n9.995E+02,4\n1.2E+400,5\n12E+5,6\n120.0,7\n1.0E+10,8\n",
    "sku-mangled-but-known.csv": H + b"1.23E+12,5\n12345.0,6\n",
    "sku-absent.csv": H + b",5\n \xc2\xa0,6\n,\nA-1,7\n",
    "sku-twice.csv": b"sku,gudang,quantity\nA-1,JKT,5\nA-1,SBY,6\nA-1,JKT,7\n",
    "location-bad.csv": b"sku,gudang,quantity\nA-1,J\x1bT,5\nB-2,JKT,6\n",
}  # fmt: skip

NUMBERS = {
    "numbers-plain.csv": H + b"A,0\nB,1\nC,007\nD,2147483647\nE,5.0\nF,5.9\nG,0.5\n",
    "numbers-indonesian.csv": b"SKU;Stok\nA;1.234\nB;1.234.567\nC;1.234,9\nD;12\nE;12,5\nF;0,5\n",
    "numbers-english.csv": H + b'A,"1,234"\nB,"1,234,567"\nC,"1,234.9"\nD,12\nE,12.5\n',
    "numbers-programmer.csv": H + b'A,1234.567\nB,1.234\nC,"1,234"\nD,1234567\n',
    "numbers-auto-clear.csv": b"SKU;Stok\nA;1.234,5\nB;1,234.5\nC;1.234.567\nD;1,5\nE;0.123\n",
    "numbers-ambiguous.csv": b"SKU;Stok\nA;5\nB;1.234\nC;1.234\nD;2,500\n",
    "numbers-ambiguous-thrice.csv": b"SKU;Stok\nA;1.234\nB;2.500\nC;1.234\nD;3,000\nE;4.000\n",
    "numbers-wrong-groups.csv": H + b'A,"12,34"\nB,"1,23,456"\nC,1.2.3\nD,"0,123.4"\nE,"1,2345"\nF,5\n',
    "numbers-dust.csv": H + b"A,1999.9999999\nB,2000.0000001\nC,1999.999998\nD,1999.999999\nE,-0.0000004\n"
    + b"F,0.99999899999999999999999999999999999999\n",
    "numbers-negative.csv": H + b"A,-3\nB,-0\nC,-0.5\nD,-2147483647\nE,-2147483648\nF,--5\nG,5-\n",
    "numbers-blank.csv": H + "A,\nB, \nC,\u00a0\nD,\u200b\nE,-\nF,5\n".encode(),
    "numbers-words.csv": H + "A,habis\nB,#N/A\nC,NaN\nD,inf\nE,-Infinity\nF,None\nG,null\nH,true\nI,5 pcs\nJ,Rp 5\nK,$5\nL,5%\nM,>10\nN,0x10\nO,1_000\nP,٣\nQ,½\nR,\uff15\nS,1 234\nT,1\u00a0234\nU,(5)\nV,7\n".encode(),
    "numbers-large.csv": H + b"A,2147483647\nB,2147483648\nC,99999999999999999999\nD,2147483647.9999999\nE,2147483647.5\nF," + b"1" * 41 + b"\n",
    "numbers-exponents.csv": H + b'A,1E3\nB,1.5e+03\nC,1E-3\nD,+5\nE,"1,5E+05"\nF,8\n',
    "numbers-formulas.csv": H + b'A,=5\nB,"=""5"""\nC,\'5\nD,=HYPERLINK("x")\nE,9\n',
    "numbers-dates.csv": H + b"A,2026-11-24\nB,24/11/2026\nC,5-Jan\nD,12:30\nE,3\n",
}  # fmt: skip

TRAILERS = {
    "trailer-right.csv": H + b"A-1,5\nB-2,6\nEND,2\n",
    "trailer-other-delimiter.csv": b"SKU;Stok;Nama\nA-1;5;Kopi\nEND;1;\n",
    "trailer-counts-more.csv": H + b"A-1,5\nB-2,6\nEND,3\n",
    "trailer-missing.csv": H + b"A-1,5\nB-2,6\n",
    "trailer-not-last.csv": H + b"A-1,5\nEND,1\nB-2,6\n",
    "trailer-after-bad-rows.csv": H + b'A-1,5\n"B"2,6\nC-3,7\n,8\nEND,4\n',
    "trailer-unreadable.csv": H + b'A-1,5\n"END"x,1\n',
    "trailer-without-count.csv": b"SKU;Stok\nA-1;5\n#EOF;\n",
    "trailer-in-json.json": b'[{"sku": "A-1", "qty": 5}]',
    "trailer-not-expected.csv": H + b"A-1,5\nEND,1\n",
}


JSON = {
    "lines.jsonl": b'{"sku": "A-1", "qty": 5}\n\n{"sku": "B-2", "qty": 0, "gudang": "JKT"}\r\n',
    "lines-bom-no-last-end.jsonl": b'\xef\xbb\xbf{"kode": "A-1", "stok": 5}\n{"kode": "B-2", "stok": 6}',
    "lines-broken.jsonl": b'{"sku": "A-1", "qty": 5}\n{"sku": "B-2", "qt\n{"sku": "C-3", "qty": 7} x\n[1]\n"D"\n{"sku": "E-5", "qty": 8}\n',
    "lines-duplicate-keys.jsonl": b'{"sku": "A-1", "qty": 0, "qty": 5}\n{"sku": "B-2", "qty": 6, "x": {"y": 1, "y": 2}}\n{"sku": "C-3", "qty": 7}\n',
    "lines-nested.jsonl": b'{"sku": "A-1", "qty": {"value": 5}}\n{"sku": ["B-2"], "qty": 6}\n{"sku": "C-3", "qty": [7]}\n{"sku": "D-4", "qty": 8, "more": {"a": [1]}}\n',
    "lines-numbers.jsonl": b"".join(
        b'{"sku": "%c", "qty": %b}\n' % (65 + at, qty)
        for at, qty in enumerate(
            (
                b"5", b"5.0", b"5.9", b"-5", b"1999.9999999", b"1e3", b"1.5E3", b"2147483647", b"2147483648",
                b"1e400", b"NaN", b"-Infinity", b"true", b"false", b"null", b'""', b'"5"', b'"1.5"', b'"1E3"',
                b'"habis"', b"9" * 41, b"-0", b"-0.5", b"0.0000001",
            )
        )
    ),
    "lines-skus.jsonl": b'{"sku": 12345, "qty": 1}\n{"sku": 12345.0, "qty": 2}\n{"sku": 1.23E+12, "qty": 3}\n{"sku": "007", "qty": 4}\n{"sku": null, "qty": 5}\n{"sku": "a\\nb", "qty": 6}\n{"sku": "\\ud83d\\ude00", "qty": 7}\n{"sku": "\\ud800", "qty": 8}\n{"sku": true, "qty": 9}\n{"qty": 10}\n{"sku": "B", "qty": 11}\n',
    "lines-ambiguous-text.jsonl": b'{"sku": "A-1", "qty": "1.234"}\n{"sku": "B-2", "qty": 5}\n',
    "array.json": b'[{"sku": "A-1", "qty": 5}, {"sku": "B-2", "qty": 0}]',
    "array-pretty.json": json.dumps([{"Kode Barang": "A-1", "Stok": 5, "Gudang": "JKT"}, {"Kode Barang": "B-2", "Stok": None, "Gudang": None}], indent=4).encode(),
    "lines-nested-deeply.jsonl": b'\n \n{"sku": "A-1", "qty": 5}\n{"sku": "B-2", "qty": ' + b"[" * 20_000 + b"]" * 20_000 + b"}\n",
    "lines-huge-exponent.jsonl": b'{"sku": "A-1", "qty": 1e99999999999999999999}\n{"sku": "B-2", "qty": 1e-30}\n',
    "lines-cut-off.jsonl": b'{"sku": "A-1", "qty": 5}\n{"sku": "B-2", "qty": 6',
    "array-nested-deeply.json": b'[{"sku": "A-1", "qty": ' + b"[" * 20_000,
    "array-without-comma.json": b'[{"sku": "A-1", "qty": 5} {"sku": "B-2", "qty": 6}]',
    "array-trailing-comma.json": b'[{"sku": "A-1", "qty": 5},]',
    "empty.json": b" \n",
    "array-utf-16.json": '[{"sku": "CAFÉ", "qty": 5}]'.encode("utf-16"),
    "array-cut-off.json": b'[\n  {"sku": "A-1", "qty": 5},\n  {"sku": "B-2", "qty": 6},\n',
    "array-cut-off-in-an-element.json": b'[{"sku": "A-1", "qty": 5}, {"sku": "B-2", "qt',
    "array-of-arrays.json": b'[["sku", "qty"], ["A-1", 5]]',
    "array-mixed.json": b'[{"sku": "A-1", "qty": 5}, null, ["B-2", 6], 7, {"sku": "C-3", "qty": 8}]',
    "array-followed.json": b'[{"sku": "A-1", "qty": 5}]\n[{"sku": "B-2", "qty": 6}]\n',
    "array-empty.json": b"[]\n",
    "object-around-array.json": b'{"data": [\n  {"sku": "A-1", "qty": 5}\n]}\n',
    "object-error.json": b'{"error": "invalid_token", "error_description": "The token is expired"}\n',
    "csv-named.json": H + b"A-1,5\n",
}  # fmt: skip

PACKED = {
    "gzip.csv.gz": gzipped(SMALL.encode()),
    "gzip-cut-off.csv.gz": gzipped(SMALL.encode() * 20)[:-12],
    "gzip-wrong-checksum.csv.gz": gzipped(SMALL.encode())[:-8] + b"\0\0\0\0" + gzipped(SMALL.encode())[-4:],
    "gzip-twice.csv.gz": gzipped(gzipped(SMALL.encode())),
    "gzip-two-parts.csv.gz": gzipped(SMALL[:20].encode()) + gzipped(SMALL[20:].encode()),
    "gzip-garbage-after.csv.gz": gzipped(SMALL.encode()) + b"garbage",
    "gzip-empty.csv.gz": gzipped(b""),
    "gzip-named-csv.csv": gzipped(SMALL.encode()),
    "gzip.jsonl.gz": gzipped(b'{"sku": "A-1", "qty": 5}\n'),
    "zip.zip": zipped(("export/stok.csv", SMALL)),
    "zip-stored.zip": zipped(("stok.csv", SMALL), method=zipfile.ZIP_STORED),
    "zip-by-macos.zip": zipped(("stok.csv", SMALL), ("__MACOSX/._stok.csv", b"\0\x05\x16\x07")),
    "zip-two-members.zip": zipped(("a.csv", SMALL), ("b.csv", SMALL)),
    "zip-no-member.zip": zipped(),
    "zip-nameless-member.zip": zipped(("", SMALL)),
    "zip-cut-off.zip": zipped(("stok.csv", SMALL * 20))[:-30],
    "zip-beginning-cut-off.zip": without_beginning(zipped(("stok.csv", SMALL))),
    "xlsx-beginning-cut-off.xlsx": without_beginning(xlsx("")),
    "zip-wrong-checksum.zip": zipped(("stok.csv", SMALL), method=zipfile.ZIP_STORED).replace(b"Kopi;5", b"Kopi;0"),
    "zip-encrypted.zip": with_flag(zipped(("stok.csv", SMALL)), 1),
    "zip-nested.zip": zipped(("inner.zip", zipped(("stok.csv", SMALL)))),
    "zip-bzip2.zip": zipped(("stok.csv", SMALL), method=zipfile.ZIP_BZIP2),
    "zip-row-without-end.zip": zipped(("stok.csv", H + b"A" * (3 << 20))),
}  # fmt: skip

SOMETHING_ELSE = {
    "picture.csv": png(),
    "picture.csv.gz": gzipped(png()),
    "document.csv": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n",
    "error-page.csv": b'<!DOCTYPE html>\n<html lang="id"><head><title>502 Bad Gateway</title></head>\n<body><h1>502 Bad Gateway</h1>\nquantity, sku: silakan coba lagi</body></html>\n',
    "error-page-table.csv": b"<table><tr><td>SKU</td><td>Stok</td></tr>\n<tr><td>A-1</td><td>5</td></tr></table>\n",
    "login-page.json": b"<html><body>Please sign in</body></html>\n",
    "random.csv": bytes((at * 197 + at // 7 * 31 + 5) % 256 for at in range(400)),
    "zeros.csv": b"\0" * 512,
    "database-error.csv": b"ERROR 2006 (HY000) at line 1: MySQL server has gone away\n",
    "rows-then-database-error.csv": H + b"A-1,5\nB-2,6\nERROR 2013 (HY000): Lost connection to MySQL server\n",
}  # fmt: skip

XLSX_HEAD = cells("SKU", "Stok")
XLSX = {
    "xlsx-by-hand.xlsx": xlsx(XLSX_HEAD + cells("007", "<c><v>5</v></c>") + cells("B<!-- -->2", "<c t='str'><f>1+1</f><v>6</v></c>")),
    "xlsx-unknown-encoding.xlsx": xlsx(XLSX_HEAD + cells("A", "<c><v>5</v></c>"), prolog="<?xml version='1.0' encoding='UTF-6'?>"),
    "xlsx-entities.xlsx": xlsx(XLSX_HEAD + cells("&a;", "<c><v>5</v></c>"), prolog="<!DOCTYPE x [<!ENTITY a 'A'>]>"),
    "xlsx-broken-xml.xlsx": xlsx(XLSX_HEAD + cells("A", "<c><v>5</c></v>")),
    "xlsx-string-absent.xlsx": xlsx(XLSX_HEAD + cells("<c t='s'><v>7</v></c>", "<c><v>5</v></c>")),
    "xlsx-odd-numbers.xlsx": xlsx(
        XLSX_HEAD
        + "".join(
            cells(f"S{at}", f"<c><v>{number}</v></c>")
            for at, number in enumerate(("5.0", "-0", "1E2", "1e309", "NaN", "INF", "0x10", "1_0", " 5 ", "5,0", "٣", "1999.9999999999998", "+5", ".5"))
        )
    ),
    "xlsx-rows-backwards.xlsx": xlsx(XLSX_HEAD + "<row r='3'><c r='A3' t='inlineStr'><is><t>A</t></is></c></row><row r='2'/>"),
    "xlsx-escapes.xlsx": xlsx(XLSX_HEAD + cells("A_x000D_", "<c><v>5</v></c>") + cells("B_x0041_", "<c><v>6</v></c>") + cells("C_xD800_", "<c><v>7</v></c>")),
    "xlsx-no-sheets.xlsx": xlsx("", book="<sheets/>"),
    "binary-workbook.xlsb": zipped(("[Content_Types].xml", "<Types/>"), ("xl/workbook.bin", b"\x83\x01\0")),
}  # fmt: skip

FILES = {
    **DELIMITERS_AND_QUOTES, **ENCODINGS_AND_LINE_ENDS, **HEADERS, **SKUS, **NUMBERS, **TRAILERS, **JSON, **PACKED,
    **SOMETHING_ELSE, **XLSX,
}  # fmt: skip
