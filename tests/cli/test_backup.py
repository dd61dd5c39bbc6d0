import sqlite3

from tests.cli.conftest import end, read_until


def test_where_nothing_has_run_there_is_nothing_to_copy(offline_shop):
    answer = offline_shop.call("backup", offline_shop.folder / "copy.db")
    assert answer.exit_code == 1
    assert "nothing has run here yet" in answer.stderr
    assert not (offline_shop.folder / "copy.db").exists()


def test_without_a_daemon_and_beside_one_and_a_restored_one_is_told(shop):
    shop.export("a.csv", {"SKU-1": 1})
    shop.call("reconcile")
    first = shop.call("backup", shop.folder / "copy.db")
    assert first.exit_code == 0, first.stderr
    assert "complete and sound" in first.stderr
    assert first.stdout == ""
    daemon = shop.start("run")
    try:
        read_until(daemon.stderr, "daemon_started")
        refused = shop.run("backup", shop.folder / "copy.db")
        assert refused.returncode == 2
        assert "--force" in refused.stderr
        assert shop.run("backup", "--force", shop.folder / "copy.db").returncode == 0
    finally:
        end(daemon)
    assert shop.call("backup", "--force", shop.folder / "state.db").exit_code == 2

    shop.export("b.csv", {"SKU-1": 4})
    shop.call("reconcile")
    (shop.folder / "copy.db").replace(shop.folder / "state.db")
    told = shop.run("reconcile")
    assert "state_restored" in told.stderr
    with sqlite3.connect(shop.folder / "state.db") as state:
        assert state.execute("SELECT quantity FROM stock").fetchone() == (4,), (
            "the archive told what came since"
        )
    state.close()
