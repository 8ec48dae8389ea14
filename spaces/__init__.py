"""What a trial is and what may be drawn."""

from spaces.adapter import AdapterConfig
from spaces.curriculum import CurriculumConfig
from spaces.domains import Choice, FloatRange, IntRange, Scalar, Suggester
from spaces.faults import Fault
from spaces.metrics import METRICS, Metric
from spaces.mixture import TERM_NAMES, MixtureConfig, TermConfig
from spaces.optimizer import OptimizerConfig
from spaces.parse import parse_space
from spaces.presets import PRESETS, PresetName
from spaces.space import Point, SearchSpace, Settings, leaves, settings_of
from spaces.trial import DataConfig, ModelConfig, ResourcesConfig, SourceConfig, TrainingConfig, TrialConfig

__all__ = [
    "METRICS",
    "PRESETS",
    "TERM_NAMES",
    "AdapterConfig",
    "Choice",
    "CurriculumConfig",
    "DataConfig",
    "Fault",
    "FloatRange",
    "IntRange",
    "Metric",
    "MixtureConfig",
    "ModelConfig",
    "OptimizerConfig",
    "Point",
    "PresetName",
    "ResourcesConfig",
    "Scalar",
    "SearchSpace",
    "Settings",
    "SourceConfig",
    "Suggester",
    "TermConfig",
    "TrainingConfig",
    "TrialConfig",
    "leaves",
    "parse_space",
    "settings_of",
]
