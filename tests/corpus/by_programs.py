"""Files of the corpus that other people's programs write. Each writer is given a folder of its own, and its file's path."""

import csv
import json
import shutil
import subprocess

ROWS = [("0012", 'Kopi "besar"', 5), ("B,2", "Teh; manis", 0), ("C 3", "Susu é", 1234)]
TABLE = (
    "CREATE TABLE stok (sku TEXT, nama TEXT, stok); INSERT INTO stok VALUES "
    "('0012', 'Kopi \"besar\"', 5), ('B,2', 'Teh; manis', 0), ('C 3', 'Susu é', 1234.0), ('D-4', NULL, NULL), ('E|5', 'x', 'habis');"
    "SELECT * FROM stok;"
)
CSV = "SKU,Nama,Stok\r\n0012,Kopi,5\r\n12345678901234567890,Teh,6\r\n1E5,Susu,7\r\n24/11/2026,Gula,8\r\nE-5,Garam,1234\r\n"


def run(*command, folder=None, given=None):
    """Run a program, and give what it prints."""
    if shutil.which(command[0]) is None:
        raise ModuleNotFoundError(name=command[0])
    return subprocess.run(command, cwd=folder, input=given, check=True, capture_output=True).stdout


def sqlite(*modes):
    return lambda folder, path: path.write_bytes(run("sqlite3", *modes, ":memory:", TABLE))


def csv_module(dialect, quoting):
    def write(folder, path):
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, dialect, quoting=quoting).writerows([("SKU", "Nama", "Stok"), *ROWS])

    return write


def pandas_frame(**columns):
    import pandas as pd

    return pd.DataFrame(
        columns
        or {"SKU": [row[0] for row in ROWS], "Nama": [row[1] for row in ROWS], "Stok": [5, None, 1234]}
    )


def pandas(method, **options):
    return lambda folder, path: getattr(pandas_frame(), method)(path, **options)


def pandas_after_reading(folder, path):
    """What becomes of SKUs that pandas reads without being told that they are text."""
    import pandas as pd

    (folder / "in.csv").write_text("SKU,Stok\n0012,5\n1234567890123,6\n,7\n")
    pd.read_csv(folder / "in.csv").to_csv(path, index=False)


def jq(folder, path):
    array = json.dumps([{"sku": sku, "qty": quantity, "x": {"y": [1]}} for sku, _, quantity in ROWS])
    path.write_bytes(run("jq", "-c", ".[]", given=array.encode()))


def packed(*command, content=CSV, name="stok.csv"):
    """Pack with a command that is given the archive's name and the file's."""

    def write(folder, path):
        (folder / name).write_text(content)
        run(*command, path.name, name, folder=folder)
        shutil.move(folder / path.name, path)

    return write


def gzip(folder, path):
    path.write_bytes(run("gzip", "-n", "-9", given=CSV.encode()))


def seven_zip(folder, path):
    """An archive of a format that is not known here, named as if it were a table."""
    (folder / "stok.csv").write_text(CSV)
    run("7z", "a", "-t7z", "out.7z", "stok.csv", folder=folder)
    shutil.move(folder / "out.7z", path)


def libreoffice(target, *, columns="", content=CSV):
    """Convert a CSV file. `target`: extension, filter, options; `columns`: kinds of the columns, 2 = text."""

    def write(folder, path):
        (folder / "in.csv").write_text(content)
        profile = f"-env:UserInstallation=file://{folder}/profile"
        options = f"--infilter=CSV:44,34,76,1,{columns}"
        run(
            "soffice",
            profile,
            "--headless",
            options,
            "--convert-to",
            target,
            "in.csv",
            "--outdir",
            "out",
            folder=folder,
        )
        shutil.move(next((folder / "out").iterdir()), path)

    return write


TEXT_COLUMNS = "1/2/2/2/3/1"

TEXTS = {
    "sqlite3-csv.csv": sqlite("-csv", "-header"),
    "sqlite3-list.txt": sqlite("-list", "-header"),
    "sqlite3-tabs.tsv": sqlite("-tabs", "-header"),
    "sqlite3-json.json": sqlite("-json"),
    "csv-module-excel.csv": csv_module("excel", csv.QUOTE_MINIMAL),
    "csv-module-excel-tab.tsv": csv_module("excel-tab", csv.QUOTE_MINIMAL),
    "csv-module-unix.csv": csv_module("unix", csv.QUOTE_ALL),
    "pandas.csv": pandas("to_csv"),
    "pandas-after-reading.csv": pandas_after_reading,
    "pandas-utf-16.csv": pandas("to_csv", index=False, sep=";", encoding="utf-16", decimal=","),
    "pandas-records.json": pandas("to_json", orient="records"),
    "pandas-lines.jsonl": pandas("to_json", orient="records", lines=True),
    "pandas-columns.json": pandas("to_json"),
    "pandas.csv.gz": pandas("to_csv", index=False, compression={"method": "gzip", "mtime": 1}),
    "jq.jsonl": jq,
    "gzip-command.csv.gz": gzip,
    "zip-command.zip": packed("zip", "-q", "-X"),
    "7z.zip": packed("7z", "a", "-tzip"),
    "7z-encrypted.zip": packed("7z", "a", "-tzip", "-psecret"),
    "7z-encrypted-aes.zip": packed("7z", "a", "-tzip", "-psecret", "-mem=AES256"),
    "7z-lzma.zip": packed("7z", "a", "-tzip", "-mm=LZMA", content=CSV * 20),
    "7z-archive.csv": seven_zip,
    "libreoffice.csv": libreoffice("csv:Text - txt - csv (StarCalc):44,34,76,1", columns=TEXT_COLUMNS),
    "libreoffice-untold.csv": libreoffice("csv:Text - txt - csv (StarCalc):44,34,76,1"),
    "libreoffice-semicolon-quoted-1252.csv": libreoffice("csv:Text - txt - csv (StarCalc):59,34,1,1,,0,true", columns=TEXT_COLUMNS),
    "libreoffice-tab-utf-16.tsv": libreoffice("csv:Text - txt - csv (StarCalc):9,34,65535,1", columns=TEXT_COLUMNS),
}  # fmt: skip
