"""What the host does to the state: locks, half-made migrations, rights; and what the service unit says."""

import asyncio
import configparser
import shutil
import sqlite3
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest
from rig import Rig, many
from rights import as_nobody
from shops import Guarded
from virtual_time import run_virtually

from state import migrations
from state.database import Database, DatabaseError
from state.dialect import writing_engine
from syncd.cli.failing import told
from syncd.errors import ConfigError, SyncdError

ROOT = Path(__file__).parents[2]


def test_a_state_that_another_program_locks_for_a_moment_is_waited_for(tmp_path):
    """A backup, or somebody with the sqlite3 shell."""
    rig = Rig(tmp_path / "site")
    run_virtually(rig.bring(many(5)))
    rig.drop(many(5, 4))

    async def story():
        async with rig.opened():
            with closing(
                sqlite3.connect(rig.folder / "state.db", isolation_level=None, check_same_thread=False)
            ) as other:
                other.execute("BEGIN IMMEDIATE")
                threading.Timer(0.5, other.execute, ["ROLLBACK"]).start()
                await rig.look()
                assert not other.in_transaction
            return await rig.reconcile()

    assert run_virtually(story()).ok
    assert set(rig.shown().values()) == {4}


class Breaking(Guarded):
    """Does `then` once, after it applied a call and before it answers."""

    def __init__(self):
        super().__init__()
        self.then = None

    def receive(self, updates):
        outcomes = super().receive(updates)
        if self.then:
            self.then, then = None, self.then
            then()
        return outcomes


def writer(app):
    return app.database._writer.raw_connection().driver_connection


def refuse_to_write(app):
    """From now on the state takes nothing: as with a full or a failing disk."""
    writer(app).set_authorizer(
        lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_UPDATE else sqlite3.SQLITE_OK
    )


def test_where_no_intent_can_be_stored_nothing_is_sent_and_it_heals_once_there_is_room(tmp_path):
    rig = Rig(tmp_path / "site")

    async def until_full():
        async with rig.running() as app:
            rig.drop(many(500))
            await rig.look()
            pages = writer(app).execute("PRAGMA page_count").fetchone()[0]
            writer(app).execute(f"PRAGMA max_page_count = {pages}")
            for quantity in range(6, 40):
                rig.drop(many(500, quantity))
                await rig.look()
                await asyncio.sleep(60)

    with pytest.raises(DatabaseError, match="full"):
        run_virtually(until_full())
    intents = rig.ask("SELECT count(*) FROM attempt")
    assert sum(len(call) for call in rig.shop.received) <= intents

    assert run_virtually(rig.bring(many(500, 50))).ok
    assert set(rig.shown().values()) == {50}


def test_where_an_answer_cannot_be_stored_the_row_stays_uncertain_and_is_pushed_again(tmp_path):
    shop = Breaking()
    rig = Rig(tmp_path / "site", plugins={"memory": shop.plugin()})

    async def until_it_breaks():
        async with rig.running() as app:
            shop.then = lambda: refuse_to_write(app)
            rig.drop({"A": 4})
            await rig.look()
            await asyncio.sleep(60)

    run_virtually(rig.bring({"A": 5}))
    with pytest.raises(DatabaseError, match="not authorized"):
        run_virtually(until_it_breaks())
    assert rig.ask("SELECT uncertain FROM listing") == 1
    rig.wall_offset += 5

    assert run_virtually(rig.bring({"A": 5})).ok  # the source is back at what was confirmed last
    assert {sku: quantity for (sku, _), quantity in shop.stock.items()} == {"A": 5}


@pytest.mark.parametrize("done", range(1, 40, 6))
def test_a_crash_in_mid_migration_leaves_a_state_that_the_next_start_migrates(tmp_path, done):
    """What stands on the disk at each statement of a step is the state before the step."""
    first, there = tmp_path / "state.db", tmp_path / "after" / "state.db"
    there.parent.mkdir()
    engine = writing_engine(first)
    statements = [part for part in migrations.steps()[0][1].split(";\n") if part.strip()]
    with engine.connect() as connection, connection.begin() as transaction:
        for statement in statements[: min(done, len(statements))]:
            connection.exec_driver_sql(statement)
        for suffix in ("", "-wal"):
            shutil.copy(f"{first}{suffix}", f"{there}{suffix}")
        transaction.rollback()
    engine.dispose()

    database = Database(there)
    with database.read() as connection:
        migrations.require_current(connection)
    database.close()


def test_an_older_syncd_refuses_a_newer_state_and_leaves_it_alone(tmp_path):
    rig = Rig(tmp_path / "site")
    run_virtually(rig.bring(many(5)))
    with closing(sqlite3.connect(rig.folder / "state.db")) as connection, connection:
        connection.execute("UPDATE schema_version SET version = version + 1")
    before = (rig.folder / "state.db").read_bytes()

    with pytest.raises(migrations.SchemaNewer, match="install the version that wrote it"):
        run_virtually(rig.open_and_look())

    assert (rig.folder / "state.db").read_bytes() == before
    assert len(rig.shop.received) == 1


@pytest.mark.parametrize("existing", [False, True], ids=["nothing there", "a state there"])
def test_a_state_that_may_not_be_written_is_told_in_one_line_and_left_as_it_is(existing):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        if existing:
            Database(path).close()
        before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
        path.parent.chmod(0o555)

        with as_nobody(), pytest.raises(OSError, match="Permission denied") as raised:
            Database(path)

        message = told(raised.value).format_message()
        assert str(path.parent) in message
        assert "\n" not in message
        assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before
        path.parent.chmod(0o755)


def unit():
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(ROOT / "systemd" / "syncd.service")
    return parser


def test_the_service_starts_again_for_ever_but_not_with_a_wrong_configuration():
    assert unit()["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit()["Service"]["Restart"] == "always"
    assert int(unit()["Service"]["RestartPreventExitStatus"]) == ConfigError.exit_status
    assert SyncdError.exit_status != ConfigError.exit_status


def test_every_package_that_is_installed_is_pinned_by_its_hash():
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text().replace("\\\n", " ")
        packages = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
        assert packages
        assert [line for line in packages if "==" not in line or "--hash=sha256:" not in line] == []


@pytest.mark.parametrize(
    "sku", ["'; DROP TABLE listing; --", '"; --', "x' OR '1'='1", "%", "_", "?1", ":sku", "\\'"]
)
def test_a_sku_that_looks_like_sql_is_a_sku(tmp_path, sku):
    rig = Rig(tmp_path / "site")
    quoted = sku.replace('"', '""')
    rig.drop(f'sku,quantity\n"{quoted}",3\nplain,4\n')

    summary = run_virtually(rig.open_and_reconcile())

    assert summary.ok
    assert rig.shown() == {sku: 3, "plain": 4}
