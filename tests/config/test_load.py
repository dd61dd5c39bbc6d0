import traceback

import pytest

from syncd.config.load import find_config, load_config, secrets_of
from syncd.config.model import DropSource, SqliteSource
from syncd.errors import ConfigError

SHOP = '[channels.{name}]\nconnector = "counted"\nshop = {shop}\nkey = "canary-9f31"\n'


def test_an_empty_file_loads_with_every_default(folder):
    config = folder.load("")

    assert config.state.path == folder.at / "state.db"
    assert (dict(config.sources), dict(config.channels), config.reconcile.full_at) == ({}, {}, "")
    assert (config.logging.format, config.logging.level) == ("auto", "info")
    assert (config.server.listen, config.server.token) == ("127.0.0.1:9320", None)
    assert config.warnings == ()


def test_history_is_kept_for_a_month_and_five_million_rows_unless_told_otherwise(folder):
    assert (folder.load("").history.keep, folder.load("").history.max_rows) == (30 * 86_400, 5_000_000)
    config = folder.load('[history]\nkeep = "7d"\nmax_rows = 1000\n')
    assert (config.history.keep, config.history.max_rows) == (7 * 86_400, 1_000)
    for wrong in ('keep = "0s"', "keep = 30", "max_rows = 999", 'max_size = "1GB"'):
        with pytest.raises(ConfigError, match="history"):
            folder.load(f"[history]\n{wrong}\n")


def test_a_drop_source_has_the_documented_defaults(folder):
    source = folder.load('[sources.erp]\ntype = "drop"\npath = "inbox"\n').sources["erp"]

    assert isinstance(source, DropSource)
    assert source.path == folder.at / "inbox"
    assert (source.contents, source.numbers, source.duplicates, source.missing) == (
        "snapshot",
        "auto",
        "reject",
        "keep",
    )
    assert (source.settle, source.max_age) == (2.0, 86400.0)
    guard = source.guard
    assert (guard.max_missing, guard.max_zeroed, guard.max_drop, guard.max_bad_rows) == (
        200_000,
        100_000,
        500_000,
        50_000,
    )


def test_a_query_is_a_source_too_with_a_guard_of_its_own(folder):
    source = folder.load(
        '[sources.pos]\ntype = "sqlite"\npath = "/srv/pos.db"\nquery = "SELECT 1"\nguard.max_drop = "off"\n'
    ).sources["pos"]

    assert isinstance(source, SqliteSource)
    assert (str(source.path), source.poll, source.guard.max_drop) == ("/srv/pos.db", 5.0, None)


def test_the_state_lies_in_the_state_directory_of_systemd(folder):
    config = folder.load("", {"STATE_DIRECTORY": "/var/lib/syncd:/var/lib/other"})

    assert config.state.url == "sqlite:////var/lib/syncd/state.db"


@pytest.mark.parametrize(
    "url", ["postgresql://db/syncd", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///a?mode=ro"]
)
def test_a_state_that_is_no_sqlite_file_is_refused(folder, url):
    [(where, line, _)] = folder.problems(f'[state]\nurl = "{url}"\n')

    assert (where, line) == ("state.url", 2)


def test_all_problems_are_told_at_once_in_the_order_of_the_file(folder):
    found = folder.problems(
        """\
[sourcs.erp]
[sources.erp]
type = "drop"
path = "inbox"
setle = "2s"
[sources.erp.guard]
max_mising = "20%"
scan = "5s"
[sources.pos]
type = "drp"
[channels.main]
connector = "counted"
sources = ["epr"]
shop = "many"
ky = "x"
safety_stock = 1
key = { file = "absent" }
[channels.main.limits]
burst = true
rows_per_request = 101
[channels."no name"]
connector = "nobody"
[logging]
level = "loud"
"""
    )

    assert found == [
        ("sourcs", 1, 'unknown key; did you mean "sources"?'),
        ("sources.erp.setle", 5, 'unknown key; did you mean "settle"?'),
        ("sources.erp.guard.max_mising", 7, 'unknown key; did you mean "max_missing"?'),
        (
            "sources.erp.guard.scan",
            8,
            "unknown key; it belongs in the table around this one: write it above this one's [header]",
        ),
        ("sources.pos.type", 10, 'must be "drop" or "sqlite"'),
        ("channels.main.sources", 13, 'there is no "epr"; did you mean "erp"?'),
        ("channels.main.shop", 14, "must be a whole number"),
        ("channels.main.ky", 15, 'unknown key; did you mean "key"?'),
        ("channels.main.safety_stock", 16, 'unknown key; it belongs in the table "rules"'),
        (
            "channels.main.key",
            17,
            f"secret file {folder.at}/absent cannot be read: No such file or directory",
        ),
        ("channels.main.limits.burst", 19, "must be a whole number, not true"),
        (
            'channels."no name"',
            21,
            "is no name: up to 64 letters, digits, _ . -, the first a letter or digit",
        ),
        ('channels."no name".connector', 22, "no connector 'nobody'"),
        ("logging.level", 24, 'must be "debug", "info", "warning" or "error", not "loud"'),
    ]


def test_an_error_names_the_file_and_asks_for_exit_status_78(folder):
    error = folder.error("[stat]\n")

    assert str(error) == f'{folder.path}: line 1, stat: unknown key; did you mean "state"?'
    assert error.exit_status == 78


def test_a_missing_key_is_reported_at_its_table(folder):
    assert folder.problems('\n[sources.erp]\ntype = "drop"\n') == [("sources.erp.path", 2, "is missing")]
    assert folder.problems("[sources.erp]\n") == [("sources.erp.type", 1, 'is missing: "drop" or "sqlite"')]


@pytest.mark.parametrize(
    "text", ["sources = 1", "sources.erp = 1", "channels = []", "channels.a = 1", "state = 1"]
)
def test_a_value_in_place_of_a_table_is_refused(folder, text):
    [(where, line, message)] = folder.problems(text)

    assert (where, line) == (text.split(" ")[0], 1)
    assert "table" in message


@pytest.mark.parametrize(
    ("text", "line"), [("[state]\nurl = \n", 2), ("a = 1\na = 2\n", 2), ('a = """\n', 2), ("[a\n", 1)]
)
def test_a_text_that_is_no_toml_is_reported_with_its_line(folder, text, line):
    [(where, found, message)] = folder.problems(text)

    assert (where, found) == ("", line)
    assert message.startswith("is not valid TOML: ")


def test_a_byte_order_mark_and_windows_line_ends_are_read(folder):
    config = folder.load('\ufeff[logging]\r\nlevel = "debug"\r\n')

    assert config.logging.level == "debug"


def test_a_file_in_another_encoding_is_reported_with_its_line(folder):
    folder.path.write_bytes('[state]\n# "Gudang Médan"\n'.encode("latin-1"))

    with pytest.raises(ConfigError, match="line 2: is not UTF-8"):
        folder.reload()


def test_a_file_that_cannot_be_read_is_reported(folder):
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(folder.at, environ={}, load_plugin=lambda name: None)


@pytest.mark.parametrize("value", ["nan", "inf", "0", "-1", '"5"', "true"])
def test_a_rate_must_be_a_positive_finite_number(folder, value):
    text = SHOP.format(name="a", shop=1) + f"[channels.a.limits]\nrows_per_second = {value}\n"

    assert [where for where, *_ in folder.problems(text)] == ["channels.a.limits.rows_per_second"]


@pytest.mark.parametrize("key", ["settle", "max_age", "scan"])
@pytest.mark.parametrize("value", ['"0s"', '"2"', "2", '"soon"'])
def test_a_duration_that_cannot_be_meant_is_refused(folder, key, value):
    text = f'[sources.erp]\ntype = "drop"\npath = "inbox"\n{key} = {value}\n'

    assert [where for where, *_ in folder.problems(text)] == [f"sources.erp.{key}"]


@pytest.mark.parametrize("listen", ["9320", ":9320", "localhost", "localhost:0", "localhost:99999", "a:b"])
def test_an_address_without_host_or_port_is_refused(folder, listen):
    assert [where for where, *_ in folder.problems(f'[server]\nlisten = "{listen}"\n')] == ["server.listen"]


@pytest.mark.parametrize("pattern", ["[]", '""', '"../*.csv"', '[""]', "[1]", "1"])
def test_a_pattern_that_matches_no_file_name_is_refused(folder, pattern):
    text = f'[sources.erp]\ntype = "drop"\npath = "inbox"\npattern = {pattern}\n'

    [(where, line, _)] = folder.problems(text)

    assert (where.removesuffix(".0"), line) == ("sources.erp.pattern", 4)


def test_changes_cannot_zero_what_they_do_not_list(folder):
    text = '[sources.erp]\ntype = "drop"\npath = "i"\ncontents = "changes"\nmissing = "zero"\n'

    assert "snapshot" in folder.problems(text)[0][2]


def test_one_header_cannot_be_two_columns(folder):
    text = '[sources.e]\ntype = "drop"\npath = "i"\ncolumns = { sku = "A", quantity = "A" }\n'

    assert folder.problems(text) == [("sources.e.columns", 4, "names one header for two columns")]


def test_two_sources_cannot_share_a_folder_however_it_is_written(folder):
    (folder.at / "inbox").mkdir()
    (folder.at / "link").symlink_to("inbox")
    text = '[sources.a]\ntype = "drop"\npath = "inbox"\n[sources.b]\ntype = "drop"\npath = "link/../link"\n'

    assert folder.problems(text) == [
        ("sources.b.path", 6, 'is the folder of source "a" too: each needs its own')
    ]


def test_two_channels_cannot_share_an_account(folder):
    text = SHOP.format(name="a", shop=1) + SHOP.format(name="b", shop=1)

    [(where, line, message)] = folder.problems(text)

    assert (where, line) == ("channels.b", 5)
    assert 'channel "a"' in message


def test_a_disabled_channel_fights_with_nobody(folder):
    text = SHOP.format(name="a", shop=1) + "enabled = false\n" + SHOP.format(name="b", shop=1)

    assert not folder.load(text).channels["a"].enabled


def test_a_file_with_secrets_that_others_can_read_is_warned_about(folder):
    folder.load(SHOP.format(name="a", shop=1))
    folder.path.chmod(0o640)

    [warning] = folder.reload().warnings

    assert "channels.a.key" in warning
    assert f"chmod 600 {folder.path}" in warning
    assert "canary" not in warning


def test_a_readable_file_that_only_refers_to_secrets_is_fine(folder):
    text = '[channels.a]\nconnector = "counted"\nshop = 1\nkey = { env = "KEY" }\n'
    folder.load(text, {"KEY": "canary-9f31"})
    folder.path.chmod(0o644)

    assert folder.reload({"KEY": "canary-9f31"}).warnings == ()


@pytest.mark.parametrize("listen", ["0.0.0.0:9320", "[::]:9320", "192.168.1.5:80", "shop.example:80"])
def test_a_page_that_other_machines_reach_needs_a_token(folder, listen):
    [problem] = folder.problems(f'[server]\nlisten = "{listen}"\n')

    assert problem[:2] == ("server.listen", 2)
    assert "server.token" in problem[2]
    assert folder.load(f'[server]\nlisten = "{listen}"\ntoken = "canary-0123456789"\n').warnings == ()


@pytest.mark.parametrize("listen", ["127.0.0.1:9320", "127.8.0.1:80", "[::1]:9320", "localhost:9320", ""])
def test_a_page_that_only_this_machine_reaches_needs_none(folder, listen):
    assert folder.load(f'[server]\nlisten = "{listen}"\n').server.token is None


def test_the_token_is_a_secret_that_cannot_be_guessed(folder):
    config = folder.load('[server]\ntoken = { env = "TOKEN" }\n', {"TOKEN": "canary-0123456789"})

    assert "canary-0123456789" in secrets_of(config)
    assert "canary" not in repr(config)
    [problem] = folder.problems('[server]\ntoken = "canary-short"\n')
    assert problem[0] == "server.token"
    assert "canary" not in str(problem)


class TestFinding:
    @pytest.fixture
    def places(self, tmp_path):
        places = [tmp_path / name for name in ("explicit.toml", "named.toml", "here/syncd.toml", "etc.toml")]
        for place in places:
            place.parent.mkdir(exist_ok=True)
            place.touch()
        return places

    def test_the_first_place_that_is_named_or_exists_wins(self, places):
        explicit, named, here, system = places
        environ = {"SYNCD_CONFIG": str(named)}

        def find(explicit=None, environ=None):
            return find_config(explicit, environ or {}, here=here.parent, system=system)

        assert find(explicit, environ) == explicit
        assert find(None, environ) == named
        assert find() == here
        here.unlink()
        assert find() == system

    @pytest.mark.parametrize("explicit", [True, False])
    def test_a_named_file_that_is_absent_is_an_error_even_where_another_exists(self, places, explicit):
        absent = places[0].with_name("absent.toml")
        given, environ = (absent, {}) if explicit else (None, {"SYNCD_CONFIG": str(absent)})

        with pytest.raises(ConfigError, match="--config" if explicit else "SYNCD_CONFIG"):
            find_config(given, environ, here=places[2].parent, system=places[3])

    def test_without_any_file_the_error_tells_of_syncd_init(self, tmp_path):
        with pytest.raises(ConfigError, match="syncd init"):
            find_config(None, {}, here=tmp_path, system=tmp_path / "etc.toml")


@pytest.mark.parametrize(
    "text",
    [
        SHOP.format(name="a", shop='"canary-9f31"'),
        SHOP.format(name="a", shop=1) + 'kee = "canary-9f31"\n',
        SHOP.format(name="a", shop=1) + 'rules = "canary-9f31"\n[logging]\nlevel = "x"\n',
        '[channels.a]\nconnector = "counted"\nshop = 1\nkey = ["canary-9f31"]\n',
        '[channels.a]\nconnector = "counted"\nshop = 1\nkey = { fil = "canary-9f31" }\n',
        '[channels.a]\nconnector = "counted"\nshop = 1\nkey = "canary-9f31\\n\\u0001canary-9f31"\n',
        '[channels.a]\nconnector = "counted"\nshop = 1\nkey = "canary-9f31\n',
        '[channel.a]\nkey = "canary-9f31"\n',
    ],
)
def test_no_error_holds_a_secret_not_even_in_its_context(folder, text):
    error = folder.error(text)

    told = "".join(traceback.TracebackException.from_exception(error).format()) + repr(error.problems)
    assert "canary" not in told
    assert error.__cause__ is None
    assert error.__context__ is None


def test_no_representation_of_a_configuration_holds_a_secret(folder):
    config = folder.load(SHOP.format(name="a", shop=1))

    assert config.channels["a"].settings.key.get_secret_value() == "canary-9f31"
    assert "canary" not in f"{config!r} {config} {config.channels['a'].settings.model_dump_json()}"
