"""What libraries leave behind without a fault of ours, collected where it was left.

In a later test it would be that test's failure: warnings are errors, also those of the collector.
"""

import gc
import warnings


def collect_quietly() -> None:
    """Have the collector close what is open, and say nothing of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
