"""The first signal asks, the second ends; sent to this very process."""

import os
import signal

import pytest

from search.errors import Interrupted
from search.interruption import Interruption


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_the_first_signal_is_noted_and_said_and_ends_nothing():
    said = []
    before = signal.getsignal(signal.SIGTERM)
    with Interruption(said.append) as interruption:
        assert interruption.signal == ""
        os.kill(os.getpid(), signal.SIGTERM)
        assert interruption.signal == "SIGTERM"
    assert said == ["SIGTERM: running trials end at their next report; once more to stop now"]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("first", "second"), [("SIGINT", "SIGINT"), ("SIGINT", "SIGTERM")])
def test_a_second_signal_leaves_the_block_even_if_the_code_inside_swallows_it(first, second):
    clock = Clock()
    with pytest.raises(Interrupted) as caught, Interruption(lambda text: None, clock=clock):
        os.kill(os.getpid(), signal.Signals[first])
        clock.now = 2.0
        try:
            os.kill(os.getpid(), signal.Signals[second])
        except Interrupted as error:
            raise ValueError("as Ray's compiled code does") from error
    assert str(caught.value) == first


def test_one_press_that_arrives_twice_counts_once():
    with Interruption(lambda text: None, clock=Clock()) as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert interruption.signal == "SIGINT"


def test_a_sigterm_that_rays_own_handler_took_is_an_interruption_too():
    with pytest.raises(Interrupted, match="SIGTERM"), Interruption(lambda text: None):
        raise SystemExit(signal.SIGTERM)
