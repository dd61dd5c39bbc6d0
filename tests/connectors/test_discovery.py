"""Finding connectors among the installed packages: real metadata in a real folder."""

import pytest

from connectors import tocobagus, tokopedia
from connectors.discovery import ConnectorUnavailable, installed, load_plugin, name_conflicts


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a package with these entry points and modules on the path."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name, entry_points="", modules=None):
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[syncd.connectors]\n{entry_points}\n")
        for path, text in (modules or {}).items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text)
        (folder / "RECORD").write_text("".join(f"{path},,\n" for path in modules or {}))

    return install


def test_our_own_connectors_are_found_like_any_other():
    assert {"tocobagus", "tokopedia"} <= set(installed())
    assert load_plugin("tokopedia") is tokopedia.plugin
    assert load_plugin("tocobagus") is tocobagus.plugin


def test_a_strangers_connector_appears_beside_ours(install):
    install(
        "syncd-shopee",
        "shopee = shopee_one:plugin",
        {"shopee_one.py": "from connectors.memory import plugin"},
    )

    assert "shopee" in installed()
    assert load_plugin("shopee").capabilities.limits.in_flight == 4


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(ConnectorUnavailable, match=r"did you mean 'tokopedia'.* installed are: .*tocobagus"):
        load_plugin("tokpedia")


def test_an_unknown_name_is_answered_with_all():
    with pytest.raises(ConnectorUnavailable, match="no connector 'x' is installed, installed are:"):
        load_plugin("x")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import no_such_module", "cannot be imported: ModuleNotFoundError"),
        ("raise RuntimeError('odd')", "cannot be imported: RuntimeError: odd"),
        ("other = 1", "cannot be imported: AttributeError"),
        ("plugin = 1", "is not a connectors.Plugin"),
    ],
)
def test_a_broken_connector_says_why_and_stays_installed(install, text, why):
    module = f"broken_{abs(hash(text))}"
    install("syncd-broken", f"broken = {module}:plugin", {f"{module}.py": text})

    assert "broken" in installed()
    with pytest.raises(ConnectorUnavailable, match=why):
        load_plugin("broken")


def test_a_name_that_two_packages_claim_is_nobodys(install):
    install("syncd-fake", "tokopedia = fake_tokopedia:plugin")

    with pytest.raises(ConnectorUnavailable, match="claimed by several"):
        load_plugin("tokopedia")


def test_nobody_else_claims_our_import_names_here():
    assert name_conflicts() == []


def test_a_package_that_claims_our_import_names_is_named(install):
    install("other-state", modules={"state/__init__.py": ""})

    assert name_conflicts() == ["package 'other-state' also installs a module named 'state'"]
