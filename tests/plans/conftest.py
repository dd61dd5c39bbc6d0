from pathlib import Path
from types import SimpleNamespace

import pytest

from connectors.discovery import load_plugin
from syncd.config.load import load_config

SHOPS = """
[sources.erp]
type = "drop"
path = "inbox"

[channels.toko]
connector = "tokopedia"
fs_id = 1
shop_id = 2
client_id = "c"
client_secret = "canary-1"
warehouses = { JKT = "1610", BDG = "1611" }
TOKO

[channels.toco]
connector = "tocobagus"
partner_client_id = "p"
secret_key = "canary-2"
store_client_id = "s"
store_token = "canary-3"
warehouses = "single"
TOCO
"""


@pytest.fixture
def shops(tmp_path):
    """Two channels beside files: `toko` with two warehouses, `toco` without."""

    def load(*, toko="", toco="", more=""):
        path = tmp_path / "syncd.toml"
        path.write_text(SHOPS.replace("TOKO", toko).replace("TOCO", toco) + more)
        path.chmod(0o600)
        return load_config(path, environ={}, load_plugin=load_plugin)

    return SimpleNamespace(load=load, at=Path(tmp_path))
