"""One clip from its frames to what the network sees."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from dualatme_keras.geometry.puzzle import cut_puzzle, tile_scales
from dualatme_keras.geometry.regions import boxes_from_landmarks, eye_distance
from dualatme_keras.geometry.resampling import resize_image
from dualatme_keras.preprocessing.alignment import align_face, eye_transform, transform_points
from dualatme_keras.preprocessing.encoding import encode_flow
from dualatme_keras.preprocessing.flow import optical_flow
from dualatme_keras.preprocessing.head_motion import head_motion
from dualatme_keras.preprocessing.landmarks import Locate
from dualatme_keras.preprocessing.onset_apex import OnsetApex, find_onset_apex, to_grey
from dualatme_keras.preprocessing.settings import PrepareSettings


@dataclasses.dataclass(frozen=True)
class PreparedClip:
    """A clip on its way to the network; images are uint8.

    Attributes:
        onset, apex: indices of the two frames.
        apex_found: `given` or `spotted`.
        landmarks: `(5, 2)` of the onset frame, in its pixels.
        transform: `(2, 3)`, from the frame to the aligned face.
        boxes: HARS boxes `(3, 4)` in fractions of the aligned face.
        onset_face, apex_face: aligned, `(face_size, face_size, 3)`, RGB.
        flow, puzzle_flow: `(face_size, face_size, 2)`, pixels of the aligned face, float32.
        entire, puzzled: flow images `(image_size, image_size, 3)`.
        course: motion since the onset in each frame, in per cent of the distance between the eyes (see
            `motion_size`), where the apex was spotted, otherwise empty.
        doubts: what speaks against the face, in words (see `face.Face`); empty where nothing does.
    """

    onset: int
    apex: int
    apex_found: str
    landmarks: np.ndarray
    transform: np.ndarray
    boxes: np.ndarray
    onset_face: np.ndarray
    apex_face: np.ndarray
    flow: np.ndarray
    puzzle_flow: np.ndarray
    entire: np.ndarray
    puzzled: np.ndarray
    course: np.ndarray
    doubts: tuple[str, ...] = ()

    @property
    def eye_distance(self) -> float:
        """Distance between the eyes in pixels of the aligned face."""
        return float(eye_distance(transform_points(self.landmarks, self.transform)))

    @property
    def puzzle_face(self) -> np.ndarray:
        """The puzzle of the onset's regions, `(face_size, face_size, 3)`, uint8."""
        return np.rint(cut_puzzle(self.onset_face.astype("float32"), self.boxes)).astype("uint8")


def prepare_clip(
    frames: Sequence[int],
    read: Callable[[int], np.ndarray],
    locate: Locate,
    settings: PrepareSettings,
    apex: int | None = None,
    name: str = "",
) -> PreparedClip:
    """Prepares a clip: `find_onset_apex`, then `prepare_onset_apex`.

    Args:
        frames, read, locate, apex, name: see `find_onset_apex`.
        settings: how.

    Returns:
        The images and how they came about.

    Raises:
        DualATMEError: there is no face, or frames differ in size.
    """
    return prepare_onset_apex(find_onset_apex(frames, read, locate, settings.margin, apex, name), settings)


def prepare_onset_apex(onset_apex: OnsetApex, settings: PrepareSettings) -> PreparedClip:
    """Aligns onset and apex, measures the flow between them and between their puzzles, and encodes both.

    Raises:
        DualATMEError: landmarks of no upright face.
    """
    size = settings.face_size
    transform = eye_transform(onset_apex.landmarks, size, settings.margin)
    places = (transform_points(onset_apex.landmarks, transform) + 0.5) / size
    boxes = boxes_from_landmarks(places)
    onset_face, apex_face = (
        align_face(frame, transform, size) for frame in (onset_apex.onset_frame, onset_apex.apex_frame)
    )
    flow, puzzle_flow = _flows(to_grey(onset_face), to_grey(apex_face), places, boxes, settings)
    entire, puzzled = (encode_image(field, settings) for field in (flow, puzzle_flow))
    return PreparedClip(
        onset=onset_apex.onset,
        apex=onset_apex.apex,
        apex_found=onset_apex.apex_found,
        landmarks=onset_apex.landmarks,
        transform=transform,
        boxes=boxes,
        onset_face=onset_face,
        apex_face=apex_face,
        flow=flow,
        puzzle_flow=puzzle_flow,
        entire=entire,
        puzzled=puzzled,
        course=onset_apex.course,
        doubts=onset_apex.doubts,
    )


def encode_image(flow: np.ndarray, settings: PrepareSettings) -> np.ndarray:
    """A flow field of the aligned face as the image that the network takes."""
    size = settings.image_size
    return encode_flow(resize_image(flow, (size, size)), settings.encoding, settings.pixel_range)


def _flows(onset, apex, landmarks, boxes, settings):
    """Flow of the entire face and of the puzzle."""
    flow = optical_flow(onset, apex, settings.flow)
    head = head_motion(flow, landmarks) if settings.stabilize else np.zeros_like(flow)
    still = (flow - head).astype("float32")
    if settings.puzzle == "flow":
        return still, cut_puzzle(still, boxes)
    pair = [cut_puzzle(frame[..., np.newaxis].astype("float32"), boxes)[..., 0] for frame in (onset, apex)]
    if not settings.stabilize:
        return still, optical_flow(*pair, settings.flow)
    # The head moves each tile as it moves the region that the tile shows, enlarged as much.
    puzzle_head = cut_puzzle(head, boxes) * tile_scales(boxes, onset.shape)
    return still, (optical_flow(*pair, settings.flow) - puzzle_head).astype("float32")
