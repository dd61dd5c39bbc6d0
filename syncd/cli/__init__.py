"""The command line: what a person asks for, and how the answers look."""
