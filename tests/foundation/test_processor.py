"""Who lets others have the processor first. Niceness cannot be taken back: it is looked at in processes and threads."""

import os
import subprocess
import sys
import threading

import pytest

from tollhouse.foundation import processor

_STEPPED_BACK = """
import os
from tollhouse.foundation import processor
offers = []
processor._give_way = lambda: offers.append(1)
processor.give_way()
assert not offers, "a process that did not step back gives way to nobody"
processor.step_back(3)
processor.give_way()
processor.give_way()
print(os.getpriority(os.PRIO_PROCESS, 0), len(offers))
"""


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_process_that_stepped_back_gives_way_but_not_at_every_step() -> None:
    told = subprocess.run([sys.executable, "-c", _STEPPED_BACK], capture_output=True, text=True, check=True).stdout
    nice, offers = told.split()
    assert int(nice) == niceness() + 3
    assert offers in ("1", "2")  # the second only on a machine that is as slow as that


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads have no niceness of their own")
def test_a_thread_steps_back_alone() -> None:
    seen: list[int] = []

    def work() -> None:
        processor.step_back_thread(niceness() + 4)
        seen.append(niceness())

    before = niceness()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before + 4]
    assert niceness() == before


def test_a_thread_that_may_not_goes_on_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    processor.step_back_thread(5)
