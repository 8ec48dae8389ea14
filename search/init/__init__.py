"""A first sweep file, from a training file of LLaMA-Factory or from data alone."""

from search.init.file import InitRequest, Written, init_sweep
from search.init.machine import Machine, this_machine

__all__ = ["InitRequest", "Machine", "Written", "init_sweep", "this_machine"]
