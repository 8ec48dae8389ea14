"""Torch's global generators as one of several trials sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from trainable.seeding import generator_states, restore_generators


class OwnGenerators:
    """Keeps the states that torch's global generators would have if a trial were alone.

    What is drawn while they are swapped in is what the trial would draw alone, kernel by kernel: on a GPU a dropout
    takes other numbers from a generator than any call that a generator can be given to.

    Args:
        device: Where the trial draws.
        seed: As of ``torch.manual_seed``.

    """

    def __init__(self, device: torch.device, *, seed: int) -> None:
        outside = generator_states(device)
        torch.manual_seed(seed)
        self._states = generator_states(device)
        restore_generators(outside)
        if device.type == "cuda":
            index = torch.cuda.current_device() if device.index is None else device.index
            self._generator, self._place = torch.cuda.default_generators[index], 1 + index
        else:
            self._generator, self._place = torch.default_generator, 0

    @property
    def states(self) -> list[Tensor]:
        """All states, in the order of ``generator_states``."""
        return list(self._states)

    @states.setter
    def states(self, states: Sequence[Tensor]) -> None:
        self._states = list(states)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Let the device's global generator be the trial's for a while."""
        outside = self._generator.get_state()
        self._generator.set_state(self._states[self._place])
        try:
            yield
        finally:
            self._states[self._place] = self._generator.get_state()
            self._generator.set_state(outside)
