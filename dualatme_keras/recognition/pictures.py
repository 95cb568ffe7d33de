"""Single pictures of an answer, for pages that arrange them: faces, flow, strain, attention, muscles.

`figures.clip_figure` is one picture of all.
"""

from typing import TYPE_CHECKING

import numpy as np

from dualatme_keras.choices import ACTION_UNITS
from dualatme_keras.plots.flow import flow_colours
from dualatme_keras.plots.style import ACCENT, INK, MUTED, PALE, REGION_COLOURS
from dualatme_keras.preprocessing import optical_strain, to_grey
from dualatme_keras.recognition.result import TOLD_FROM
from dualatme_keras.synthetic.muscles import ACTION_UNITS as MUSCLES
from dualatme_keras.synthetic.muscles import LANDMARKS
from dualatme_keras.synthetic.warping import backward_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE_SIDE = 336
"""Side of pictures of a face in pixels."""

_LARGEST_SHARE = 0.995
"""Share of the pixels whose motion or strain has its full colour at most."""

_ARROWS = 14
"""Arrows side by side."""

_SMOOTHING = 2.0
"""Standard deviation, in pixels of the aligned face, by which flow is smoothed before a face is moved by
multiples of it: the noise of an estimate would tear the face."""


def largest_motion(flow: np.ndarray) -> float:
    """Length that nearly all of a flow field `(height, width, 2)` has at most, in its unit."""
    return max(float(np.quantile(np.linalg.norm(flow, axis=-1), _LARGEST_SHARE)), 1e-3)


def regions_picture(face: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """An aligned face with its HARS boxes.

    Args:
        face: `(size, size, 3)`, uint8.
        boxes: `(3, 4)` in fractions of the face.

    Returns:
        `(PICTURE_SIDE, PICTURE_SIDE, 3)`, uint8.
    """
    import cv2
    from matplotlib.colors import to_rgb

    picture = enlarged(face)
    for (top, left, bottom, right), colour in zip(boxes * PICTURE_SIDE, REGION_COLOURS, strict=True):
        corners = (round(left), round(top)), (round(right), round(bottom))
        cv2.rectangle(picture, *corners, [255 * part for part in to_rgb(colour)], 2, cv2.LINE_AA)
    return picture


def colour_picture(flow: np.ndarray) -> np.ndarray:
    """A flow field `(size, size, 2)` as a colour wheel, `(PICTURE_SIDE, PICTURE_SIDE, 3)`, uint8."""
    return enlarged(_bytes(flow_colours(flow, largest_motion(flow))))


def wheel_picture(side: int = 240) -> np.ndarray:
    """What the colours of `colour_picture` mean: each direction around a disc, `(side, side, 3)`, uint8."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    flow = np.stack([x, y], axis=-1)
    return _bytes(flow_colours(flow * (np.hypot(x, y) <= 1.0)[..., None], 1.0))


def arrows_picture(face: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """A flow field as arrows over its pale picture, the longest as long as they are apart.

    Args:
        face: `(size, size, 3)` or `(size, size)`, uint8.
        flow: `(size, size, 2)`, right and down.

    Returns:
        `(PICTURE_SIDE, PICTURE_SIDE, 3)`, uint8.
    """
    import cv2

    picture = enlarged(_bytes(0.55 + 0.45 * _grey(face) / 255.0))
    cell = PICTURE_SIDE / _ARROWS
    mean = cv2.resize(np.asarray(flow, "float32"), (_ARROWS, _ARROWS), interpolation=cv2.INTER_AREA)
    ends = cell * np.clip(mean / largest_motion(mean), -1.5, 1.5)
    for row, column in np.ndindex(_ARROWS, _ARROWS):
        start = np.array([column + 0.5, row + 0.5]) * cell - 0.5
        if np.hypot(*ends[row, column]) >= 0.08 * cell:
            _draw_arrow(picture, start, start + ends[row, column])
    return picture


def _draw_arrow(picture, start, end):
    import cv2
    from matplotlib.colors import to_rgb

    fine = 4  # bits behind the point
    points = [tuple(round(value * 2**fine) for value in point) for point in (start, end)]
    colour = [255 * part for part in to_rgb(ACCENT)]
    cv2.arrowedLine(picture, *points, colour, 2, cv2.LINE_AA, shift=fine, tipLength=0.35)


def strain_picture(flow: np.ndarray) -> np.ndarray:
    """How much each point of a flow field `(size, size, 2)` is stretched, uint8 as `colour_picture`.

    The brightest is the strongest strain of this field: dark is none.
    """
    import matplotlib

    strain = optical_strain(flow)
    most = max(float(np.quantile(strain, _LARGEST_SHARE)), 1e-6)
    return enlarged(_bytes(matplotlib.colormaps["inferno"](np.clip(strain / most, 0, 1))[..., :3]))


def attention_picture(face: np.ndarray, attention: np.ndarray) -> np.ndarray:
    """The spatial attention of one clip over its face in grey; bright and warm is where the network looks.

    Args:
        face: `(size, size, 3)`, uint8.
        attention: `(height, width)`; its extremes are the darkest and the brightest.

    Returns:
        `(PICTURE_SIDE, PICTURE_SIDE, 3)`, uint8.
    """
    import cv2
    import matplotlib

    low, high = float(attention.min()), float(attention.max())
    share = (np.asarray(attention, "float32") - low) / max(high - low, 1e-6)
    share = np.clip(cv2.resize(share, (PICTURE_SIDE,) * 2, interpolation=cv2.INTER_CUBIC), 0.0, 1.0)
    grey = enlarged(_bytes(_grey(face) / 255.0)) / 255.0
    return _bytes(0.45 * grey + 0.55 * matplotlib.colormaps["inferno"](share)[..., :3])


def magnified_face(face: np.ndarray, flow: np.ndarray, factor: float) -> np.ndarray:
    """The apex as if the face had moved further: warped along the flow.

    Args:
        face: of the apex, `(size, size, 3)`, uint8.
        flow: from the onset, `(size, size, 2)`, pixels.
        factor: how many times the motion is shown; 1 is the apex as it is, 0 nearly the onset.

    Returns:
        `(size, size, 3)`, uint8.
    """
    import cv2

    smooth = cv2.GaussianBlur(np.asarray(flow, "float32"), (0, 0), _SMOOTHING)
    from_x, from_y = backward_map((factor - 1.0) * smooth)
    return cv2.remap(face, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def units_figure(action_units: dict[int, tuple[float, float]]) -> "Figure":
    """Draws where on a face the action units pull, those that are told in colour.

    Args:
        action_units: probability of each on the image-left and image-right side, see `Recognition`.

    Returns:
        The figure; the left of the face is that of the image.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.6), layout="constrained")
    axes = figure.subplots()
    _draw_face(axes)
    told = {side: [] for side in (-1, 1)}
    for unit, sides in action_units.items():
        for side, probability in zip((-1, 1), sides, strict=True):
            shown = probability >= TOLD_FROM
            if shown:
                told[side].append(unit)
            for pull in MUSCLES[unit]:
                _draw_pull(axes, pull, side, shown, probability)
    for side, words in ((-1, "image-left"), (1, "image-right")):
        units = "\n".join(f"{unit} {ACTION_UNITS.get(unit, '')}" for unit in told[side]) or "none"
        axes.text(
            0.5 + side * 0.66, 1.1, f"{words}\n{units}", va="top", color=INK, fontsize=11,
            ha="left" if side < 0 else "right",
        )  # fmt: skip
    axes.set_xlim(-0.18, 1.18)
    axes.set_ylim(1.42, -0.2)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return figure


def _draw_pull(axes, pull, side, shown, probability):
    out, down = LANDMARKS[pull.landmark]
    place = (0.5 + side * out, down)
    step = 0.09 * np.array([side * pull.outward if out else 0.0, pull.down])
    if not shown:
        axes.plot(*place, ".", color=PALE, markersize=4, zorder=1)
        return
    colour = {"color": ACCENT, "linewidth": 1.0 + 2.0 * probability, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", place + step, place, arrowprops={"arrowstyle": "-|>", **colour}, zorder=3)


def _draw_face(axes):
    line = {"color": MUTED, "linewidth": 1.6, "zorder": 2}
    angle = np.linspace(0, 2 * np.pi, 80)
    axes.plot(0.5 + 0.56 * np.cos(angle), 0.45 + 0.6 * np.sin(angle), **line)
    mouth = LANDMARKS["mouth_corner"]
    axes.plot(0.5 + mouth[0] * np.cos(angle), mouth[1] + 0.035 * np.sin(angle), **line)
    nose = LANDMARKS["nose_wing"]
    axes.plot(
        0.5 + nose[0] * np.array([-1, -0.5, 0, 0.5, 1]), nose[1] + np.array([0, 0.02, 0, 0.02, 0]), **line
    )
    for side in (-1, 1):
        eye = LANDMARKS["eye"]
        axes.plot(0.5 + side * eye[0] + 0.085 * np.cos(angle), eye[1] + 0.035 * np.sin(angle), **line)
        axes.plot(0.5 + side * eye[0], eye[1], "o", color=MUTED, markersize=4, zorder=2)
        brow = [LANDMARKS[f"brow_{part}"] for part in ("inner", "middle", "outer")]
        axes.plot(
            [0.5 + side * out for out, _ in brow], [down for _, down in brow], **line | {"linewidth": 3}
        )


def enlarged(image: np.ndarray) -> np.ndarray:
    """An image of a face, uint8, in the size of all pictures."""
    import cv2

    return cv2.resize(image, (PICTURE_SIDE,) * 2, interpolation=cv2.INTER_CUBIC)


def _grey(face):
    """Grey values `(size, size, 3)`, three times the same."""
    return np.repeat((to_grey(face) if face.ndim == 3 else face)[..., None], 3, axis=-1)


def _bytes(colours):
    return np.rint(255.0 * np.clip(colours, 0.0, 1.0)).astype("uint8")
