"""`python -m syncd`, and the console script."""

from syncd.cli.group import main

if __name__ == "__main__":
    main()
