"""What a driver does when Ray is gone, without Ray."""

import signal
import subprocess
import sys
import time

import pytest

from search.errors import Interrupted, RayLost
from search.watchdog import Watchdog


class Ray:
    """Says that it is gone once it was asked so often."""

    def __init__(self, *, asked):
        self.left = asked

    def loss(self):
        self.left -= 1
        return "it died" if self.left < 0 else ""


def test_a_driver_that_waits_for_ever_is_taken_out():
    with pytest.raises(RayLost, match="it died"), Watchdog(Ray(asked=2).loss, last_words=len):
        while True:
            time.sleep(3600)


def test_an_exception_that_was_lost_on_its_way_is_raised_again():
    with pytest.raises(RayLost, match="it died"), Watchdog(Ray(asked=0).loss, last_words=len):
        try:
            time.sleep(3600)
        except RayLost:
            raise ValueError("as Ray's compiled code does") from None


def test_a_loss_that_the_thread_has_not_seen_yet_is_seen_at_the_end():
    lost = []
    with pytest.raises(RayLost), Watchdog(lambda: "it died" if lost else "", last_words=len):
        lost.append(True)


def test_a_second_signal_of_a_person_goes_first():
    with pytest.raises(Interrupted), Watchdog(Ray(asked=0).loss, last_words=len):
        raise Interrupted("SIGINT")


def test_without_a_loss_nothing_happens_and_the_signal_is_given_back():
    before = signal.getsignal(signal.SIGUSR2)
    with Watchdog(lambda: "", last_words=len) as watchdog:
        watchdog.check()
    assert signal.getsignal(signal.SIGUSR2) == before


def test_a_driver_that_cannot_be_reached_ends_with_the_last_words():
    script = (
        "import signal, time\n"
        "import search.watchdog as watchdog\n"
        "watchdog._REPEAT_S = 0.01\n"
        "with watchdog.Watchdog(lambda: 'it died', last_words=lambda text: print('last words:', text) or 7):\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})\n"
        "    time.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=50)
    assert (done.returncode, done.stdout) == (7, "last words: it died\n"), done.stderr
