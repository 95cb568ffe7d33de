"""An export answers about the same frames as the run that it was made from."""

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.preprocessing import PrepareSettings, align_face, eye_transform
from dualatme_keras.recognition import Recognizer, RemoteRecognizer
from dualatme_keras.synthetic.databases import synthetic_clips


class Export:
    """Answers as an export, and has its settings."""

    def __init__(self, settings, label="positive"):
        self.settings, self.label = settings, label

    def predict(self, inputs, signature):
        return {"probabilities": np.array([[0.2, 0.5, 0.3]], "float32"), "label": np.array([self.label])}


def test_an_export_spots_the_apex_of_its_run(run):
    """In faces cut with its margin, found as it finds them: this clip has another apex with margin 0.1."""
    recording = next(recording for _record, recording in synthetic_clips("smic", 6, 1, 1, 160))
    timing = recording.timing
    transform = eye_transform(recording.landmarks(timing.onset), 160, 0.0)
    numbers = range(timing.onset, timing.offset + 1)
    frames = np.stack([align_face(recording.frame(number), transform, 160) for number in numbers])
    settings = PrepareSettings(landmarks="template", face_size=64, flow="dis", margin=0.3)
    mine = Recognizer(run[0] / "final" / "model.keras", settings).recognize(frames)
    assert RemoteRecognizer(Export(None), "template").recognize(frames).apex != mine.apex
    for served in (RemoteRecognizer(Export(settings)), RemoteRecognizer(Export(None), settings=settings)):
        found = served.recognize(frames)
        assert (found.apex, found.motion) == (mine.apex, mine.motion)
        np.testing.assert_array_equal(found.onset_apex.landmarks, mine.onset_apex.landmarks)


@pytest.mark.parametrize(("classes", "label"), [(3, "surprise"), (2, "positive")])
def test_a_network_of_other_classes_is_refused(classes, label):
    """A server does not tell its classes, but calls its answer by one."""
    client = Export(None, label)
    if classes == 2:
        client.class_names = ("negative", "positive")
    frames = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), "uint8")
    with pytest.raises(DualATMEError, match=f"of the classes negative.*tells 3, '{label}' among them"):
        RemoteRecognizer(client, "template").recognize(frames)


def test_images_with_landmarks_of_a_file_need_a_detector_for_clips():
    export = Export(PrepareSettings(landmarks="file"))
    with pytest.raises(DualATMEError, match="`landmarks='file'`, a table of their own.*`landmarks='mtcnn'`"):
        RemoteRecognizer(export)
    RemoteRecognizer(export, landmarks="template")
