from types import SimpleNamespace

import pytest
from pydantic import BaseModel, ConfigDict

from connectors.contract import Capabilities, Grouping, Limits, Plugin
from connectors.secrets import Secret
from syncd.config.load import load_config
from syncd.errors import ConfigError


class ShopSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    shop: int
    key: Secret
    note: str = ""


def _plugin(*, counted, whole_shop, most):
    return Plugin(
        settings=ShopSettings,
        capabilities=Capabilities(
            grouping=Grouping.SKU,
            max_rows_per_request=most,
            max_sku_length=None,
            rows_are_counted=counted,
            asynchronous=False,
            whole_shop_by_default=whole_shop,
            limits=Limits(
                rows_per_request=5,
                rows_per_second=5.0,
                requests_per_second=None,
                burst=5,
                in_flight=2,
                timeout=30.0,
            ),
        ),
        account=lambda settings: f"shop {settings.shop}",
        connect=lambda settings, surroundings: None,
        example="",
    )


PLUGINS = {
    "counted": _plugin(counted=True, whole_shop=True, most=100),
    "roomy": _plugin(counted=False, whole_shop=False, most=None),
}


def _load_plugin(name):
    if name not in PLUGINS:
        raise LookupError(f"no connector {name!r}")
    return PLUGINS[name]


@pytest.fixture
def plugins():
    return PLUGINS


@pytest.fixture
def folder(tmp_path):
    """A place for one configuration: `load` reads a text, `problems` tells what is wrong with it."""
    path = tmp_path / "syncd.toml"

    def load(text, environ=None):
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return load_config(path, environ=environ or {}, load_plugin=_load_plugin)

    def error(text, environ=None):
        with pytest.raises(ConfigError) as caught:
            load(text, environ)
        return caught.value

    def problems(text, environ=None):
        return [(problem.where, problem.line, problem.message) for problem in error(text, environ).problems]

    def reload(environ=None):
        return load_config(path, environ=environ or {}, load_plugin=_load_plugin)

    return SimpleNamespace(at=tmp_path, path=path, load=load, reload=reload, error=error, problems=problems)
