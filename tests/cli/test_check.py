import json
import re
import sqlite3
from contextlib import closing

import pytest

from tests.cli.conftest import end, environment, read_until, run_syncd


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
    assert "sources.x.type" in answer.stdout
    assert "channels.y.connector" in answer.stdout


def test_a_configuration_with_secrets_that_others_can_read_is_found(offline_shop):
    offline_shop.config.chmod(0o644)
    answer = offline_shop.call("check")
    assert answer.exit_code == 1
    assert "other users can read it" in problems(answer)[0]
    assert f"→ chmod 600 {offline_shop.config}" in answer.stdout
    assert "hidden-client-secret" not in answer.output


def test_a_credential_that_cannot_be_read_is_found(offline_shop):
    text = offline_shop.config.read_text()
    offline_shop.config.write_text(text.replace('"hidden-client-secret"', '{ credential = "not-here" }'))
    answer = offline_shop.call("check")
    assert answer.exit_code == 78
    assert "not-here" in problems(answer)[0]
    assert "✓ source erp" in answer.stdout


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
    assert "chmod 600" in answer.stdout


def found(answer):
    """The findings of the machine form."""
    document = json.loads(answer.stdout)
    assert document["ok"] is not any(one["weight"] == "problem" for one in document["findings"])
    return document["findings"]


def test_online_each_marketplace_is_asked_and_nothing_is_pushed(shop, sandbox):
    answer = shop.call("check", "--online")
    assert answer.exit_code == 0
    for name in ("tokopedia", "tocobagus"):
        about = f"channel {name}-sandbox"
        assert f"✓ {about}: http://127.0.0.1:" in answer.stdout
        assert f"✓ {about}: signed in" in answer.stdout
        assert f"✓ {about}: this machine's clock is right" in answer.stdout
        assert f"! {about}: whether the account may update stock cannot be told" in answer.stdout
    assert [one for one in sandbox.arrivals() if one["call"] == "push"] == []
    assert {one["status"] for one in sandbox.arrivals()} == {200}


def test_once_stock_was_taken_the_account_is_known_to_take_it(shop):
    shop.export("stock.csv", {"A": 1, "B": 2})
    assert shop.call("reconcile").exit_code == 0
    answer = shop.call("check", "--online")
    assert answer.exit_code == 0
    assert answer.stdout.count("may update stock: it took 2 stock updates") == 2


def test_a_clock_that_is_off_is_measured(shop, sandbox):
    sandbox.fault(kind="clock_skew", skew=120.0, call="read", times=4)
    answer = shop.call("check", "--online", "--json")
    assert answer.exit_code == 1
    off = [one for one in found(answer) if one["kind"] == "clock_off"]
    assert [one["about"] for one in off] == ["channel tokopedia-sandbox", "channel tocobagus-sandbox"]
    assert all(re.search(r"is 1(19|20|21) s behind the marketplace's", one["what"]) for one in off)


def test_a_warehouse_that_the_shop_has_not_is_found(shop):
    text = shop.config.read_text()
    table = "[channels.tokopedia-sandbox]\n"
    shop.config.write_text(text.replace(table, f'{table}warehouses = {{ JKT = "1610", SBY = "9" }}\n'))
    answer = shop.call("check", "--online", "--json")
    unknown = [one for one in found(answer) if one["kind"] == "warehouse_unknown"]
    assert len(unknown) == 1
    assert "1610, 1611" in unknown[0]["remedy"]


def test_an_account_that_is_refused_is_found_with_what_to_do(shop, sandbox):
    sandbox.fault(kind="status", status=403, code="RBAC_MDLW_001", call="read", marketplace="tokopedia")
    answer = shop.call("check", "--online", "--json")
    (refused,) = [one for one in found(answer) if one["kind"] == "account_refused"]
    assert refused["about"] == "channel tokopedia-sandbox"
    assert "RBAC_MDLW_001" in refused["what"]
    assert "TikTok Shop" in refused["remedy"]


def test_a_wrong_secret_is_found_and_not_shown(shop):
    text = shop.config.read_text()
    shop.config.write_text(text.replace('"sandbox-client-secret"', '"hidden-other-secret"'))
    answer = shop.call("check", "--online", "--json")
    (refused,) = [one for one in found(answer) if one["kind"] == "account_refused"]
    assert "client_id and client_secret" in refused["remedy"]
    assert "hidden-other-secret" not in answer.output


def test_online_a_marketplace_that_cannot_be_connected_to_is_found(offline_shop):
    answer = offline_shop.call("check", "--online")
    assert answer.exit_code == 1
    assert problems(answer)[0].startswith("✗ channel toko: 127.0.0.1 cannot be connected to at port 9")
    assert "the account was not asked" in answer.stdout


def test_the_machine_form_is_one_document_without_secrets(offline_shop):
    answer = offline_shop.call("check", "--json")
    assert answer.exit_code == 0
    assert {"configuration", "sqlite", "state", "source"} <= {one["kind"] for one in found(answer)}
    assert "hidden-client-secret" not in answer.output


def test_every_problem_is_followed_by_what_to_do(offline_shop):
    (offline_shop.folder / "state.db").touch(mode=0o644)
    offline_shop.config.chmod(0o644)
    lines = offline_shop.call("check").stdout.splitlines()
    marked = [at for at, line in enumerate(lines) if line[:1] in "✗!" and line]
    assert len(marked) >= 2
    assert all(lines[at + 1].startswith("  → ") for at in marked)
    assert "2 to be mended" in lines[-1]


def test_a_secret_in_quotes_is_found(offline_shop):
    text = offline_shop.config.read_text()
    (offline_shop.folder / "key").write_text('"hidden-client-secret"\n')
    (offline_shop.folder / "key").chmod(0o600)
    offline_shop.config.write_text(text.replace('"hidden-client-secret"', '{ file = "key" }'))
    answer = offline_shop.call("check")
    assert answer.exit_code == 1
    assert "channels.toko.client_secret is in quotes" in problems(answer)[0]
    assert "hidden" not in answer.output


def test_it_works_beside_the_daemon_and_compares_itself_with_it(shop):
    daemon = shop.start("run")
    try:
        read_until(daemon.stderr, "daemon_started")
        kinds = {one["kind"]: one for one in found(shop.call("check", "--online", "--json"))}
        assert re.match(r"runs since \d{4}-\d\d-\d\dT.*with this very configuration", kinds["daemon"]["what"])

        with shop.config.open("a") as file:
            file.write("# changed\n")
        answer = shop.call("check")
        assert answer.exit_code == 1
        assert "the daemon runs with another configuration" in problems(answer)[0]
    finally:
        end(daemon)


def test_a_marketplace_whose_clock_is_ahead_is_asked_again_after_the_renewal(shop, sandbox):
    sandbox.fault(kind="token_expired", marketplace="tokopedia", call="read")
    answer = shop.call("check", "--online")
    assert answer.exit_code == 0, answer.stdout


def test_without_a_configuration_it_says_how_to_get_one(tmp_path):
    answer = run_syncd("check", cwd=tmp_path, env=environment(HOME=str(tmp_path)))
    assert answer.returncode == 78
    assert "syncd init" in answer.stderr


def test_who_is_told_of_alerts_is_said_and_a_command_that_is_not_there_is_found(offline_shop):
    assert "nobody is told when something is wrong" in offline_shop.call("check").stdout
    with offline_shop.config.open("a") as config:
        config.write('[alerts]\ncommand = ["./missing"]\nwebhook = "http://127.0.0.1:9/canary-of-the-hook"\n')

    answer = offline_shop.call("check")

    assert answer.exit_code == 1
    assert "missing is no program that this user can run" in problems(answer)[0]
    assert "✓ alerts by webhook: `syncd check --alerts` sends it a test" in answer.stdout
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
