"""`python -m npconformer` is the command `npconformer`."""

import sys


def main() -> int:
    """Run the command with the process's arguments; interrupted while it is still being imported, say nothing."""
    try:
        from npconformer.cli import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
