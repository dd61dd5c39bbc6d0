"""Workbooks of the corpus, written by spreadsheet programs and libraries; as in `by_programs`."""

import datetime as dt
import gzip
import io
import shutil
import zipfile

from by_programs import TEXT_COLUMNS, libreoffice, pandas, run

HEADERS = ("Kode Barang", "Nama", "Gudang", "Stok")
PLAIN = (
    HEADERS,
    ("007", "Kopi", "JKT", 5),
    ("1E5", "Teh", "JKT", 0),
    (" B\u00a0", "Susu", None, 12.9),
    ("C-3", "Gula", "SBY", None),
)
ONE_SHEET = {"Stok": PLAIN}
FORMATTED = (
    ("SKU", "Stok"), ((7, "000000"), 1), ((12345, "General"), 2), ((1234567890123, "General"), 3), ((1234567890123, "0"), 4),
    ((12345, "00-000"), 5), ((1234, "#,##0"), 6), ((12345678901234567890, "0"), 7), ((12.5, "General"), 8), ((0.5, "0%"), 9),
    (("007", "@"), 10), ((7, "@"), 11),
)  # fmt: skip
DATES = (
    ("SKU", "Stok"), ("A-1", 5), ((dt.date(2026, 11, 24), "dd/mm/yyyy"), 6), ((dt.date(2026, 1, 5), "d-mmm"), 7),
    ("5-Jan", 8), ((dt.time(12, 30), "hh:mm"), 9),
)  # fmt: skip
QUANTITIES = (
    ("SKU", "Stok"), ("A", 5), ("B", 5.9), ("C", 1999.9999999), ("D", -3), ("E", "5"), ("F", "1.234,5"), ("G", "habis"),
    ("H", (0.5, "0%")), ("I", (1500, '"Rp" #,##0')), ("J", (dt.date(2026, 11, 24), "dd/mm/yyyy")), ("K", True), ("L", 2147483647),
    ("M", 2147483648), ("N", "=2+3"), ("O", None), ("P", "  "), ("Q", 1e300), ("R", (1234, "#,##0")), ("S", (5, "000000")),
)  # fmt: skip


def openpyxl_book(sheets, *, hidden=(), merged=()):
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for at, row in enumerate(rows, 1):
            for column, cell in enumerate(row, 1):
                value, number_format = cell if isinstance(cell, tuple) else (cell, None)
                if value is not None:
                    target = sheet.cell(at, column, value)
                    target.number_format = number_format or target.number_format
        sheet.sheet_state = "hidden" if name in hidden else "visible"
        for place in merged:
            sheet.merge_cells(place)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def openpyxl(sheets, **more):
    return lambda folder, path: path.write_bytes(openpyxl_book(sheets, **more))


def cut_off(folder, path):
    path.write_bytes(openpyxl_book(ONE_SHEET)[:-400])


def gzipped(folder, path):
    path.write_bytes(gzip.compress(openpyxl_book(ONE_SHEET), mtime=0))


def zipped(folder, path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("stok.xlsx"), openpyxl_book(ONE_SHEET))


def encrypted(folder, path):
    from msoffcrypto.format.ooxml import OOXMLFile

    with path.open("wb") as file:
        OOXMLFile(io.BytesIO(openpyxl_book(ONE_SHEET))).encrypt("secret", file)


def converted(sheets, extension, **more):
    """Let LibreOffice write anew what openpyxl wrote: it computes formulas, and stores what they give."""

    def write(folder, path):
        (folder / "in.xlsx").write_bytes(openpyxl_book(sheets, **more))
        profile = f"-env:UserInstallation=file://{folder}/profile"
        run(
            "soffice",
            profile,
            "--headless",
            "--convert-to",
            extension,
            "in.xlsx",
            "--outdir",
            "out",
            folder=folder,
        )
        shutil.move(folder / "out" / f"in.{extension}", path)

    return write


def xlwt(rows):
    def write(folder, path):
        import xlwt as library

        book = library.Workbook()
        sheet = book.add_sheet("Stok")
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                value, number_format = cell if isinstance(cell, tuple) else (cell, "General")
                if value is not None:
                    sheet.write(at, column, value, library.easyxf(num_format_str=number_format))
        book.save(str(path))

    return write


def table_of_html(folder, path):
    """What many shops' systems call Excel."""
    path.write_text(
        "<html><table><tr><th>SKU</th><th>Stok</th></tr><tr><td>A-1</td><td>5</td></tr></table></html>\n"
    )


def table_of_tabs(folder, path):
    path.write_bytes(b"SKU\tStok\r\n007\t5\r\n")


TWO = {"Toko": (("SKU", "Stok"), ("A-1", 5)), "Gudang": (("SKU", "Stok"), ("A-1", 9))}

WORKBOOKS = {
    "openpyxl.xlsx": openpyxl(ONE_SHEET),
    "openpyxl-number-formats.xlsx": openpyxl({"Stok": FORMATTED}),
    "openpyxl-dates-in-skus.xlsx": openpyxl({"Stok": DATES}),
    "openpyxl-quantities.xlsx": openpyxl({"Stok": QUANTITIES}),
    "openpyxl-errors.xlsx": openpyxl({"Stok": [("SKU", "Stok"), ("A", "#N/A"), ("#REF!", 6), ("B", 7)]}),
    "openpyxl-other-sheets.xlsx": openpyxl({"Baca dulu": [("Laporan stok",)], "Stok": PLAIN, "Harga": [("SKU", "Harga"), ("007", 5000)]}),
    "openpyxl-two-sheets.xlsx": openpyxl(TWO),
    "openpyxl-sheet-named.xlsx": openpyxl(TWO),
    "openpyxl-sheet-absent.xlsx": openpyxl(TWO),
    "openpyxl-hidden-copy.xlsx": openpyxl(TWO, hidden=["Toko"]),
    "openpyxl-all-hidden.xlsx": openpyxl({"Baca": [("Laporan",)], **TWO}, hidden=["Toko", "Gudang"]),
    "openpyxl-title-rows.xlsx": openpyxl({"Stok": [("PT Maju Jaya",), ("Laporan Stok", None), (), *PLAIN]}, merged=["A1:D1"]),
    "openpyxl-merged-skus.xlsx": openpyxl({"Stok": [("SKU", "Gudang", "Stok"), ("A-1", "JKT", 5), (None, "SBY", 6), ("B-2", "JKT", 7)]}, merged=["A2:A3"]),
    "openpyxl-columns-named.xlsx": openpyxl({"Stok": [("SKU", "Kode Lama", "Stok", "Stok Toko"), ("NEW-1", "OLD-1", 5, 3)]}),
    "openpyxl-columns-missing.xlsx": openpyxl({"Stok": [("SKU", "Harga"), ("A-1", 5000)]}),
    "openpyxl-columns-ambiguous.xlsx": openpyxl({"Stok": [("SKU", "Stok", "Jumlah"), ("A-1", 5, 9)]}),
    "openpyxl-empty.xlsx": openpyxl({"Stok": []}),
    "openpyxl-headers-alone.xlsx": openpyxl({"Stok": [("SKU", "Stok")]}),
    "openpyxl-mangled.xlsx": openpyxl({"Stok": [("SKU", "Stok"), ("1.23E+12", 5), ("12345.0", 6), ("A\u200bB", 7), ("C", 8)]}),
    "openpyxl-ambiguous-text.xlsx": openpyxl({"Stok": [("SKU", "Stok"), ("A-1", "1.234"), ("B-2", 5)]}),
    "openpyxl-named-csv.csv": openpyxl(ONE_SHEET),
    "openpyxl-cut-off.xlsx": cut_off,
    "openpyxl.xlsx.gz": gzipped,
    "openpyxl.xlsx.zip": zipped,
    "msoffcrypto-encrypted.xlsx": encrypted,
    "pandas.xlsx": pandas("to_excel"),
    "xlwt.xls": xlwt(PLAIN),
    "xlwt-number-formats.xls": xlwt(FORMATTED),
    "xlwt-dates-in-skus.xls": xlwt(DATES),
    "libreoffice-text.xlsx": libreoffice("xlsx", columns=TEXT_COLUMNS),
    "libreoffice-untold.xlsx": libreoffice("xlsx"),
    "libreoffice-text.xls": libreoffice("xls", columns=TEXT_COLUMNS),
    "libreoffice-untold.xls": libreoffice("xls"),
    "libreoffice-text.ods": libreoffice("ods", columns=TEXT_COLUMNS),
    "libreoffice-untold.ods": libreoffice("ods"),
    "libreoffice-number-formats.ods": converted({"Stok": FORMATTED}, "ods"),
    "libreoffice-quantities.ods": converted({"Stok": QUANTITIES}, "ods"),
    "libreoffice-quantities.xlsx": converted({"Stok": QUANTITIES}, "xlsx"),
    "libreoffice-quantities.xls": converted({"Stok": QUANTITIES}, "xls"),
    "libreoffice-dates-in-skus.ods": converted({"Stok": DATES}, "ods"),
    "libreoffice-hidden-copy.ods": converted(TWO, "ods", hidden=["Toko"]),
    "libreoffice-hidden-copy.xls": converted(TWO, "xls", hidden=["Toko"]),
    "libreoffice-merged-titles.ods": converted({"Stok": [("PT Maju Jaya",), ("Laporan Stok", None), (), *PLAIN]}, "ods", merged=["A1:D1"]),
    "table-of-html.xls": table_of_html,
    "table-of-tabs.xls": table_of_tabs,
}  # fmt: skip
