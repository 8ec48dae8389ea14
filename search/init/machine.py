"""What the machine offers to trials."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

_MOST_CPUS = 8


@dataclass(frozen=True)
class Machine:
    """Cores and GPUs of this machine that this process may use."""

    cpus: int
    gpus: int

    @property
    def concurrency(self) -> int:
        """Trials at a time: one for each GPU, else one."""
        return max(self.gpus, 1)

    @property
    def cpus_of_trial(self) -> int:
        """Cores of each of them."""
        return max(min(self.cpus // self.concurrency, _MOST_CPUS), 1)


def this_machine() -> Machine:
    """Look at this machine."""
    return Machine(cpus=len(os.sched_getaffinity(0)), gpus=torch.cuda.device_count())
