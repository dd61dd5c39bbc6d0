"""Alerts: what is wrong, told to people once, and again when it is over."""
