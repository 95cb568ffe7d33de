"""What to prepare: one frozen record of a database on disk and how to treat it."""

import dataclasses

from dualatme_keras.data.names import fault_of_database
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import CLASS_NAMES, check_class_names
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.workers import check_workers

DATASETS = ("casme2", "samm", "smic", "folder")


@dataclasses.dataclass(frozen=True)
class PrepareConfig(PrepareSettings):
    """Settings of `dualatme-prepare`: those of `PrepareSettings`, and these.

    Attributes:
        dataset: one of `DATASETS`.
        database: name of the database that clips of `folder` are of; None: see `databases.read_folder`.
        class_names: of the labels 0, 1, ... of `folder`.
        root: folder of the frames.
        annotations: the database's annotation file.
        ground_truth: the organisers' list; which clips take part, and their labels. None: by the emotion.
        output: folder of flow images, lists and manifest; several databases share one.
        landmarks_file: the `.task` model of `mediapipe`, or the table of `file`.
        face: which of several faces is taken, see `preprocessing.landmark_source`.
        keep_flow: also write the flow fields, `flow_raw/NAME.npz`, float16.
        workers: clips side by side, each in a process of its own with one thread; `auto` measures the first
            two clips and takes as many processes as pay, and as processors and memory allow. The files are
            the same.
        executor: `processes` of this machine, or `ray`: the machines of a Ray cluster, which find `root`
            under the same path; this one writes.
        ray_address: of the cluster, see `workers.RayExecutor`.
        subjects: only these; empty for all.
    """

    dataset: str = "casme2"
    database: str | None = None
    class_names: tuple[str, ...] = CLASS_NAMES
    root: str | None = None
    annotations: str | None = None
    ground_truth: str | None = None
    output: str = "data"
    landmarks_file: str | None = None
    face: str = "largest"
    keep_flow: bool = False
    workers: int | str = "auto"
    executor: str = "processes"
    ray_address: str = "auto"
    subjects: tuple[str, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        if self.dataset not in DATASETS:
            raise DualATMEError(
                f"Expected `dataset` out of {', '.join(DATASETS)}. Received: {self.dataset!r}."
            )
        if self.database is not None and self.dataset != "folder":
            raise DualATMEError(
                f"Expected `database` with `dataset='folder'` only. Received: {self.database!r} for "
                f"{self.dataset}, whose name is its own."
            )
        if self.database is not None and (fault := fault_of_database(self.database)):
            raise DualATMEError(
                "Expected `database` to be one word that a file can be called. "
                f"Received: {self.database!r}, which {fault}."
            )
        if self.class_names != CLASS_NAMES and self.dataset != "folder":
            raise DualATMEError(
                f"Expected `class_names` with `dataset='folder'` only. Received: {self.class_names!r} for "
                f"{self.dataset}, whose clips have those of MEGC2019."
            )
        check_class_names(self.class_names, self.ground_truth)
        check_workers(self.workers, self.executor, self.ray_address)
        if self.dataset in ("casme2", "samm") and self.annotations is None:
            raise DualATMEError(f"Expected `annotations` for {self.dataset}. Received: none.")

    @property
    def settings(self) -> PrepareSettings:
        """The settings that decide what the images look like."""
        names = [field.name for field in dataclasses.fields(PrepareSettings)]
        return PrepareSettings(**{name: getattr(self, name) for name in names})
