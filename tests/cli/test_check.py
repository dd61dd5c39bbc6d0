import sqlite3
from contextlib import closing

import pytest

from tests.cli.conftest import environment, run_syncd


def problems(answer):
    return [line for line in answer.stdout.splitlines() if line.startswith("✗")]


def test_where_all_is_well_everything_is_ticked_and_nothing_is_made(offline_shop):
    files = offline_shop.files()
    answer = offline_shop.call("check")
    assert answer.exit_code == 0
    assert problems(answer) == []
    assert "✓ source erp" in answer.stdout
    assert offline_shop.files() == files


def test_every_mistake_of_the_configuration_is_listed(offline_shop):
    offline_shop.config.write_text('[sources.x]\ntype = "drp"\n[channels.y]\nconnector = "tokopedai"\n')
    answer = offline_shop.call("check")
    assert answer.exit_code == 78
    assert problems(answer)
    assert "sources.x.type" in answer.stderr
    assert "channels.y.connector" in answer.stderr


def test_a_configuration_with_secrets_that_others_can_read_is_found(offline_shop):
    offline_shop.config.chmod(0o644)
    answer = offline_shop.call("check")
    assert answer.exit_code == 1
    assert "chmod 600" in problems(answer)[0]
    assert "hidden-client-secret" not in answer.output


def test_a_credential_that_cannot_be_read_is_found(offline_shop):
    text = offline_shop.config.read_text()
    offline_shop.config.write_text(text.replace('"hidden-client-secret"', '{ credential = "not-here" }'))
    answer = offline_shop.call("check")
    assert answer.exit_code == 78
    assert "not-here" in answer.stderr


def add_database(shop, query, rows=()):
    with closing(sqlite3.connect(shop.folder / "pos.db")) as database:
        database.execute("CREATE TABLE stock(sku, quantity)")
        database.executemany("INSERT INTO stock VALUES (?, ?)", rows)
        database.commit()
    table = f'[sources.pos]\ntype = "sqlite"\npath = "pos.db"\nquery = "{query}"\n'
    shop.config.write_text(f"{table}{shop.config.read_text()}")


def test_a_query_is_run_to_its_end(offline_shop):
    add_database(offline_shop, "SELECT sku, quantity FROM stock", [("A", 1), ("B", 2)])
    answer = offline_shop.call("check")
    assert answer.exit_code == 0
    assert "the query gives 2 rows" in answer.stdout


@pytest.mark.parametrize(
    ("query", "rows", "word"),
    [
        ("SELECT sku FROM stock", [("A", 1)], "quantity"),
        ("SELECT sku, quantity FROM stocks", [], "stocks"),
        ("SELECT sku, quantity FROM stock", [("A", "many")], "row 1"),
    ],
)
def test_a_query_that_gives_something_else_is_found(offline_shop, query, rows, word):
    add_database(offline_shop, query, rows)
    answer = offline_shop.call("check")
    assert answer.exit_code == 1
    assert word in problems(answer)[0]


def test_a_folder_of_ours_that_is_a_link_is_found(offline_shop, tmp_path):
    (offline_shop.inbox / "archive").symlink_to(tmp_path)
    answer = offline_shop.call("check")
    assert answer.exit_code == 1
    assert "is a link" in problems(answer)[0]


def test_what_is_left_alone_in_the_folder_is_told(offline_shop):
    (offline_shop.inbox / "stock.pdf").write_text("x")
    assert "stock.pdf" in offline_shop.call("check").stdout


def test_a_state_database_that_others_can_read_is_found(offline_shop):
    (offline_shop.folder / "state.db").touch(mode=0o644)
    answer = offline_shop.call("check")
    assert answer.exit_code == 1
    assert "chmod 600" in problems(answer)[0]


def test_online_each_marketplace_is_asked_and_nothing_is_pushed(shop, sandbox):
    answer = shop.call("check", "--online")
    assert answer.exit_code == 0
    assert "✓ channel tokopedia-sandbox: signed in" in answer.stdout
    assert "✓ channel tocobagus-sandbox: signed in" in answer.stdout
    assert [one for one in sandbox.arrivals() if one["call"] == "push"] == []


def test_online_a_marketplace_that_does_not_answer_is_found(offline_shop):
    answer = offline_shop.call("check", "--online")
    assert answer.exit_code == 1
    assert problems(answer)[0].startswith("✗ channel toko: ")


def test_a_marketplace_whose_clock_is_ahead_is_asked_again_after_the_renewal(shop, sandbox):
    sandbox.fault(kind="token_expired", marketplace="tokopedia", call="read")
    answer = shop.call("check", "--online")
    assert answer.exit_code == 0, answer.stdout


def test_without_a_configuration_it_says_how_to_get_one(tmp_path):
    answer = run_syncd("check", cwd=tmp_path, env=environment(HOME=str(tmp_path)))
    assert answer.returncode == 78
    assert "syncd init" in answer.stderr


def test_who_is_told_of_alerts_is_said_and_a_command_that_is_not_there_is_found(offline_shop):
    assert "✓ alerts: nobody is told when something is wrong" in offline_shop.call("check").stdout
    with offline_shop.config.open("a") as config:
        config.write('[alerts]\ncommand = ["./missing"]\nwebhook = "http://127.0.0.1:9/canary-of-the-hook"\n')

    answer = offline_shop.call("check")

    assert answer.exit_code == 1
    assert "missing is no program that this user can run" in problems(answer)[0]
    assert "✓ alerts by webhook: `--alerts` sends it a test" in answer.stdout
    assert "canary" not in answer.output


def test_a_test_of_alerts_that_does_not_get_through_is_found(offline_shop):
    with offline_shop.config.open("a") as config:
        config.write('[alerts]\nwebhook = "http://127.0.0.1:9/canary-of-the-hook"\n')

    answer = offline_shop.call("check", "--alerts")

    assert answer.exit_code == 1
    assert "the test did not get through: 127.0.0.1 refuses connections" in problems(answer)[0]
    assert "canary" not in answer.output
    assert "no recipient" in offline_shop_without(offline_shop).stdout


def offline_shop_without(offline_shop):
    """Ask for a test where nobody would be told."""
    text = offline_shop.config.read_text()
    offline_shop.config.write_text(text[: text.index("[alerts]")])
    return offline_shop.call("check", "--alerts")
