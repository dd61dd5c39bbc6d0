"""What every table of syncd.toml is made of."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of the file: frozen, strict, without unknown keys, its input never shown in an error."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )
