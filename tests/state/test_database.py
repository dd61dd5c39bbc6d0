import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from state.database import Database, InstanceLock, Reader, StateLocked, StateMissing, holder_socket
from state.dialect import KNOWN_FAULTS
from state.migrations import SchemaNewer, SchemaOlder

HOLDER = """
import sys
from contextlib import closing
from pathlib import Path
from state.database import Database
database = Database(Path(sys.argv[1]))
database.announce("/run/syncd/control.sock")
print("ready", flush=True)
sys.stdin.read()
"""
INTRUDER = """
import sys
from contextlib import closing
from pathlib import Path
from state.database import Database, StateLocked, holder_socket
path = Path(sys.argv[1])
try:
    Database(path)
except StateLocked:
    print("locked", holder_socket(path))
"""


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "state" / "state.db"


@pytest.fixture
def opened():
    databases: list[Database] = []

    def open_one(path: Path) -> Database:
        databases.append(Database(path))
        return databases[-1]

    yield open_one
    for database in databases:
        database.close()


def push(database: Database, channel_id: int = 1) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO channel(id, account, name, active, plan, hold_code, hold_message)"
            " VALUES (1, 'a', 'a', 1, '', '', '') ON CONFLICT DO NOTHING"
        )
        connection.exec_driver_sql(
            "INSERT INTO push(channel_id, started_at, rows, accepted, rejected, deferred, unknown, code,"
            " message, request_id, batch_id) VALUES (?, 0, 1, 0, 0, 0, 0, '', '', '', '')",
            (channel_id,),
        )


def pushes(reader: Reader | Database) -> int:
    with reader.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM push")).scalar_one())


def copy_of(path: Path, name: str) -> Path:
    """What a backup made of a running database holds."""
    target = path.with_name(name)
    with sqlite3.connect(path) as source, sqlite3.connect(target) as backup:
        source.backup(backup)
    source.close()
    backup.close()
    return target


def test_a_second_instance_in_another_process_is_refused_and_told_where_the_first_answers(path, opened):
    opened(path).announce("/run/syncd/control.sock")

    answer = subprocess.run(
        [sys.executable, "-c", INTRUDER, str(path)], capture_output=True, text=True, check=True
    )

    assert answer.stdout == "locked /run/syncd/control.sock\n"


def test_an_instance_that_was_killed_holds_nothing(path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "ready\n"
        assert holder_socket(path) == "/run/syncd/control.sock"
        with pytest.raises(StateLocked):
            Database(path)
        holder.kill()

    assert holder_socket(path) is None
    Database(path).close()


def test_nobody_holds_a_database_that_never_was(path):
    assert holder_socket(path) is None


def test_a_holder_that_serves_no_socket_says_so(path, opened):
    opened(path)

    assert holder_socket(path) == ""


def test_a_shorter_word_replaces_a_longer_one(path):
    path.parent.mkdir()
    lock = InstanceLock(path)
    lock.note("/a/rather/long/path/to/control.sock")
    lock.note("/s")

    assert holder_socket(path) == "/s"
    lock.release()


def test_a_failed_opening_lets_the_next_instance_in(path):
    Database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()

    with pytest.raises(SchemaNewer):
        Database(path)

    assert holder_socket(path) is None


def test_all_its_files_are_private(path, opened):
    mask = os.umask(0)
    try:
        push(opened(path))
        files = list(path.parent.iterdir())
    finally:
        os.umask(mask)

    assert {file.name for file in files} == {
        "state.db", "state.db-wal", "state.db-shm", "state.db.lock", "state.db.marker",
    }  # fmt: skip
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_the_writer_commits_durably_and_takes_the_lock_when_it_begins(path, opened):
    database = opened(path)
    with database.write() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
        other = sqlite3.connect(path, timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()

    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_transaction_that_fails_leaves_nothing(path, opened):
    database = opened(path)

    def falter() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("INSERT INTO meta(key, value) VALUES ('half', 'done')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        falter()

    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM meta WHERE key = 'half'").scalar_one() == 0


def test_a_reader_cannot_write(path, opened):
    opened(path)
    with (
        Reader(path) as reader,
        reader.read() as connection,
        pytest.raises(OperationalError, match="readonly"),
    ):
        connection.exec_driver_sql("DELETE FROM meta")


def test_a_reader_sees_one_state_while_the_writer_goes_on(path, opened):
    database = opened(path)
    push(database)
    with Reader(path) as reader:
        with reader.read() as connection:
            before = connection.execute(text("SELECT count(*) FROM push")).scalar_one()
            push(database)
            meanwhile = connection.execute(text("SELECT count(*) FROM push")).scalar_one()
        afterwards = pushes(reader)

    assert (before, meanwhile, afterwards) == (1, 1, 2)


def test_a_reader_works_where_no_writer_runs(path):
    database = Database(path)
    push(database)
    database.close()

    assert not path.with_name("state.db-wal").exists()
    with Reader(path) as reader:
        assert pushes(reader) == 1


def test_a_reader_finds_what_a_killed_writer_committed(path, opened, tmp_path):
    push(opened(path))
    killed = tmp_path / "killed"
    shutil.copytree(path.parent, killed)

    with Reader(killed / "state.db") as reader:
        assert pushes(reader) == 1


def test_a_reader_says_that_nothing_has_run_here_and_makes_nothing(path):
    with pytest.raises(StateMissing):
        Reader(path)

    assert not path.parent.exists()


@pytest.mark.parametrize(("version", "refusal"), [(0, SchemaOlder), (99, SchemaNewer)])
def test_a_reader_refuses_the_schema_of_another_version(path, version, refusal):
    Database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE schema_version SET version = ?", (version,))
    connection.close()

    with pytest.raises(refusal):
        Reader(path)


def test_a_new_database_remembers_nothing_and_an_old_one_something(path):
    first = Database(path)
    first.close()
    second = Database(path)
    second.close()

    assert (first.fresh, second.fresh) == (True, False)
    assert first.identity == second.identity
    assert (second.set_aside, second.rewound) == (None, False)


def zero_header(content: bytearray) -> None:
    content[:100] = bytes(100)


def tear_page(content: bytearray) -> None:
    """The root of the largest index or table is what a torn write may hit."""
    middle = len(content) // 4096 // 2 * 4096
    content[middle : middle + 4096] = b"\xaa" * 4096


@pytest.mark.parametrize("damage", [zero_header, tear_page])
def test_a_damaged_database_is_set_aside_and_a_new_one_made(path, damage):
    database = Database(path)
    push(database)
    database.close()
    content = bytearray(path.read_bytes())
    damage(content)
    path.write_bytes(content)
    path.with_name("state.db-wal").write_bytes(b"left behind")

    again = Database(path)
    again.close()

    assert again.fresh
    assert again.set_aside.read_bytes() == content
    assert again.identity != database.identity
    assert not again.rewound, "a new database is no restored copy"
    with Reader(path) as reader:
        assert pushes(reader) == 0


def test_a_restored_older_copy_is_noticed(path):
    database = Database(path)
    push(database)
    older = copy_of(path, "backup.db")
    push(database)
    database.close()
    older.replace(path)

    restored = Database(path)
    restored.close()

    assert restored.rewound


def test_a_restored_copy_stays_noticed_until_it_was_met(path):
    """The daemon may be ended while it makes two million listings uncertain."""
    database = Database(path)
    older = copy_of(path, "backup.db")
    push(database)
    database.close()
    older.replace(path)
    Database(path).close()

    restored = Database(path)
    assert restored.rewound
    restored.caught_up()
    restored.close()

    met = Database(path)
    met.close()
    assert not met.rewound


def test_another_installations_database_is_noticed(path, tmp_path):
    Database(path).close()
    foreign = tmp_path / "foreign" / "state.db"
    Database(foreign).close()
    foreign.replace(path)

    moved = Database(path)
    moved.close()

    assert moved.rewound


@pytest.mark.parametrize("mark", ["", "{", "[]", '{"database": "x"}', '{"database": "x", "push": "many"}'])
def test_an_unreadable_marker_is_no_proof(path, mark):
    Database(path).close()
    path.with_name("state.db.marker").write_text(mark)

    unsure = Database(path)
    unsure.close()

    assert unsure.rewound


def test_a_copy_from_before_the_last_start_is_noticed_even_where_nothing_was_marked_since(path):
    """Pushed and killed within the minute between two marks; then the copy from before comes back."""
    Database(path).close()
    older = copy_of(path, "backup.db")
    killed = Database(path)
    push(killed)
    killed._let_go()
    older.replace(path)

    with closing(Database(path)) as restored:
        assert restored.rewound
        restored.caught_up()
    with closing(Database(path)) as again:
        assert not again.rewound


def test_a_crash_loop_does_not_make_an_older_copy_current(path):
    Database(path).close()
    older = copy_of(path, "backup.db")
    Database(path).close()
    older.replace(path)
    for _ in range(3):
        with closing(Database(path)) as restored:
            restored.mark()

    assert restored.rewound


def test_a_lost_database_stays_lost_until_its_sources_were_read(path):
    Database(path).close()
    path.unlink()
    with closing(Database(path)) as first:
        assert (first.fresh, first.lost) == (True, True)
    with closing(Database(path)) as second:
        assert (second.fresh, second.lost) == (False, True)
        second.caught_up()
    with closing(Database(path)) as third:
        assert not third.lost


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "an older copy"])
def test_what_is_not_remembered_is_doubted_until_it_is_trusted_whatever_was_caught_up(path, lost):
    with closing(Database(path)) as database:
        older = copy_of(path, "backup.db")
        push(database)
        assert not database.doubtful
    path.unlink()
    if not lost:
        older.replace(path)
    with closing(Database(path)) as first:
        assert first.doubtful
        first.caught_up()
    with closing(Database(path)) as second:
        assert second.doubtful
        second.trust()
    with closing(Database(path)) as third:
        assert not third.doubtful


def test_the_marker_tells_how_far_the_database_came(path, opened):
    database = opened(path)
    push(database)
    database.mark()

    assert json.loads(path.with_name("state.db.marker").read_text()) == {
        "database": database.identity, "session": 1, "push": 1,
    }  # fmt: skip


def test_a_deleted_database_is_simply_new(path):
    database = Database(path)
    push(database)
    database.close()
    path.unlink()

    again = Database(path)
    again.close()

    assert (again.fresh, again.rewound) == (True, False)


@pytest.mark.parametrize(
    ("version", "faults"),
    [((3, 34, 1), ["WAL reset"]), ((3, 37, 1), ["WAL reset", "savepoints in memory"]), ((3, 37, 2), ["WAL reset"]),
     ((3, 40, 1), ["WAL reset"]), ((3, 44, 5), ["WAL reset"]), ((3, 44, 6), []), ((3, 45, 0), ["WAL reset"]),
     ((3, 50, 7), []), ((3, 51, 2), ["WAL reset"]), ((3, 51, 3), []), ((3, 52, 0), [])],
)  # fmt: skip
def test_the_faults_of_a_version_of_sqlite_that_may_damage_a_database_are_known(version, faults):
    assert [fault.name for fault in KNOWN_FAULTS if fault.concerns(version)] == faults


def test_where_a_fault_of_sqlite_was_mended_is_told_in_order():
    assert KNOWN_FAULTS[0].mended == "3.44.6, 3.50.7, 3.51.3"
