"""Workbooks, read in a process of its own: `python -m syncd.sources.workbooks`. Nothing else imports this."""
