"""Who holds which seat of a pack, without trials and without Ray."""

import threading

import pytest

from spaces import DataConfig, ModelConfig, TrainingConfig, TrialConfig
from trainable.packing.seats import Seats, Unread

DATA = DataConfig(sources=({"source": "shapes", "scenes": 8},))


def config_of(number):
    return TrialConfig(number=number, model=ModelConfig(), data=DATA, training=TrainingConfig())


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def seats(clock):
    return Seats(2, clock=clock, lease_s=60)


def test_a_full_pack_refuses_at_once_and_has_room_after_a_release(seats):
    first, second = seats.take(config_of(0), None), seats.take(config_of(1), None)
    assert (seats.room, seats.take(config_of(2), None)) == (0, None)
    seats.release(first)
    seats.release(first)
    third = seats.take(config_of(2), None)
    assert len({first, second, third}) == 3
    assert [seat.config.number for seat in seats.held] == [1, 2]


def test_a_trial_rests_from_its_report_until_that_is_read(seats, clock):
    ticket = seats.take(config_of(0), None)
    (seat,) = seats.held
    assert not seat.rests
    assert seats.read(ticket, patience_s=0) is None
    seats.put(seat, Unread(ending="error: made"))
    assert seat.rests
    clock.now = 5.0
    assert seats.read(ticket, patience_s=0) == (seat, Unread(ending="error: made"))
    assert (seat.rests, seat.since) == (False, 5.0)


def test_a_reader_hears_at_once_of_what_comes_while_it_waits(seats):
    ticket, heard = seats.take(config_of(0), None), []
    reader = threading.Thread(target=lambda: heard.append(seats.read(ticket, patience_s=30)))
    reader.start()
    seats.put(seats.held[0], Unread(ending="error: made"))
    reader.join(10)
    assert heard[0][1].ending == "error: made"


def test_a_seat_whose_holder_is_silent_is_free_again_and_one_that_is_renewed_is_not(seats, clock):
    gone, kept = seats.take(config_of(0), None), seats.take(config_of(1), None)
    clock.now = 40.0
    seats.renew(kept)
    clock.now = 70.0
    assert seats.room == 1
    assert [seat.ticket for seat in seats.held] == [kept]
    with pytest.raises(KeyError):
        seats.read(gone, patience_s=0)


def test_a_trial_that_is_taken_up_again_gets_the_seat_of_its_dead_holder(seats):
    seats.take(config_of(1), None)
    old = seats.take(config_of(0), None)
    again = seats.take(config_of(0), None)
    assert again not in (None, old)
    assert [seat.config.number for seat in seats.held] == [1, 0]
