import pytest
from rig import Rig


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "site")


@pytest.fixture
def counted():
    """The value of a series, by its name and labels; 0 where there is none yet."""

    def value(metrics, name: str, **labels: str) -> float:
        return metrics.registry.get_sample_value(name, labels) or 0.0

    return value
