"""Keeps the stock shown on online marketplaces equal to the stock a seller really has."""

__version__ = "0.1.0"
