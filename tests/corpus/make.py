"""Make the files of the corpus: `python tests/corpus/make.py`, with pandas, openpyxl and xlwt for some of them.

What is put down in bytes is written anew each time. What other programs write is written only where it is not
there yet, for few of them write the same bytes twice: delete a file to have it made again.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from by_hand import FILES
from by_programs import TEXTS
from by_spreadsheets import WORKBOOKS

FOLDER = Path(__file__).parent / "files"
FOUND = {"xls-circle-of-sectors.xls"}
"""What fuzzing found, kept as it was found."""
WRITERS = {**TEXTS, **WORKBOOKS}


def write_by_hand():
    for name, content in FILES.items():
        path = FOLDER / name
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
            print(f"written: {name}")


def write_by_programs():
    for name, write in WRITERS.items():
        path = FOLDER / name
        if path.exists():
            continue
        try:
            with tempfile.TemporaryDirectory() as folder:
                write(Path(folder), path)
        except ModuleNotFoundError as missing:
            print(f"NOT written: {name}: {missing.name} is not here")
        else:
            print(f"written: {name}")


def main():
    FOLDER.mkdir(exist_ok=True)
    write_by_hand()
    write_by_programs()
    unknown = {path.name for path in FOLDER.iterdir()} - FILES.keys() - WRITERS.keys() - FOUND
    print(
        f"{len(FILES) + len(WRITERS) + len(FOUND)} files"
        + (f"; nothing makes {sorted(unknown)}" if unknown else "")
    )


if __name__ == "__main__":
    main()
