"""What a sweep logs beside its record: TensorBoard, MLflow and Weights & Biases, through Ray's own callbacks."""

from search.loggers.available import EXTRAS, check_loggers
from search.loggers.forward import Loggers

__all__ = ["EXTRAS", "Loggers", "check_loggers"]
