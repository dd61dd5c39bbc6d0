"""The tables of plans: the rows of what is in force for each channel. See `state.plans`."""

from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel


class Rule(SQLModel, table=True):
    """A rule for one SKU on one channel."""

    __tablename__ = "rule"
    __table_args__: Any = {"sqlite_with_rowid": False}

    channel_id: int = Field(primary_key=True, foreign_key="channel.id")
    sku: str = Field(primary_key=True)
    warehouse: str = Field(primary_key=True)
    rank: int = Field(primary_key=True)
    settings: str
    origin: str


class Listed(SQLModel, table=True):
    """What a SKU is called on a channel."""

    __tablename__ = "listed"
    __table_args__: Any = (
        Index("listed_by_identifier", "channel_id", "identifier"),
        {"sqlite_with_rowid": False},
    )

    channel_id: int = Field(primary_key=True, foreign_key="channel.id")
    sku: str = Field(primary_key=True)
    warehouse: str = Field(primary_key=True)
    identifier: str = Field(primary_key=True)
    origin: str


class Bundle(SQLModel, table=True):
    """How many units of a component a bundle takes."""

    __tablename__ = "bundle"
    __table_args__: Any = (
        Index("bundle_by_component", "channel_id", "component_sku"),
        {"sqlite_with_rowid": False},
    )

    channel_id: int = Field(primary_key=True, foreign_key="channel.id")
    bundle_sku: str = Field(primary_key=True)
    component_sku: str = Field(primary_key=True)
    units: int
    origin: str
