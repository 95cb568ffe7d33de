"""One clip from its frames to what the network sees."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.preprocessing.alignment import FACE_SIZE, align_face, eye_transform, transform_points
from dualatme_keras.preprocessing.apex import SPOTTING_SIZE, expression_course, spot_apex
from dualatme_keras.preprocessing.encoding import ENCODINGS, encode_flow
from dualatme_keras.preprocessing.flow import METHODS, optical_flow
from dualatme_keras.preprocessing.head_motion import head_motion
from dualatme_keras.preprocessing.landmarks import SOURCES, Locate
from dualatme_keras.regions import boxes_from_landmarks, cut_puzzle, resize_image, tile_sizes

PUZZLES = ("frames", "flow")


@dataclasses.dataclass(frozen=True)
class PrepareSettings:
    """How clips become flow images; a network must be asked with the settings it was trained with.

    Attributes:
        landmarks: where they come from, one of `landmarks.SOURCES`.
        face_size: side of the aligned face in pixels, on which flow is computed.
        margin: what is left around the face on each side, as a fraction of `face_size`.
        flow: `tvl1` (the published method) or `dis` (faster).
        puzzle: `frames` cuts onset and apex and computes the flow of the puzzles (the paper's way); `flow`
            cuts the flow of the entire face.
        encoding: `minmax`, `joint` or `fixed`, see `encode_flow`.
        pixel_range: of `fixed`, in pixels of the aligned face.
        stabilize: take the motion of the head out of the flow.
        image_size: side of the flow images in pixels.
    """

    landmarks: str = "mtcnn"
    face_size: int = FACE_SIZE
    margin: float = 0.1
    flow: str = "tvl1"
    puzzle: str = "frames"
    encoding: str = "minmax"
    pixel_range: float = 2.0
    stabilize: bool = False
    image_size: int = 28

    def __post_init__(self):
        choices = {"landmarks": SOURCES, "flow": METHODS, "puzzle": PUZZLES, "encoding": ENCODINGS}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise DualATMEError(
                    f"Expected --{name} out of {', '.join(allowed)}. Received: {getattr(self, name)!r}."
                )
        for name, low, high in (("face_size", 32, 1024), ("image_size", 4, self.face_size)):
            if not low <= getattr(self, name) <= high:
                raise DualATMEError(
                    f"Expected --{name} from {low} to {high}. Received: {getattr(self, name)}."
                )
        if not 0.0 <= self.margin <= 0.4:
            raise DualATMEError(f"Expected --margin from 0 to 0.4. Received: {self.margin}.")
        if not self.pixel_range > 0.0:
            raise DualATMEError(f"Expected a positive --pixel_range. Received: {self.pixel_range}.")


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
        course: magnitude of the expression from the onset on (see `expression_course`), where the apex was
            spotted, otherwise empty.
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


def prepare_clip(
    frames: Sequence[int],
    read: Callable[[int], np.ndarray],
    locate: Locate,
    settings: PrepareSettings,
    apex: int | None = None,
    name: str = "",
) -> PreparedClip:
    """Prepares a clip.

    Args:
        frames: what `read` takes, from the onset to the offset or to the apex; at least two.
        read: gives a frame, RGB `(height, width, 3)`, uint8; called for one frame at a time.
        locate: finds the face in the onset frame, see `landmark_source`.
        settings: how.
        apex: which of `frames` is the apex; None spots it.
        name: of the clip, for `locate`.

    Returns:
        The images and how they came about.

    Raises:
        DualATMEError: there is no face or no motion to find, or frames differ in size.
    """
    if len(frames) < 2:
        raise DualATMEError(f"Expected at least two frames from onset to offset. Received: {len(frames)}.")
    onset_frame = read(frames[0])
    landmarks = locate(onset_frame, name)
    size = settings.face_size
    transform = eye_transform(landmarks, size, settings.margin)
    places = (transform_points(landmarks, transform) + 0.5) / size
    boxes = boxes_from_landmarks(places)

    def face_of(frame, transform=transform, size=size):
        image = onset_frame if frame == frames[0] else read(frame)
        if image.shape != onset_frame.shape:
            raise DualATMEError(
                f"Expected frames of the onset's size, {_size(onset_frame)}. "
                f"Received: frame {frame} of {_size(image)}."
            )
        return align_face(image, transform, size)

    course = np.array([])
    found = "given"
    if apex is None:
        wider = eye_transform(landmarks, SPOTTING_SIZE, settings.margin)
        faces = (to_grey(face_of(frame, wider, SPOTTING_SIZE)) for frame in frames)
        course = expression_course(faces, places)
        apex, found = frames[spot_apex(course)], "spotted"
    onset_face, apex_face = face_of(frames[0]), face_of(apex)
    flow, puzzle_flow = _flows(to_grey(onset_face), to_grey(apex_face), places, boxes, settings)
    entire, puzzled = (encode_image(field, settings) for field in (flow, puzzle_flow))
    return PreparedClip(
        onset=frames[0],
        apex=apex,
        apex_found=found,
        landmarks=landmarks,
        transform=transform,
        boxes=boxes,
        onset_face=onset_face,
        apex_face=apex_face,
        flow=flow,
        puzzle_flow=puzzle_flow,
        entire=entire,
        puzzled=puzzled,
        course=course,
    )


def to_grey(image: np.ndarray) -> np.ndarray:
    """Luminance of an RGB image, uint8 `(height, width)` (ITU-R BT.601)."""
    return np.rint(image @ np.array([0.299, 0.587, 0.114])).astype("uint8")


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


def tile_scales(boxes, size) -> np.ndarray:
    """By how much a puzzle enlarges (x, y) what each of its pixels shows: `(height, width, 2)`."""
    height, width = size
    tiles = [
        np.broadcast_to((w / ((right - left) * width), h / ((bottom - top) * height)), (h, w, 2))
        for (top, left, bottom, right), (h, w) in zip(boxes, tile_sizes(size), strict=True)
    ]
    return np.concatenate([np.concatenate(tiles[:2], axis=1), tiles[2]], axis=0)


def _size(image):
    return f"{image.shape[1]} x {image.shape[0]} pixels"
