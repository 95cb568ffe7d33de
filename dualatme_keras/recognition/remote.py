"""Clips recognised by a server: face and apex are found here, all else in the server's graph."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import CLASS_NAMES
from dualatme_keras.preprocessing import OnsetApex, PrepareSettings
from dualatme_keras.recognition.clip_recognizer import ClipRecognizer, face_source, identity_of_faces
from dualatme_keras.recognition.result import Recognition, units_by_number
from dualatme_keras.video import image_file

_MARGIN = 0.1
"""Around the faces in which the apex is spotted, where nobody says how the network's images were prepared."""


class PredictClient(Protocol):
    """What asks a server; `serving.Client` does.

    It may have `settings`, the `PrepareSettings` of the network's images, and the network's `class_names`, as
    `serving.LocalExport` does, and the `digest` of all that decides its answers.
    """

    def predict(self, inputs: Mapping, signature: str) -> dict[str, np.ndarray]:
        """Answers of a signature, by name."""


def _check_classes(answer, class_names):
    """Raises `DualATMEError` where the network has other classes than those that its numbers would get."""
    probabilities, label = answer["probabilities"][0], str(answer["label"][0])
    if len(probabilities) != len(class_names) or label != class_names[int(probabilities.argmax())]:
        raise DualATMEError(
            f"Expected a network of the classes {', '.join(class_names)}. Received: one that tells "
            f"{len(probabilities)}, {label!r} among them. A `serving.LocalExport`, "
            "`export` of dualatme-predict, tells its own."
        )


class RemoteRecognizer(ClipRecognizer):
    """Tells the micro-expression of a clip by asking an exported network's signature `serve_frames`.

    An answer has neither flow nor boxes, which stay on the server.

    Args:
        client: a `serving.Client` or `serving.LocalExport`.
        landmarks: where faces are found, see `preprocessing.landmark_source`; as in the settings by default,
            and where there are none by MTCNN.
        landmarks_file: the `.task` model of `mediapipe`, or the table of `file`.
        face: which of several faces is taken, see `preprocessing.landmark_source`.
        settings: how the network's images were prepared (an export has them in `assets/prepare.json`), so
            that the apex is spotted in faces cut as theirs; the client's by default.
    """

    def __init__(
        self,
        client: PredictClient,
        landmarks: str | None = None,
        landmarks_file: str | os.PathLike | None = None,
        face: str = "largest",
        settings: PrepareSettings | None = None,
    ):
        settings = settings or getattr(client, "settings", None)
        locate = face_source(settings, "the export", landmarks, landmarks_file, face)
        class_names = getattr(client, "class_names", CLASS_NAMES)
        super().__init__(locate, settings.margin if settings else _MARGIN, class_names)
        self._client = client
        self._faces = identity_of_faces(landmarks, landmarks_file, face)
        self._settings = settings and dataclasses.asdict(settings)

    def __len__(self):
        """Number of networks."""
        return 1

    def identity(self) -> dict | None:
        digest = getattr(self._client, "digest", None)
        return digest and {"export": digest, "settings": self._settings, "faces": self._faces}

    def recognize_onset_apex(
        self, onset_apex: OnsetApex, name: str, offset: int | None = None
    ) -> Recognition:
        answer = self._client.predict(
            {
                "onset_bytes": [image_file(onset_apex.onset_frame, compress_level=1)],
                "apex_bytes": [image_file(onset_apex.apex_frame, compress_level=1)],
                "landmarks": onset_apex.landmarks[np.newaxis].astype("float32"),
            },
            signature="serve_frames",
        )
        _check_classes(answer, self.class_names)
        return Recognition.of_members(
            answer["probabilities"],
            answer.get("similarity"),
            self.class_names,
            action_units=units_by_number(
                answer.get("action_unit_numbers", [()])[0], answer.get("action_units")
            ),
            name=name,
            onset_apex=onset_apex,
            offset=offset,
        )
