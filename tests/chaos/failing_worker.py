"""The program as a build that fails on clients' messages with a given word.

Run it as `python -m tests.chaos.failing_worker worker`.
"""

import os
import runpy

from tests.support.actor_worker import POISON, fails_on

if __name__ == "__main__":
    fails_on(os.environ[POISON])
    runpy.run_module("cli", run_name="__main__")
