"""The files beside the sandbox: a configuration that points at it, a drop folder, a sample export."""

import os
import secrets
from pathlib import Path

SAMPLE_ROWS = 500
_SOURCE = """\
# Points at the simulated marketplaces of `syncd sandbox`: their credentials are no secrets.

[server]                        # the status page of `syncd run`: http://127.0.0.1:9320/
token = "@TOKEN@"     # asked for before it does something

[sources.erp]
type = "drop"
path = "inbox"

"""


def prepare_directory(directory: Path, channels: str) -> Path:
    """Make the folder and the files in it; return the configuration's path.

    `channels` are the channel tables. The configuration is written anew, for the port may be another.
    """
    (directory / "inbox").mkdir(parents=True, exist_ok=True)
    config = directory / "syncd.toml"
    write_private(config, _SOURCE.replace("@TOKEN@", secrets.token_hex(8)) + channels)
    (directory / "sample.csv").write_text(sample_export(), encoding="utf-8")
    return config


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    with path.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


def sample_export() -> str:
    """Give an export of stock, with one SKU that the marketplaces do not know."""
    rows = [f"SKU-{number:04},{number * 7 % 50}" for number in range(1, SAMPLE_ROWS)]
    return "\n".join(["sku,quantity", *rows, "UNKNOWN-1,5", ""])
