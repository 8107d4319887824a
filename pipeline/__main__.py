"""The entry of the command line, also as ``python -m pipeline``."""

import gc


def main() -> None:
    """Run one command, and exit with its code."""
    # All that is imported stays. To look through it again and again meanwhile takes a sixth of the time.
    gc.disable()
    from pipeline.cli import main as run

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
