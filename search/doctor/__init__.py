"""Looks for every reason why sweeps can't run, or run badly, on this machine."""
