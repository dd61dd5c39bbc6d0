import os
import sqlite3
from contextlib import closing

import pytest
from rights import as_nobody

from syncd.checking.inputs import check_source
from syncd.config.model import DropSource, SqliteSource

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="owners are changed by root only")
QUERY = "SELECT sku, quantity FROM stock"


@pytest.fixture
def inbox(tmp_path):
    for above in (tmp_path, *tmp_path.parents):
        if above.stat().st_uid == os.getuid() and above.parent != above and len(above.parts) > 2:
            above.chmod(0o755)
    folder = tmp_path / "inbox"
    folder.mkdir(mode=0o755)
    return folder


def looked_at(path, **keys):
    return list(check_source("erp", DropSource(path=path, **keys)))


def named(path, **keys):
    return [finding.kind.value for finding in looked_at(path, **keys) if finding.remedy]


def test_a_sound_folder_is_fine_and_nothing_is_made_in_it(inbox):
    (inbox / "stock.csv").write_text("sku,quantity\nA,1\n")
    (found,) = looked_at(inbox)
    assert found.what == f"{inbox}: 1 file waits"
    assert [path.name for path in inbox.iterdir()] == ["stock.csv"]


def test_a_folder_that_will_be_made_is_fine(inbox):
    (found,) = looked_at(inbox / "new" / "er")
    assert found.what.endswith("will be made")


@only_root
def test_a_folder_that_cannot_be_made_is_found(inbox):
    with as_nobody():
        (found,) = looked_at(inbox / "new")
    assert found.kind == "source_folder_forbidden"
    assert "cannot make it" in found.what


@only_root
@pytest.mark.parametrize("name", ["", "archive", "rejected", ".syncd"])
def test_a_folder_that_this_user_may_not_write_is_found(inbox, name):
    os.chown(inbox, 65534, 65534)
    forbidden = inbox / name
    forbidden.mkdir(exist_ok=True)
    os.chown(forbidden, 0, 0)
    with as_nobody():
        found = looked_at(inbox)
    assert [one.kind for one in found if one.remedy] == ["source_folder_forbidden"]
    assert f"cannot move files in or out of {forbidden} (root, mode 0755)" in found[0].what


@only_root
def test_a_way_that_this_user_may_not_go_is_found(inbox):
    inbox.parent.chmod(0o700)
    with as_nobody():
        assert named(inbox) == ["source_folder_forbidden"]


def test_a_folder_of_ours_that_is_a_link_is_found(inbox, tmp_path):
    (inbox / "archive").symlink_to(tmp_path)
    assert named(inbox) == ["source_folders_apart"]


@only_root
def test_a_folder_of_ours_on_another_file_system_is_found(inbox):
    import subprocess

    (inbox / "archive").mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "none", inbox / "archive"], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        assert named(inbox) == ["source_folders_apart"]
    finally:
        subprocess.run(["umount", inbox / "archive"], check=True)


@only_root
def test_the_sticky_bit_is_found_where_it_keeps_files_from_being_moved(inbox):
    inbox.chmod(0o1775)
    with as_nobody():  # still of root's group
        assert "source_folder_sticky" in named(inbox)
    os.chown(inbox, 65534, 0)
    with as_nobody():
        assert "source_folder_sticky" not in named(inbox)


def test_a_folder_into_which_everybody_may_put_stock_is_found(inbox):
    inbox.chmod(0o777)
    assert named(inbox) == ["source_folder_open"]


def test_a_group_that_is_not_passed_on_is_told_and_one_that_is_is_fine(inbox):
    inbox.chmod(0o775)
    assert named(inbox) == ["source_group_not_passed_on"]
    inbox.chmod(0o2775)
    assert named(inbox) == []


@only_root
def test_files_that_cannot_be_read_are_found_with_their_rights(inbox):
    for name, mode in (("a.csv", 0o600), ("b.csv", 0o644), ("c.csv", 0o640)):
        (inbox / name).write_text("sku,quantity\nA,1\n")
        (inbox / name).chmod(mode)
        os.chown(inbox / name, 0, 65534)
    os.chown(inbox, 65534, 65534)
    with as_nobody():
        found = [one for one in looked_at(inbox) if one.remedy]
    assert [one.kind for one in found] == ["source_files_unreadable"]
    assert "nobody cannot read 2 of them: a.csv (root, mode 0600)" in found[0].what


def test_what_is_left_alone_is_told(inbox):
    (inbox / "stock.pdf").touch()
    (found,) = looked_at(inbox)
    assert "left alone: stock.pdf" in found.what


@pytest.fixture
def pos(inbox):
    path = inbox / "pos.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE stock(sku, quantity)")
        database.execute("INSERT INTO stock VALUES ('A', 1)")
        database.commit()
    return path


def queried(path, query=QUERY):
    return list(check_source("pos", SqliteSource(path=path, query=query)))


def test_a_query_is_run_to_its_end(pos):
    (found,) = queried(pos)
    assert found.what == f"{pos}: the query gives 1 rows"


@pytest.mark.parametrize(
    ("query", "word", "remedy"),
    [
        ("SELECT sku FROM stock", "quantity", "Name them"),
        ("SELECT sku, quantity FROM stocks", "stocks", "Check `query`"),
    ],
)
def test_a_query_that_does_not_fit_is_found_with_its_remedy(pos, query, word, remedy):
    (found,) = queried(pos, query)
    assert found.kind == "source_unusable"
    assert word in found.what
    assert remedy in found.remedy


def test_a_database_that_is_not_there_is_found_and_not_made(pos):
    missing = pos.with_name("other.db")
    (found,) = queried(missing)
    assert found.kind == "source_unusable"
    assert "Check `path`" in found.remedy
    assert not missing.exists()


def test_bad_rows_are_found(pos):
    (found,) = queried(pos, "SELECT sku, 'many' AS quantity FROM stock")
    assert found.kind == "source_rows_bad"
    assert "row 1" in found.what


@only_root
def test_a_wal_whose_folder_cannot_be_written_is_found_while_it_can_still_be_read(pos):
    pos.chmod(0o644)
    with closing(sqlite3.connect(pos)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("INSERT INTO stock VALUES ('B', 2)")
        other.commit()
        with as_nobody():
            found = queried(pos)
    assert [one.kind.value for one in found] == ["source", "source_wal_folder"]
    assert "ReadWritePaths" in found[1].remedy


def test_a_wal_whose_folder_can_be_written_is_fine(pos):
    with closing(sqlite3.connect(pos)) as other:
        other.execute("PRAGMA journal_mode=WAL")
    assert [one.kind.value for one in queried(pos)] == ["source"]
