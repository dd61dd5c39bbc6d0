import os

import pytest

from syncd.config.secrets import secret_resolver

CANARY = "canary-e7d2"


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text(f"{CANARY}\n")
    path.chmod(0o600)
    return path


def refusal(reference, base, environ=None):
    with pytest.raises(ValueError, match=r"\w") as caught:
        secret_resolver(base, environ or {})(reference)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_a_file_is_found_relative_to_the_configuration(secret, tmp_path):
    assert secret_resolver(tmp_path, {})({"file": "secret"}) == f"{CANARY}\n"


def test_a_variable_is_read_from_the_environment(tmp_path):
    assert secret_resolver(tmp_path, {"KEY": CANARY})({"env": "KEY"}) == CANARY
    assert "KEY is not set" in refusal({"env": "KEY"}, tmp_path)


def test_a_credential_is_what_systemd_passed_whatever_its_mode(secret, tmp_path):
    secret.chmod(0o444)

    resolve = secret_resolver(tmp_path / "elsewhere", {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert resolve({"credential": "secret"}) == f"{CANARY}\n"


def test_a_credential_that_was_not_passed_tells_how_to_pass_it(tmp_path):
    message = refusal({"credential": "key"}, tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert "LoadCredential=key " in message
    assert "/etc/credstore/key" in message


def test_a_credential_outside_of_systemd_tells_the_ways_out(tmp_path):
    message = refusal({"credential": "key"}, tmp_path)

    assert "CREDENTIALS_DIRECTORY" in message
    assert "{ file =" in message


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "", ".", "a/b", "a\0"])
def test_a_credential_cannot_leave_its_directory(secret, tmp_path, name):
    (tmp_path / "credentials").mkdir()

    refusal({"credential": name}, tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o601, 0o644, 0o666])
def test_a_file_that_is_open_to_others_is_refused(secret, tmp_path, mode):
    secret.chmod(mode)

    assert refusal({"file": "secret"}, tmp_path).endswith(f"chmod 600 {secret}")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_its_owner_alone_is_read(secret, tmp_path, mode):
    secret.chmod(mode)

    assert secret_resolver(tmp_path, {})({"file": str(secret)})


def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(0o700)

    assert "not a regular file" in refusal({"file": "pipe"}, tmp_path)
    assert "Is a directory" in refusal({"file": "folder"}, tmp_path)
    assert "No such file" in refusal({"file": "absent"}, tmp_path)


def test_a_large_file_is_no_secret(secret, tmp_path):
    secret.write_text(CANARY * 10_000)

    assert "larger than 64 KiB" in refusal({"file": "secret"}, tmp_path)


def test_a_file_that_is_no_text_is_refused(secret, tmp_path):
    secret.write_bytes(CANARY.encode() + b"\xff")

    assert "not UTF-8" in refusal({"file": "secret"}, tmp_path)


@pytest.mark.parametrize(
    "reference", [{}, {"fil": "a"}, {"file": "a", "env": "b"}, {"file": 3}, {"env": ""}, {"file": {}}]
)
def test_a_reference_that_cannot_be_read_tells_the_three_forms(tmp_path, reference):
    assert '{ credential = "NAME" }' in refusal(reference, tmp_path)
