"""What the design bounds, measured as ratios: see `python -m benchmarks --help`."""
