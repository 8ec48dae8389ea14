"""Everything that one trial needs to know."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from spaces.adapter import AdapterConfig
from spaces.curriculum import CurriculumConfig
from spaces.mixture import MixtureConfig
from spaces.optimizer import OptimizerConfig

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelConfig(BaseModel):
    """The base model; it stays frozen."""

    model_config = _FROZEN

    path: str = Field(
        default="tiny", min_length=1, description="`tiny`, a folder, or a hub name such as `Qwen/Qwen2-VL-2B-Instruct`"
    )
    dtype: Literal["float32", "bfloat16"] = Field(default="float32", description="number format of the base's weights")
    max_pixels: int | None = Field(
        default=None, ge=784, description="largest number of pixels of an image; the processor's own if absent"
    )


class ShapesSource(BaseModel):
    """Drawn scenes of coloured shapes, for the embedded tiny base."""

    model_config = _FROZEN

    source: Literal["shapes"] = Field(description="scenes of coloured shapes, drawn on the spot")
    domain: Literal["base", "shifted"] = Field(default="shifted", description="`base` is what the tiny base has seen")
    scenes: int = Field(default=500, ge=4, description="number of scenes")
    seed: int = Field(default=0, ge=0, description="seed of the scenes")


class CocoSource(BaseModel):
    """COCO instances: boxes become grounding rows, categories text rows."""

    model_config = _FROZEN

    source: Literal["coco"] = Field(description="a COCO file of boxes and categories")
    annotations: str = Field(min_length=1, description="the JSON file, relative to the sweep file")
    images: str = Field(min_length=1, description="folder of the images, relative to the sweep file")


class LlamaFactorySource(BaseModel):
    """A data set of LLaMA-Factory, by its name in ``dataset_info.json``."""

    model_config = _FROZEN

    source: Literal["llamafactory"] = Field(description="a data set that LLaMA-Factory knows by name")
    folder: str = Field(min_length=1, description="folder that holds dataset_info.json, relative to the sweep file")
    dataset: str = Field(min_length=1, description="name in dataset_info.json")
    max_rows: int | None = Field(default=None, ge=1, description="read at most so many rows")


RowFormat = Literal["messages", "sharegpt", "queries", "alpaca", "paligemma"]
Frame = Literal["pixels_xyxy", "pixels_xywh", "pixels_yxyx", "unit_xyxy", "unit_xywh", "thousandths_xyxy"]


class RowsSource(BaseModel):
    """A file of conversations: JSON, JSON lines or CSV, in any of the usual formats."""

    model_config = _FROZEN

    source: Literal["rows"] = Field(description="a file of conversations")
    path: str = Field(min_length=1, description="JSON, JSON lines, CSV or TSV, perhaps gzipped, relative to this file")
    image_folder: str | None = Field(
        default=None, min_length=1, description="where image paths start; the folder of `path` if absent"
    )
    format: RowFormat | None = Field(default=None, description="format of the rows; detected if absent")
    frame: Frame | None = Field(
        default=None, description="frame of boxes by placeholder; the row's own or `pixels_xyxy` if absent"
    )
    max_rows: int | None = Field(default=None, ge=1, description="read at most so many rows")


SourceConfig = Annotated[ShapesSource | CocoSource | LlamaFactorySource | RowsSource, Field(discriminator="source")]


class DataConfig(BaseModel):
    """Where rows come from and how they are split, by image."""

    model_config = _FROZEN

    sources: tuple[SourceConfig, ...] = Field(min_length=1, description="one or more data sets")
    search_share: float = Field(default=0.2, gt=0, lt=1, description="share of the images whose rows score the trials")
    split_seed: int = Field(default=0, ge=0, description="seed of the split")
    max_length: int = Field(default=4096, ge=16, description="longest row in tokens; longer ones are refused")


class ResourcesConfig(BaseModel):
    """What Ray reserves for each running trial."""

    model_config = _FROZEN

    cpus: float = Field(default=1.0, gt=0, description="cores of one trial; torch uses as many threads")
    gpus: float = Field(default=0.0, ge=0, description="GPUs of one trial; a fraction shares one")


class TrainingConfig(BaseModel):
    """Length, rungs, batches and evaluation of each trial."""

    model_config = _FROZEN

    steps: int = Field(default=200, ge=1, description="optimizer steps")
    rungs: tuple[int, ...] = Field(
        default=(), description="steps at which a trial reports and may be stopped; the last step always reports"
    )
    batch: int = Field(default=8, ge=1, description="rows of one forward pass")
    accumulation: int = Field(default=1, ge=1, description="forward passes of one optimizer step")
    rung_rows: int = Field(default=64, ge=2, description="rows of the search split scored at a rung")
    final_rows: int | None = Field(default=None, ge=2, description="rows scored at the last step; all if absent")
    eval_batch: int = Field(default=32, ge=1, description="rows generated together")
    max_new_tokens: int = Field(default=64, ge=4, description="longest generated answer in tokens")
    seed: int = Field(default=0, ge=0, description="seed of adapter, data order and dropout; the same for all trials")
    resources: ResourcesConfig = Field(default=ResourcesConfig(), description="what one running trial takes")

    @field_validator("rungs")
    @classmethod
    def _check_rungs(cls, rungs: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        steps = info.data.get("steps")
        if steps and (list(rungs) != sorted(set(rungs)) or any(not 0 < rung < steps for rung in rungs)):
            raise ValueError(f"rungs must rise and lie between 1 and {steps - 1}; got {list(rungs)}")
        return rungs

    @property
    def report_steps(self) -> tuple[int, ...]:
        """Steps after which the trial reports: the rungs and the last step."""
        return (*self.rungs, self.steps)


class TrialConfig(BaseModel):
    """One trial, complete: the same config gives the same numbers on the same machine."""

    model_config = _FROZEN

    number: int = Field(ge=0, description="the trial's number in the study")
    attempt: int = Field(default=0, ge=0, description="how often it was started before")
    model: ModelConfig
    data: DataConfig
    training: TrainingConfig
    adapter: AdapterConfig = AdapterConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    mixture: MixtureConfig = MixtureConfig()
    curriculum: CurriculumConfig = CurriculumConfig()
