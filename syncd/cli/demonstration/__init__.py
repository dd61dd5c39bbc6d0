"""The demonstration: the real daemon against simulated marketplaces, watched from the marketplaces' side."""
