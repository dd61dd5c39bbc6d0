from pathlib import Path

import pytest

from syncd.checking.unit import check_unit, directives, installed_unit, shipped_unit

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "systemd" / "syncd.service").read_text()
CONFIGURATION = Path("/etc/syncd/syncd.toml")


@pytest.fixture
def machine(tmp_path):
    """A file tree with the shipped unit installed, changed as told, and drop-ins."""

    def build(change=lambda text: text, drop_in="", place="etc/systemd/system"):
        folder = tmp_path / place
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "syncd.service").write_text(change(SHIPPED))
        if drop_in:
            (folder / "syncd.service.d").mkdir()
            (folder / "syncd.service.d" / "override.conf").write_text(drop_in)
        return installed_unit(tmp_path)

    return build


def found(unit, credentials=(), paths=(), configuration=CONFIGURATION):
    return list(check_unit(unit, directives(SHIPPED), configuration, credentials, map(Path, paths)))


def found_kinds(unit, *arguments, **more):
    return [one.kind.value for one in found(unit, *arguments, **more)]


def test_without_a_unit_there_is_none(tmp_path):
    assert installed_unit(tmp_path) is None


def test_the_shipped_unit_is_known_and_fits(machine):
    assert shipped_unit() == directives(SHIPPED)
    unit = machine()
    assert unit.user == "syncd"
    assert found_kinds(unit, ["toco-secret-key"], ["/srv/syncd/erp", "/var/lib/syncd/inbox"]) == ["unit"]


@pytest.mark.parametrize("place", ["etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"])
def test_it_is_found_wherever_systemd_looks(machine, place):
    assert place in str(machine(place=place).path)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("MemoryMax=512M", "MemoryMax=1G", "MemoryMax"),
        ("PrivateIPC=yes\n", "", "PrivateIPC"),
        ("[Install]", "Environment=X=1\n[Install]", "Environment"),
        ("syncd run --config", "syncd run -v --config", "ExecStart"),
    ],
)
def test_a_unit_that_is_not_this_versions_is_found_with_what_differs(machine, old, new, word):
    (one,) = found(machine(lambda text: text.replace(old, new)))
    assert one.kind == "unit_old"
    assert word in one.what


def test_comments_and_where_the_program_lies_make_no_difference(machine):
    unit = machine(lambda text: "# mine\n" + text.replace("ExecStart=/opt/syncd", "ExecStart=/usr/local"))
    assert found_kinds(unit) == ["unit"]


def test_what_is_in_a_drop_in_makes_no_difference_but_counts(machine):
    unit = machine(drop_in="[Service]\nMemoryMax=1G\nUser=stock\n")
    assert found_kinds(unit) == ["unit"]
    assert unit.user == "stock"


@pytest.mark.parametrize(
    ("drop_in", "lacking"),
    [
        ("", True),
        ("[Service]\nLoadCredential=second-shop\n", False),
        ("[Service]\nLoadCredential=second-shop:/root/x\n", False),
        ("[Service]\nSetCredential=second-shop:abc\n", False),
        ("[Service]\nLoadCredentialEncrypted=second-shop\n", False),
        ("[Service]\nImportCredential=second-*\n", False),
        ("[Service]\nLoadCredential=second-shop\nLoadCredential=\n", True),
        ("[Unit]\nLoadCredential=second-shop\n", True),
        ("[Service]\n#LoadCredential=second-shop\n", True),
    ],
)
def test_a_credential_that_the_unit_does_not_pass_is_found(machine, drop_in, lacking):
    expected = ["unit_lacks_credential"] if lacking else ["unit"]
    assert found_kinds(machine(drop_in=drop_in), ["second-shop"]) == expected


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/home/shop/inbox", "ProtectHome"),
        ("/root/inbox", "ProtectHome"),
        ("/tmp/inbox", "PrivateTmp"),  # noqa: S108
        ("/var/spool/erp", "ProtectSystem"),
        ("/srv/syncdx", "ProtectSystem"),
    ],
)
def test_a_folder_that_the_service_cannot_use_is_found(machine, path, word):
    (one,) = found(machine(), paths=[path])
    assert one.kind == "unit_hides_path"
    assert word in one.what
    assert path in one.remedy


@pytest.mark.parametrize(
    ("drop_in", "path"),
    [
        ("[Service]\nReadWritePaths=/var/spool/erp\n", "/var/spool/erp/out"),
        ("[Service]\nReadWritePaths=-/a /var/spool/erp\n", "/var/spool/erp"),
        ("[Service]\nBindPaths=/home/shop/inbox\n", "/home/shop/inbox"),
        ("[Service]\nProtectHome=no\nProtectSystem=full\n", "/home/shop/inbox"),
    ],
)
def test_what_a_drop_in_lets_it_have_is_fine(machine, drop_in, path):
    assert found_kinds(machine(drop_in=drop_in), paths=[path]) == ["unit"]


def test_what_another_configuration_names_is_not_the_units_business(machine, tmp_path):
    unit = machine()
    assert found_kinds(unit, ["x"], ["/home/x"], configuration=tmp_path / "syncd.toml") == ["unit"]
    assert found_kinds(unit, ["x"]) == ["unit_lacks_credential"]
