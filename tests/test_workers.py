"""Workers of a check: what a task may do to the machine."""

import os
import sys

import numpy as np
import pytest

from backprop_lift.mirror.workers import worked


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is known on Linux")
def test_an_array_of_half_the_machine_is_refused_to_a_task():
    half = max(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2, 4 << 30)

    def asked(task):
        try:
            np.empty([half, 1000][task], np.uint8)
        except MemoryError:
            return "refused"
        return "given"

    done = {task: result for what, task, result in worked(2, asked, 1) if what == "done"}

    assert done == {0: "refused", 1: "given"}
