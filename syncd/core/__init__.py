"""Decisions, and nothing else: no clock, no network, no disk."""
