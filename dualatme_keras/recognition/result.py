"""The answer for a clip, with all that led to it."""

import bisect
import dataclasses
from collections.abc import Sequence

import numpy as np

from dualatme_keras.megc2019 import CLASS_NAMES, NO_EXPRESSION
from dualatme_keras.preprocessing import LARGE_MOTION, LITTLE_MOTION, OnsetApex, PreparedClip, SpottingCourse

_AFTER_CLASSES = (
    "action_units",
    "similarity",
    "agreement",
    "motion",
    "onset",
    "apex",
    "offset",
    "onset_seconds",
    "apex_seconds",
    "offset_seconds",
    "apex_found",
    "doubts",
    "picture",
    "error",
)

TOLD_FROM = 0.5
"""Probability from which an action unit is told on a side."""

EXPRESSION_FROM = 0.65
"""Probability that the likeliest action unit of an expression has at least. A compromise:
`benchmarks/reliability.py` says how many clips with and without an expression reach it."""


def table_columns(class_names: Sequence[str]) -> tuple[str, ...]:
    """Columns of the table that dualatme-predict writes."""
    return ("clip", "label", *(f"p_{name}" for name in class_names), *_AFTER_CLASSES)


@dataclasses.dataclass(frozen=True)
class Recognition:
    """The answer for a clip.

    Attributes:
        name: of the clip.
        probabilities: of each class, by name; mean of the networks.
        similarity: cosine between the features of the two branches, in [-1, 1], mean of the networks; None
            for a network of a single branch.
        members: probabilities of each network, `(networks, classes)`, float32.
        onset_apex: onset and apex frame, their numbers, the face in the onset frame, and doubts about it.
        clip: aligned faces, HARS boxes, flow in pixels and as the images that the networks saw; None where a
            server prepared them.
        attention: spatial attention of CBAM over the aligned face, `(height, width)` in (0, 1), mean of the
            networks; None for networks without it.
        action_units: probability of each action unit on the image-left and the image-right side (of somebody
            who looks into the camera the right and the left one), by its FACS number, mean of the networks;
            empty for networks that tell none.
        offset: last frame of the expression, where it was spotted in a longer video or given.
        motion: how far the part of the face that moves most has moved from onset to apex, in per cent of the
            distance between the eyes (see `preprocessing.expression_motion`).
        onset_seconds, apex_seconds, offset_seconds: when these frames are, in seconds since the first frame;
            None where the frame rate is not known.
    """

    name: str
    probabilities: dict[str, float]
    similarity: float | None
    members: np.ndarray
    onset_apex: OnsetApex
    clip: PreparedClip | None = None
    attention: np.ndarray | None = None
    action_units: dict[int, tuple[float, float]] = dataclasses.field(default_factory=dict)
    offset: int | None = None
    motion: float | None = None
    onset_seconds: float | None = None
    apex_seconds: float | None = None
    offset_seconds: float | None = None

    @classmethod
    def of_members(
        cls,
        members: np.ndarray,
        similarity: np.ndarray | None,
        class_names: Sequence[str] = CLASS_NAMES,
        **others,
    ) -> "Recognition":
        """The mean answer of networks: probabilities `(networks, classes)`, similarities `(networks,)`."""
        mean = members.mean(axis=0)
        return cls(
            probabilities={name: float(value) for name, value in zip(class_names, mean, strict=True)},
            similarity=None if similarity is None else float(np.mean(similarity)),
            members=members,
            **others,
        )

    def without_frames(self) -> "Recognition":
        """The same answer for a list of many: without onset and apex frame, which have no pixels then.

        Of an answer of a server, which has no aligned faces, the apex frame stays.
        """
        empty = np.zeros((0, 0, 3), "uint8")
        apex = {} if self.clip is None else {"apex_frame": empty}
        return dataclasses.replace(
            self, onset_apex=dataclasses.replace(self.onset_apex, onset_frame=empty, **apex)
        )

    @property
    def onset(self) -> int:
        """Number of the onset frame."""
        return self.onset_apex.onset

    @property
    def apex(self) -> int:
        """Number of the apex frame."""
        return self.onset_apex.apex

    @property
    def boxes(self) -> np.ndarray | None:
        """HARS boxes `(3, 4)` in fractions of the aligned face; None where a server cut them."""
        return None if self.clip is None else self.clip.boxes

    @property
    def label(self) -> str:
        """The most probable class, one of the network's `class_names`; or `NO_EXPRESSION`.

        A network that tells action units does not guess a feeling where it is sure of none of them (see
        `EXPRESSION_FROM`), or where there is less motion than a still face can have.
        """
        if self.action_units and (self._little or not self._sure):
            return NO_EXPRESSION
        return list(self.probabilities)[self.class_id]

    @property
    def _little(self):
        return self.motion is not None and self.motion < LITTLE_MOTION

    @property
    def _sure(self):
        return max(map(max, self.action_units.values())) >= EXPRESSION_FROM

    @property
    def shown_units(self) -> tuple[int, ...]:
        """Action units with a probability of `TOLD_FROM` and more on one side at least."""
        return tuple(unit for unit, sides in self.action_units.items() if max(sides) >= TOLD_FROM)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What speaks against the answer, in words; empty where nothing does.

        The network sees flow scaled by its own extremes where the run's `encoding` is `minmax`, so it has an
        answer for noise too: motion tells how much there was.
        """
        doubts = list(self.onset_apex.doubts)
        if self._little:
            doubts.append(f"little motion: below {LITTLE_MOTION:g} it can be noise")
        if self.motion is not None and self.motion > LARGE_MOTION:
            doubts.append(f"much motion: above {LARGE_MOTION:g} it is no micro-expression, or the head moved")
        if self.action_units and not self._sure:
            doubts.append("no sure action unit: the motion can be the head's, a blink, or noise")
        return tuple(doubts)

    @property
    def class_id(self) -> int:
        """Index of the most probable class."""
        return int(np.argmax(list(self.probabilities.values())))

    @property
    def agreement(self) -> float:
        """Share of the networks whose most probable class alone is this one."""
        return float(np.mean(self.members.argmax(axis=1) == self.class_id))

    def row(self) -> dict:
        """The answer as a row of `table_columns`."""
        return {
            "clip": self.name,
            "label": self.label,
            **{f"p_{name}": f"{value:.4f}" for name, value in self.probabilities.items()},
            "action_units": units_in_words(self),
            "similarity": "" if self.similarity is None else f"{self.similarity:.4f}",
            "agreement": f"{self.agreement:.2f}",
            "motion": "" if self.motion is None else f"{self.motion:.2f}",
            **_times(self),
            "apex_found": self.onset_apex.apex_found,
            "doubts": "; ".join(self.doubts),
            "picture": "",
            "error": "",
        }


def units_by_number(
    numbers: Sequence[int], probabilities: np.ndarray | None
) -> dict[int, tuple[float, float]]:
    """Action units as a `Recognition` has them, of a batch of one clip, `(1, units, 2)`, or of none."""
    if probabilities is None:
        return {}
    return {
        int(number): (float(left), float(right))
        for number, (left, right) in zip(numbers, probabilities[0], strict=True)
    }


def units_in_words(recognition: Recognition) -> str:
    """The units shown, as FACS writes them: `1+2+R12`, where a unit on one side has L or R before it.

    L and R are the sides of somebody who looks into the camera.
    """
    words = []
    for unit in recognition.shown_units:
        image_left, image_right = (side >= TOLD_FROM for side in recognition.action_units[unit])
        words.append(f"{'' if image_left and image_right else 'R' if image_left else 'L'}{unit}")
    return "+".join(words)


@dataclasses.dataclass(frozen=True)
class LostExpression:
    """An expression found in a longer video that could not be answered.

    Attributes:
        onset, apex, offset: numbers of frames.
        reason: why there is no answer.
        onset_seconds, apex_seconds, offset_seconds: as of a `Recognition`.
    """

    onset: int
    apex: int
    offset: int
    reason: str
    onset_seconds: float
    apex_seconds: float
    offset_seconds: float

    def row(self) -> dict:
        """The expression as a row of `table_columns`, without an answer."""
        return (
            dict.fromkeys(table_columns(()), "")
            | _times(self)
            | {"apex_found": "spotted", "error": self.reason}
        )


def _times(expression):
    frames = {name: getattr(expression, name) for name in ("onset", "apex", "offset")}
    seconds = {f"{name}_seconds": getattr(expression, f"{name}_seconds") for name in frames}
    return {
        **{name: "" if number is None else number for name, number in frames.items()},
        **{name: "" if value is None else f"{value:.3f}" for name, value in seconds.items()},
    }


@dataclasses.dataclass(frozen=True)
class SpottedVideo:
    """Expressions found in a longer video.

    Attributes:
        name: of the video.
        recognitions: one for each interval, in the order of time.
        course: the motion that comes and goes, over time, see `preprocessing.spot_intervals`.
        frames_per_second: of the video.
        lost: intervals that could not be answered, in the order of time.
        numbers: of all frames of the video.
    """

    name: str
    recognitions: list[Recognition]
    course: SpottingCourse
    frames_per_second: float
    lost: tuple[LostExpression, ...]
    numbers: tuple[int, ...]

    def seconds(self, number: int) -> float:
        """When a frame is, in seconds since the first one."""
        return bisect.bisect_left(self.numbers, number) / self.frames_per_second
