"""`python -m tollhouse` is the same program as `tollhouse`."""

from tollhouse.cli import main

if __name__ == "__main__":
    main()
