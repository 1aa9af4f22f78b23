"""The `fmnbench` command, also as `python -m fmnbench`; Ctrl-C is one line from its start."""

import os
import signal
import sys
from types import FrameType

STDERR, INTERRUPTED = 2, 130  # a file descriptor and an exit code; nothing else is imported yet


def main() -> None:
    """Runs the command line; while it is imported, Ctrl-C ends the process at once."""
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)
    from fmnbench.cli.main import main as command_line  # a tenth of a second or more

    signal.signal(signal.SIGINT, interrupt)
    try:
        command_line()
    except SystemExit as ending:
        if ending.code == INTERRUPTED:
            sys.stdout.flush()
            os._exit(INTERRUPTED)  # to take torch apart would keep the user waiting for seconds
        raise


def _stop(_signal: int, _frame: FrameType | None) -> None:
    os.write(STDERR, b"Stopped.\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
