"""The table [alerts]: whom to tell, and the bounds. No message quotes a secret."""

import importlib.util

import pytest

from syncd import logs
from syncd.config.load import load_config, secrets_of

CANARY = "canary-77d1"
HOOK = f"https://hooks.example.com/services/{CANARY}"


@pytest.fixture
def load(folder):
    return lambda text, environ=None: folder.load(f"[alerts]\n{text}\n", environ).alerts


@pytest.fixture
def problem(folder):
    def problem(text):
        ((where, _, message),) = folder.problems(f"[alerts]\n{text}\n")
        assert CANARY not in message
        return f"{where}: {message}"

    return problem


def test_without_the_table_nobody_is_told_and_the_bounds_are_these(folder):
    alerts = folder.load("").alerts

    assert (alerts.command, alerts.webhook, alerts.apprise) == ((), None, ())
    assert (alerts.timeout, alerts.reminder) == (30.0, 24 * 3600.0)
    assert (alerts.failed_share, alerts.sold_out_wait, alerts.unreachable_wait) == (100_000, 900.0, 600.0)
    assert (alerts.clock_offset, alerts.disk_free) == (30.0, 500_000_000)


def test_bounds_are_written_as_elsewhere_or_off(load):
    alerts = load(
        'failed_share = "2.5%"\nsold_out_wait = "1h"\nunreachable_wait = "off"\nclock_offset = "500ms"\n'
        'disk_free = "1.5GB"\nreminder = "7d"\ntimeout = "5s"'
    )

    assert (alerts.failed_share, alerts.sold_out_wait, alerts.unreachable_wait) == (25_000, 3600.0, None)
    assert (alerts.clock_offset, alerts.disk_free, alerts.reminder, alerts.timeout) == (
        0.5,
        1_500_000_000,
        604_800.0,
        5.0,
    )


@pytest.mark.parametrize("size", ["500", "500 KB", "-1GB", "1.2345GB", "GB", "1e3GB"])
def test_a_size_that_is_none_is_refused(problem, size):
    assert 'must be a size in quotes, such as "500MB" or "2GB", or "off"' in problem(f'disk_free = "{size}"')


def test_all_recipients_may_stand_side_by_side_their_secrets_elsewhere(load, folder):
    (folder.at / "hook").write_text(f"{HOOK}\n")
    (folder.at / "hook").chmod(0o600)

    alerts = load(
        'command = ["/bin/tell", "now"]\nwebhook = { file = "hook" }\nwebhook_token = { env = "TOKEN" }\n'
        f'webhook_secret = "s"\napprise = [{{ env = "MAIL" }}, "json://{CANARY}"]',
        {"TOKEN": "t0k", "MAIL": "mailto://u:p@example.com"},
    )

    assert alerts.command == ("/bin/tell", "now")
    assert alerts.webhook.get_secret_value() == HOOK
    assert alerts.webhook_token.get_secret_value() == "t0k"
    assert [url.get_secret_value() for url in alerts.apprise] == [
        "mailto://u:p@example.com",
        f"json://{CANARY}",
    ]
    assert CANARY not in repr(alerts)


def test_commands_that_only_read_need_no_secrets_of_alerts(folder):
    folder.path.write_text(
        '[alerts]\nwebhook = { credential = "x" }\nwebhook_token = { credential = "y" }\n'
        'apprise = [{ credential = "z" }]\n'
    )

    config = load_config(folder.path, environ={}, load_plugin=None, read_secrets=False)

    assert config.alerts.webhook is not None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"http://example.com/{CANARY}", "must begin with https:// (plain http:// is for this machine only)"),
        (f"ftp://example.com/{CANARY}", "must begin with https:// and name a host"),
        (f"/{CANARY}", "must begin with https:// and name a host"),
        (f"https://u:{CANARY}@example.com/", "must not hold a user or password"),
        (f"https://example.com/{CANARY} x", "must be a plain URL"),
        (f"https://example.com/{CANARY}#x", "must be a plain URL"),
        (f"https://example.com:99999/{CANARY}", "is not a URL"),
        (f"https://[::1/{CANARY}", "is not a URL"),
        ("", "is empty"),
    ],
)
def test_a_webhook_that_is_not_safe_is_refused(problem, url, why):
    assert problem(f'webhook = "{url}"').startswith(f"alerts.webhook: {why}")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/x", "http://[::1]/x", "http://localhost/x", "https://h/?key=v"]
)
def test_https_anywhere_and_plain_http_to_this_machine(load, url):
    assert load(f'webhook = "{url}"').webhook.get_secret_value() == url


def test_a_token_without_a_webhook_goes_nowhere(problem):
    assert "webhook_token and webhook_secret need webhook" in problem(f'webhook_token = "{CANARY}"')


@pytest.mark.parametrize("text", [f'apprise = ["{CANARY}"]', f'apprise = ["://{CANARY}"]'])
def test_apprise_takes_urls_only(problem, text):
    assert 'must be URLs as apprise has them, such as "tgram://BOT_TOKEN/CHAT_ID"' in problem(text)


def test_without_apprise_its_urls_are_refused_with_what_to_install(problem, load, monkeypatch):
    monkeypatch.setattr(
        "syncd.config.alerts.find_spec",
        lambda name: None if name == "apprise" else importlib.util.find_spec(name),
    )

    assert "install syncd[apprise]" in problem(f'apprise = ["json://{CANARY}"]')
    assert load('command = "x"').command == ("x",)


@pytest.mark.parametrize("command", ['[""]', '" "', '["a\\u0000b"]'])
def test_a_command_that_cannot_be_run_is_refused(problem, command):
    assert "must be a program and its arguments" in problem(f"command = {command}")


def test_an_unknown_key_names_the_nearest(problem):
    assert 'did you mean "webhook"' in problem(f'webhok = "{HOOK}"')


def test_every_secret_is_known_and_what_of_a_url_gives_it_away(folder):
    config = folder.load(
        f'[alerts]\nwebhook = "{HOOK}"\nwebhook_token = "token-{CANARY}"\nwebhook_secret = "sign-{CANARY}"\n'
        f'apprise = ["tgram://bot-{CANARY}/42"]\n'
    )
    secrets = secrets_of(config)

    assert {HOOK, f"/services/{CANARY}", f"token-{CANARY}", f"sign-{CANARY}"} <= set(secrets)
    assert {f"tgram://bot-{CANARY}/42", f"bot-{CANARY}/42"} <= set(secrets)


def test_what_is_short_in_a_url_is_not_hidden_everywhere(folder):
    config = folder.load('[alerts]\nwebhook = "https://example.com/alerts"\n')

    assert secrets_of(config) == ["https://example.com/alerts"]


@pytest.mark.parametrize("text", [f'webhook = "{HOOK}"', 'apprise = ["json://host/x"]'])
def test_secrets_in_a_file_that_others_may_read_are_warned_about(folder, text):
    folder.load(f"[alerts]\n{text}\n")
    folder.path.chmod(0o644)

    (warning,) = folder.reload().warnings

    assert f"alerts.{text.split()[0]}" in warning
    assert logs.hide_secrets(warning) == warning
