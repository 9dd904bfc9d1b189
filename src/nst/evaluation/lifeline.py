"""`python -m nst.evaluation.lifeline WORDS`: the command `nst`, stopped as by SIGTERM when its standard input ends.

A process that starts it with a pipe there stops it by closing the pipe, and by its own end, however it ends.
"""

import os
import runpy
import signal
import sys
import threading


def stop_with_input() -> None:
    """Wait for the end of the standard input, and stop this process."""
    while os.read(0, 1):  # not sys.stdin: its lock would be held when Python ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=stop_with_input, daemon=True).start()
    sys.argv[0] = "nst"
    runpy.run_module("nst", run_name="__main__", alter_sys=True)
