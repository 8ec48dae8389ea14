"""Everything that one trial needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from spaces.adapter import AdapterConfig
from spaces.byte_sizes import ByteSize
from spaces.curriculum import CurriculumConfig
from spaces.durations import Duration
from spaces.mixture import MixtureConfig
from spaces.optimizer import OptimizerConfig

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CacheConfig(BaseModel):
    """Where the vision tower's outputs are kept: they are the same in every trial."""

    model_config = _FROZEN

    folder: str | None = Field(
        default=None,
        min_length=1,
        description="folder on each node, shared by its workers and by later sweeps; `paretune/features` below "
        "`$XDG_CACHE_HOME` or `~/.cache` if absent",
    )
    disk: ByteSize = Field(
        default=20 * 1000**3,
        ge=0,
        description="the most that it takes, such as `200GB`; 0 keeps features in memory only; null is no limit",
    )


class ModelConfig(BaseModel):
    """The base model; it stays frozen."""

    model_config = _FROZEN

    path: str = Field(
        default="tiny", min_length=1, description="`tiny`, a folder, or a hub name such as `Qwen/Qwen2-VL-2B-Instruct`"
    )
    dtype: Literal["float32", "bfloat16"] = Field(default="float32", description="number format of the base's weights")
    max_pixels: int | None = Field(
        default=None,
        ge=784,
        description="largest number of pixels of an image, in training and evaluation; the processor's own if absent",
    )
    cache: CacheConfig = Field(default=CacheConfig(), description="what is computed once for all trials")


SplitName = Literal["train", "search", "confirm", "test"]
Frame = Literal[
    "pixels_xyxy",
    "pixels_xywh",
    "pixels_yxyx",
    "unit_xyxy",
    "unit_xywh",
    "unit_yxyx",
    "unit_cxcywh",
    "thousandths_xyxy",
    "thousandths_yxyx",
    "resized_xyxy",
]


class _Source(BaseModel):
    """What every data set may say beside what it is."""

    model_config = _FROZEN

    share: float | None = Field(
        default=None, gt=0, le=1, description="share of the training rows drawn from it; by its rows if absent"
    )
    split: SplitName | None = Field(
        default=None, description="the split that all its rows belong to; divided by image if absent"
    )


DrawnOn = Literal["upright", "stored"]


class _PhotoSource(_Source):
    """Photos with labelled boxes."""

    max_boxes: int = Field(
        default=1, ge=1, le=100, description="a category with up to so many boxes in a photo is located, in one answer"
    )
    drawn_on: DrawnOn | None = Field(
        default=None,
        description="whether boxes were drawn on photos as they are seen (EXIF) or as they are stored; told by the "
        "sizes in the file if absent",
    )


class ShapesSource(_Source):
    """Drawn scenes of coloured shapes, for the embedded tiny base."""

    source: Literal["shapes"] = Field(description="scenes of coloured shapes, drawn on the spot")
    domain: Literal["base", "shifted"] = Field(default="shifted", description="`base` is what the tiny base has seen")
    scenes: int = Field(default=500, ge=4, description="number of scenes")
    seed: int = Field(default=0, ge=0, description="seed of the scenes")


class CocoSource(_PhotoSource):
    """COCO instances: boxes become grounding rows, categories text rows."""

    source: Literal["coco"] = Field(description="a COCO file of boxes and categories")
    annotations: str = Field(min_length=1, description="the JSON file, relative to the sweep file")
    images: str = Field(min_length=1, description="folder of the images, relative to the sweep file")
    frame: Frame | None = Field(default=None, description="frame of its boxes; COCO's own `pixels_xywh` if absent")


class VocSource(_PhotoSource):
    """Pascal VOC: an XML file for each photo."""

    source: Literal["voc"] = Field(description="Pascal VOC annotations, an XML file for each photo")
    annotations: str = Field(min_length=1, description="folder of the XML files, relative to the sweep file")
    images: str = Field(min_length=1, description="folder of the images, relative to the sweep file")
    frame: Frame | None = Field(default=None, description="frame of its boxes; VOC's own `pixels_xyxy` if absent")


class YoloSource(_PhotoSource):
    """YOLO: a text file of boxes for each photo, and a file of class names."""

    source: Literal["yolo"] = Field(description="YOLO labels, a text file for each photo")
    labels: str = Field(min_length=1, description="folder of the text files, relative to the sweep file")
    images: str = Field(min_length=1, description="folder of the images, relative to the sweep file")
    names: str = Field(min_length=1, description="class names: data.yaml, or a text file of one name a line")


class RefcocoSource(_Source):
    """RefCOCO, RefCOCO+ and RefCOCOg: expressions that refer to boxes of a COCO file."""

    source: Literal["refcoco"] = Field(description="referring expressions about the boxes of a COCO file")
    refs: str = Field(min_length=1, description="refs(….p) or the same as JSON, relative to the sweep file")
    instances: str = Field(min_length=1, description="the COCO file, relative to the sweep file")
    images: str = Field(min_length=1, description="folder of the images, relative to the sweep file")
    refs_split: str | None = Field(default=None, min_length=1, description="only refs of this split, e.g. `train`")


class _ConversationSource(_Source):
    """Conversations with images."""

    image_folder: str | None = Field(
        default=None,
        min_length=1,
        description="where image paths start, and what they may not leave; the folder of the file if absent",
    )
    frame: Frame | None = Field(
        default=None,
        description="frame of boxes that stand in columns of their own; the row's own or detected if absent",
    )
    answer_frame: Frame | None = Field(
        default=None,
        description="frame of boxes that stand in the answers; `thousandths_xyxy` if absent and not contradicted",
    )
    drawn_on: DrawnOn = Field(
        default="upright",
        description="whether boxes were drawn on images as they are seen (EXIF) or as they are stored",
    )
    resized_max_pixels: int = Field(
        default=1_003_520,
        ge=784,
        description="pixel budget of the images that boxes in the frame `resized_xyxy` were drawn on",
    )
    image_urls: bool = Field(default=False, description="fetch images that are given as URLs, once, into a cache")
    max_rows: int | None = Field(default=None, ge=1, description="read at most so many rows")


class LlamaFactorySource(_ConversationSource):
    """A data set of LLaMA-Factory, by its name in ``dataset_info.json``."""

    source: Literal["llamafactory"] = Field(description="a data set that LLaMA-Factory knows by name")
    folder: str = Field(min_length=1, description="folder that holds dataset_info.json, relative to the sweep file")
    dataset: str = Field(min_length=1, description="name in dataset_info.json")


RowFormat = Literal["messages", "sharegpt", "queries", "alpaca", "paligemma", "referring", "vqa"]


class RowsSource(_ConversationSource):
    """A file of conversations, in any of the usual formats."""

    source: Literal["rows"] = Field(description="a file of conversations, referring expressions or questions")
    path: str = Field(
        min_length=1,
        description="JSON, JSON lines, CSV or TSV, perhaps gzipped; Parquet or Arrow; a folder of Parquet files or one "
        "saved by `datasets`; relative to this file",
    )
    part: str | None = Field(
        default=None, min_length=1, description="the split of a folder saved by `datasets` or of Parquet files"
    )
    format: RowFormat | None = Field(default=None, description="format of the rows; detected if absent")


class VqaSource(_Source):
    """VQA v2 and GQA: questions by image number."""

    source: Literal["vqa"] = Field(description="VQA v2 or GQA: a file of questions, perhaps one of answers")
    questions: str = Field(min_length=1, description="the file of questions, relative to the sweep file")
    annotations: str | None = Field(
        default=None, min_length=1, description="the file of answers, relative to the sweep file; GQA has none"
    )
    images: str = Field(min_length=1, description="folder of the images, relative to the sweep file")


class AutoSource(_Source):
    """A data set whose kind is found out."""

    source: Literal["auto"] = Field(description="any of the others, found out by looking; a note says which and why")
    path: str = Field(min_length=1, description="its file or folder, relative to the sweep file")
    images: str | None = Field(default=None, min_length=1, description="folder of the images; searched for if absent")


SourceConfig = Annotated[
    ShapesSource
    | CocoSource
    | VocSource
    | YoloSource
    | RefcocoSource
    | LlamaFactorySource
    | RowsSource
    | VqaSource
    | AutoSource,
    Field(discriminator="source"),
]


class DataConfig(BaseModel):
    """Where rows come from and how they are split, by image."""

    model_config = _FROZEN

    sources: tuple[SourceConfig, ...] = Field(min_length=1, description="one or more data sets")
    search_share: float = Field(default=0.2, gt=0, lt=1, description="share of the images whose rows score the trials")
    confirm_share: float = Field(
        default=0.1, ge=0, lt=1, description="share of the images kept back to confirm what a sweep finds"
    )
    test_share: float = Field(default=0.1, ge=0, lt=1, description="share of the images kept back for one last score")
    split_seed: int = Field(default=0, ge=0, description="seed of the split")
    max_length: int = Field(default=4096, ge=16, description="longest row in tokens; longer ones are refused")

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        kept_back = self.search_share + self.confirm_share + self.test_share
        if kept_back > 0.95:
            raise ValueError(
                f"search_share, confirm_share and test_share sum to {kept_back:g}; leave at least 0.05 for training"
            )
        shares = [source.share for source in self.sources if source.split in (None, "train")]
        if any(source.share and source.split not in (None, "train") for source in self.sources):
            raise ValueError("a source has a share and a split that is not trained on; remove one")
        given = [share for share in shares if share is not None]
        if given and len(given) < len(shares):
            raise ValueError(f"{len(given)} of {len(shares)} sources have a share; give all of them one, or none")
        if given and abs(sum(given) - 1) > 1e-6:
            raise ValueError(f"the shares of the sources sum to {sum(given):g}; they must sum to 1")
        return self


_RAYS_OWN = ("cpu", "gpu", "cpus", "gpus", "memory", "object_store_memory", "bundle")


class ResourcesConfig(BaseModel):
    """What Ray reserves for each running trial."""

    model_config = _FROZEN

    cpus: float = Field(default=1.0, gt=0, description="cores of one trial; torch uses as many threads")
    gpus: float = Field(default=0.0, ge=0, description="GPUs of one trial; a fraction shares one")
    custom: Mapping[str, float] = Field(
        default={}, description="amounts of other resources that nodes offer by name, such as `{a100: 1}`"
    )

    @field_validator("gpus")
    @classmethod
    def _check_gpus(cls, gpus: float) -> float:
        if gpus > 1 and gpus != int(gpus):
            raise ValueError(f"got {gpus:g}; expected whole GPUs, or a fraction of one")
        return gpus

    @field_validator("custom")
    @classmethod
    def _check_custom(cls, custom: Mapping[str, float]) -> Mapping[str, float]:
        for name, amount in custom.items():
            if name.lower() in _RAYS_OWN or not name.strip():
                raise ValueError(f"got {name!r}; expected a name of your own; cores and GPUs are cpus and gpus")
            if amount < 0.0001 or (amount > 1 and amount != int(amount)):
                raise ValueError(f"got {name}: {amount:g}; expected a whole number, or a fraction from 0.0001 to 1")
        return custom

    @property
    def by_name(self) -> Mapping[str, float]:
        """Amounts of what a trial takes, none of them 0, by the names that Ray has for them."""
        named = {"CPU": self.cpus, "GPU": self.gpus, **self.custom}
        return {name: amount for name, amount in named.items() if amount}


MOST_PACKED = 32
"""The most trials that are stepped together."""


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
    time_limit: Duration = Field(
        default=None,
        gt=0,
        description="a trial that takes longer, or gives no report for so long, fails: `2h`, `45m` or seconds; none if "
        "absent",
    )
    pack: int | Literal["auto"] = Field(
        default=1,
        description="trials that share the resources of one and are stepped together: 1 to 32, or `auto` for what a "
        "short measurement finds to be fastest",
    )
    resources: ResourcesConfig = Field(
        default=ResourcesConfig(), description="what one running trial takes, or one pack of them"
    )

    @field_validator("pack", mode="before")
    @classmethod
    def _check_pack(cls, pack: object) -> object:
        if pack == "auto" or (isinstance(pack, int) and not isinstance(pack, bool) and 1 <= pack <= MOST_PACKED):
            return pack
        raise ValueError(f"got {pack!r}; expected auto, or a whole number from 1 to {MOST_PACKED}")

    @field_validator("rungs")
    @classmethod
    def _check_rungs(cls, rungs: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        steps = info.data.get("steps")
        if steps and (list(rungs) != sorted(set(rungs)) or any(not 0 < rung < steps for rung in rungs)):
            raise ValueError(f"rungs must rise and lie between 1 and {steps - 1}; got {list(rungs)}")
        return rungs

    def halved(self) -> Self:
        """Give the same training with batches of half the size and twice as many; each step sees the same rows."""
        if self.batch % 2 == 0:
            return self.model_copy(update={"batch": self.batch // 2, "accumulation": 2 * self.accumulation})
        return self.model_copy(update={"batch": 1, "accumulation": self.batch * self.accumulation})

    @property
    def report_steps(self) -> tuple[int, ...]:
        """Steps after which the trial reports: the rungs and the last step."""
        return (*self.rungs, self.steps)


class TrialConfig(BaseModel):
    """One trial, complete: the same config gives the same numbers on the same machine."""

    model_config = _FROZEN

    number: int = Field(ge=0, description="the trial's number in the study")
    attempt: int = Field(default=0, ge=0, description="how often it was started anew before")
    from_step: int = Field(default=0, ge=0, description="the last step that this attempt has reported already")
    model: ModelConfig
    data: DataConfig
    training: TrainingConfig
    adapter: AdapterConfig = AdapterConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    mixture: MixtureConfig = MixtureConfig()
    curriculum: CurriculumConfig = CurriculumConfig()
