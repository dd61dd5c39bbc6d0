import pytest

from connectors.memory import plugin
from syncd.checking.findings import Weight
from syncd.config.load import load_config


@pytest.fixture
def configured(tmp_path):
    """A configuration of these tables, with a channel in memory."""

    def build(text="", environ=None):
        path = tmp_path / "syncd.toml"
        path.write_text(f'{text}\n[channels.shop]\nconnector = "memory"\n')
        path.chmod(0o600)
        return load_config(path, environ=environ or {}, load_plugin={"memory": plugin}.__getitem__)

    return build


@pytest.fixture
def kinds():
    """The kinds of those findings that are to be mended, or worth knowing."""

    def name(findings):
        return [finding.kind.value for finding in findings if finding.weight is not Weight.FINE]

    return name
