"""What libraries leave behind through no fault of ours, collected where it was left.

In a later test it would be that test's failure: warnings are errors, the collector's too.
"""

import gc
import warnings


def collect_quietly() -> None:
    """Collect what is open, without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
