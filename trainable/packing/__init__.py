"""Several trials stepped together on one base, each with an adapter of its own."""

from trainable.packing.calibrate import Calibration, calibrate, useful_size
from trainable.packing.pack import Failed, Pack, Reported
from trainable.packing.packed_trial import PackedTrial
from trainable.packing.server import PackServer

__all__ = ["Calibration", "Failed", "Pack", "PackServer", "PackedTrial", "Reported", "calibrate", "useful_size"]
