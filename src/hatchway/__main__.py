"""`python -m hatchway`: the `hatchway` command."""

from hatchway.cli import main

if __name__ == "__main__":
    main()
