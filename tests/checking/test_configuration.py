import os

import pytest

from syncd.checking.configuration import check_configuration, check_places, references, why_odd
from syncd.errors import ConfigError, Problem

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="owners are changed by root only")


@pytest.fixture
def file(tmp_path):
    tmp_path.chmod(0o700)
    path = tmp_path / "syncd.toml"
    path.write_text(
        '[channels.shop]\nconnector = "x"\nclient_secret = { credential = "c" }\nkey = { file = "key" }\n'
        'token = { env = "TOKEN" }\nwarehouses = { file = "1610" }\n[[alerts.webhook]]\nurl = { file = "hook" }\n'
    )
    path.chmod(0o600)
    return path


def test_the_secrets_that_a_configuration_names_are_listed_and_no_warehouse_is_one(file):
    assert [(one.key, one.kind, one.name) for one in references(file)] == [
        ("channels.shop.client_secret", "credential", "c"),
        ("channels.shop.key", "file", "key"),
        ("channels.shop.token", "env", "TOKEN"),
        ("alerts.webhook.url", "file", "hook"),
    ]


def test_what_cannot_be_read_names_none(tmp_path):
    assert references(tmp_path / "missing.toml") == []
    (tmp_path / "broken.toml").write_text("[")
    assert references(tmp_path / "broken.toml") == []


def places(file, **environ):
    return [(one.kind.value, one.weight.value) for one in check_places(file, environ)]


def test_private_files_are_fine_and_an_environment_is_told(file):
    (file.parent / "key").write_text("s")
    (file.parent / "key").chmod(0o600)
    assert places(file) == [("secret_in_environment", "note")]


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_configuration_that_others_may_change_is_found(file, mode):
    file.chmod(mode)
    assert places(file)[0] == ("configuration_writable", "problem")


def test_a_configuration_in_a_folder_that_others_may_change_is_found_but_for_the_sticky_bit(file):
    file.parent.chmod(0o777)
    assert places(file)[0] == ("configuration_writable", "problem")
    file.parent.chmod(0o1777)
    assert places(file)[0] != ("configuration_writable", "problem")


def test_a_secret_that_others_may_replace_is_found(file):
    folder = file.parent / "credentials"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "c").write_text("s")
    (folder / "c").chmod(0o600)
    found = places(file, CREDENTIALS_DIRECTORY=str(folder))
    assert ("secret_replaceable", "problem") in found


@only_root
def test_a_secret_of_another_user_is_found(file):
    (file.parent / "key").write_text("s")
    (file.parent / "key").chmod(0o600)
    os.chown(file.parent / "key", 65534, 65534)
    assert ("secret_of_another", "problem") in places(file)


@pytest.mark.parametrize(
    ("secret", "word"),
    [
        ('"abc"', "quotes"),
        ("'abc'", "quotes"),
        ("abc def", "blanks"),
        ("abc\u00a0def", "blanks"),
        ("abcdéf", "ASCII"),
        ("…", "placeholder"),
        ("<your secret>", "blanks"),
        ("<secret>", "placeholder"),
        ("changeme", "placeholder"),
    ],
)
def test_what_is_unlike_a_secret_is_found_and_not_shown(secret, word):
    said = why_odd(secret)
    assert word in said
    assert secret not in said


@pytest.mark.parametrize("secret", ["Zm9v=", "c:token_-.~", "a'b", "x" * 500, "sk-…"[:3]])
def test_a_secret_like_any_other_is_fine(secret):
    assert why_odd(secret) == ""


def test_warnings_of_the_loader_are_parted_into_what_and_what_to_do(configured, tmp_path):
    from dataclasses import replace

    config = replace(configured(), warnings=("others can read it: chmod 600 x",))
    found = list(check_configuration(config, tmp_path / "syncd.toml"))
    assert [one.kind.value for one in found] == ["configuration", "configuration_doubtful"]
    assert found[1].remedy == "chmod 600 x"


def test_each_mistake_is_a_finding_of_its_own(tmp_path):
    from syncd.checking.configuration import unusable

    error = ConfigError([Problem("a", "is wrong", 3), Problem("b", "is missing")], path=tmp_path / "x.toml")
    assert [one.what for one in unusable(error)] == ["b: is missing", "line 3, a: is wrong"]
    assert {one.remedy for one in unusable(error)} == {f"correct it in {tmp_path}/x.toml"}
