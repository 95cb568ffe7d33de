"""Clips recognised on this machine: the preparation that a run was trained with, then its networks."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from dualatme_keras.choices import PRESETS, preset_weights, presets_with_weights
from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.resampling import resize_image
from dualatme_keras.models import Ensemble
from dualatme_keras.preprocessing import OnsetApex, PrepareSettings, prepare_onset_apex
from dualatme_keras.recognition.clip_recognizer import ClipRecognizer, face_source, identity_of_faces
from dualatme_keras.recognition.result import Recognition, units_by_number
from dualatme_keras.runs import read_run


class Recognizer(ClipRecognizer):
    """Tells the micro-expression of a clip.

    Clips are prepared with the settings of the images that the networks were trained on, which runs and
    `.keras` files store; other settings are refused.

    Args:
        weights_or_run: name of a preset that comes with weights, folder of a run, folder of several seeds, or
            a file of weights (`.keras`, `.pth`); or several of these, which answer together. Defaults to
            `"facs"`, whose weights come with this package and have seen no database.
        settings: how to prepare clips, where the run or file does not say.
        networks: of a run: `final` (trained on all clips), `folds` (all of them together), or `auto`, the
            first where there is one.
        landmarks: where faces are found, see `landmark_source`; as in the settings by default.
        landmarks_file: the `.task` model of `mediapipe`, or the table of `file`.
        face: which of several faces is taken, see `landmark_source`.
        unfinished: also take the folds of a run of which not all are finished, see `read_run`.

    Raises:
        DualATMEError: no network, a run that is not finished, networks of unequal architecture or settings,
            or settings that are missing or not the run's.

    Example:

    >>> answer = Recognizer().recognize("clip.mp4")
    >>> answer.label, answer.shown_units
    ('positive', (6, 12))
    """

    def __init__(
        self,
        weights_or_run: str | os.PathLike | Sequence[str | os.PathLike] = "facs",
        settings: PrepareSettings | None = None,
        networks: str = "auto",
        landmarks: str | None = None,
        landmarks_file: str | os.PathLike | None = None,
        face: str = "largest",
        unfinished: bool = False,
    ):
        paths = [weights_or_run] if isinstance(weights_or_run, (str, os.PathLike)) else weights_or_run
        if not paths:
            raise DualATMEError("Expected a run or a file of weights. Received: none.")
        runs = [read_run(path, networks, unfinished) for path in paths]
        if unfinished and all(run.path.is_file() for run in runs):
            raise DualATMEError(
                f"Expected a run with `unfinished=True`. Received: {runs[0].path.name}, a file of one "
                "network. Leave it out."
            )
        self.settings = runs[0].settings_for(settings)
        for run in runs[1:]:
            run.settings_for(self.settings)
        locate = face_source(self.settings, str(runs[0].path), landmarks, landmarks_file, face)
        self._faces = identity_of_faces(landmarks, landmarks_file, face)
        self._ensemble = Ensemble([file for run in runs for file in run.networks])
        super().__init__(locate, self.settings.margin, self._ensemble.class_names)

    @classmethod
    def from_preset(cls, preset: str | os.PathLike, **arguments) -> "Recognizer":
        """A recognizer by the name of a preset, or by a run or file as `Recognizer` takes it.

        Give the path of a folder that has the name of a preset as `./paper`.

        Args:
            preset: name of a preset that comes with weights, folder of a run, or file of weights.
            **arguments: further arguments of `Recognizer`.

        Raises:
            DualATMEError: a preset without weights, or as `Recognizer`.
        """
        if isinstance(preset, str) and preset in PRESETS and not preset_weights(preset):
            raise DualATMEError(
                f"Expected a preset that comes with weights: {', '.join(presets_with_weights())}. Received: "
                f"{preset!r}. Train "
                f"the network (dualatme-train --preset={preset} --final_model) and give the run's folder, "
                "or a file of weights."
            )
        return cls(preset, **arguments)

    def __len__(self):
        """Number of networks."""
        return len(self._ensemble)

    @property
    def nbytes(self) -> int:
        """What the networks' weights take in memory."""
        return self._ensemble.nbytes

    def identity(self) -> dict:
        settings = dataclasses.asdict(self.settings)
        return {"networks": self._ensemble.digest(), "settings": settings, "faces": self._faces}

    def recognize_onset_apex(
        self, onset_apex: OnsetApex, name: str, offset: int | None = None
    ) -> Recognition:
        clip = prepare_onset_apex(onset_apex, self.settings)
        size = (self._ensemble.image_size,) * 2
        images = {
            key: (resize_image(image / 127.5 - 1.0, size)[np.newaxis]).astype("float32")
            for key, image in (("entire", clip.entire), ("puzzled", clip.puzzled))
        }
        answers = self._ensemble.predict(images)
        similarity, attention = answers.similarity, answers.attention
        return Recognition.of_members(
            answers.probabilities[:, 0],
            None if similarity is None else similarity[:, 0],
            self.class_names,
            name=name,
            onset_apex=onset_apex,
            clip=clip,
            attention=None if attention is None else attention[0],
            action_units=units_by_number(self._ensemble.action_units, answers.action_units),
            offset=offset,
        )
