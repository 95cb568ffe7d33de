"""A real photograph (scikit-image's astronaut) with known expressions: face, boxes and flow are right."""

import cv2
import numpy as np
import pytest
from skimage import data

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.regions import TEMPLATE_LANDMARKS
from dualatme_keras.preprocessing import (
    Face,
    PrepareSettings,
    landmark_source,
    prepare_clip,
    transform_points,
)
from dualatme_keras.synthetic.muscles import action_unit_flow, pixel_grid
from dualatme_keras.synthetic.warping import backward_map

MARKED = np.array([(203.1, 100.9), (247.3, 103.5), (225.0, 126.9), (204.0, 140.6), (243.5, 141.5)])
"""Eyes, nose and corners of the mouth, set by hand."""

SETTINGS = PrepareSettings()


@pytest.fixture(scope="module")
def photograph():
    return data.astronaut()


@pytest.fixture(scope="module")
def landmarks(photograph):
    return landmark_source("mtcnn")(photograph, "astronaut").landmarks


def test_mtcnn_finds_the_face(landmarks):
    between_eyes = np.linalg.norm(MARKED[1] - MARKED[0])
    assert np.linalg.norm(landmarks - MARKED, axis=1).max() < 0.15 * between_eyes


def test_a_head_on_its_side_is_refused(photograph):
    """MTCNN is 98% sure of an upright face where eyes and mouth of this one are not."""
    turn = cv2.getRotationMatrix2D((225, 120), -90, 1.0)
    turn[:, 2] += (256 - 225, 256 - 120)
    frame = cv2.warpAffine(photograph, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    with pytest.raises(DualATMEError, match="upright once it is turned by 90 degrees counterclockwise"):
        landmark_source("mtcnn")(frame, "astronaut")


@pytest.mark.parametrize("units", [(12,), (4,), (1, 2), (15, 17)])
def test_flow_of_known_expressions(units, photograph, landmarks):
    size, inner = SETTINGS.face_size, (1 - 2 * SETTINGS.margin) * SETTINGS.face_size
    grid = pixel_grid(size, zoom=1 - 2 * SETTINGS.margin)
    aligned = sum(action_unit_flow(unit, grid=grid) for unit in units) * 1.5 * inner / 112  # pixels
    clip = prepare_clip([0, 1], lambda n: photograph, lambda frame, name: Face(landmarks), SETTINGS, apex=1)
    assert np.abs(clip.flow).max() < 1e-3
    # The same motion in the photograph: looked up where each of its pixels lies on the aligned face.
    inverse = cv2.invertAffineTransform(clip.transform)
    height, width = photograph.shape[:2]
    motion = cv2.warpAffine(aligned, inverse, (width, height), flags=cv2.INTER_LINEAR)
    motion = motion @ inverse[:, :2].T
    moved = cv2.remap(photograph, *backward_map(motion), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    frames = [photograph, moved]
    clip = prepare_clip([0, 1], lambda n: frames[n], lambda frame, name: Face(landmarks), SETTINGS, apex=1)
    error = np.linalg.norm(clip.flow - aligned, axis=-1)
    assert error.mean() < 0.25
    # TV-L1 smooths what moves on even skin; a third of the motion and its direction come through at least.
    moving = np.linalg.norm(aligned, axis=-1) > 0.5
    found, true = clip.flow[moving], aligned[moving]
    along = (found * true).sum(axis=-1) / np.linalg.norm(true, axis=-1)
    assert along.mean() > 0.3 * np.linalg.norm(true, axis=-1).mean()
    assert np.median(along / np.linalg.norm(found, axis=-1)) > 0.9


def test_boxes_hold_brows_and_mouth(photograph, landmarks):
    clip = prepare_clip([0, 1], lambda n: photograph, lambda frame, name: Face(landmarks), SETTINGS, apex=1)
    places = (transform_points(MARKED, clip.transform) + 0.5) / SETTINGS.face_size
    expected = TEMPLATE_LANDMARKS[:2] * (1 - 2 * SETTINGS.margin) + SETTINGS.margin
    np.testing.assert_allclose(places[:2], expected, atol=0.04)
    for box, (x, y) in zip(clip.boxes[[0, 1, 2, 2]], places[[0, 1, 3, 4]], strict=True):
        assert box[0] < y < box[2]
        assert box[1] < x < box[3]
    brows = (transform_points([(201.3, 88.8), (251.3, 92.8)], clip.transform) + 0.5) / SETTINGS.face_size
    for box, (x, y) in zip(clip.boxes[:2], brows, strict=True):
        assert box[0] < y < box[2]
        assert box[1] < x < box[3]
