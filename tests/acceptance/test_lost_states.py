"""A state database that is damaged, or an older copy of itself: noticed, told, and all is pushed anew."""

import random
import shutil

import pytest
from processes import eventually, shows

STOCK = {f"SKU-{number}": number % 7 for number in range(60)}


def flipped(data, start, count):
    return data[:start] + bytes(byte ^ 0x5A for byte in data[start : start + count]) + data[start + count :]


DAMAGES = {
    "header": lambda data: flipped(data, 0, 16),
    "schema": lambda data: flipped(data, 100, 200),
    "middle": lambda data: flipped(data, len(data) // 2, 4096),
    "truncated": lambda data: data[: len(data) // 2],
    "garbage": lambda data: random.Random(1).randbytes(len(data)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_is_set_aside_and_the_truth_comes_back_from_the_files(site, served, damage):
    site.drop(STOCK)
    site.started()
    eventually(site.is_settled, "all is confirmed")
    site.terminate()
    site.state.write_bytes(DAMAGES[damage](site.state.read_bytes()))
    site.drop(STOCK | {"SKU-1": 0}, "meanwhile.csv")
    site.started()
    eventually(shows(served, STOCK | {"SKU-1": 0}), "the truth is shown")
    eventually(site.is_settled, "all is confirmed anew")

    assert "state_damaged" in site.log.read_text()
    assert list(site.folder.glob("state.db.damaged-*"))
    assert served.rows() >= 2 * len(STOCK), "every listing is asserted anew"
    assert site.terminate() == 0


@pytest.mark.parametrize("with_journal", [True, False], ids=["with its journal", "without its journal"])
def test_an_older_copy_of_the_database_is_noticed_and_believed_in_nothing(site, served, with_journal):
    """The copy says that A = 3 is shown. Since then 9 was pushed, and now the source says 3 again."""
    backup = site.folder / "backup"
    backup.mkdir()
    site.drop({"A": 3, "B": 1})
    site.started()
    eventually(site.is_settled, "the first values are confirmed")
    for file in ("state.db", "state.db-wal") if with_journal else ("state.db",):
        shutil.copy(site.folder / file, backup / file)
    site.drop({"A": 9, "B": 1}, "later.csv")
    eventually(shows(served, {"A": 9, "B": 1}), "the change is pushed")
    site.terminate()
    for file in site.folder.glob("state.db*"):
        if file.name not in {"state.db.lock", "state.db.marker"}:
            file.unlink()
    for file in backup.iterdir():
        shutil.copy(file, site.folder / file.name)
    before = served.rows()
    site.drop({"A": 3, "B": 1}, "latest.csv")
    site.started()
    eventually(shows(served, {"A": 3, "B": 1}), "the truth is shown")
    eventually(site.is_settled, "all is confirmed anew")

    assert served.rows() - before >= 2, "every listing is asserted anew"
    assert "state_restored" in site.log.read_text() or not with_journal
    assert site.terminate() == 0
