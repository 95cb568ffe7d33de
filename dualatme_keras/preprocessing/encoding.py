"""Optical flow as an 8-bit image: horizontal flow, vertical flow and optical strain as R, G and B.

The encoding of the published flow images (Zhou et al., Entropy 25(3):460, section 3.1). NumPy only.
"""

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.flow_image import check_encoding, flow_image, flow_strain


def optical_strain(flow: np.ndarray) -> np.ndarray:
    """Magnitude of the deformation in a flow field; a motion of the whole image has none.

    `sqrt(u_x^2 + v_y^2 + (u_y + v_x)^2 / 2)`: the Frobenius norm of the infinitesimal strain tensor
    (Shreve et al., *Macro- and micro-expression spotting in long videos using spatio-temporal strain*, 2011).
    Derivatives are central differences, one-sided at the border.

    Args:
        flow: `(height, width, 2)` in pixels; `u = flow[..., 0]` points right, `v = flow[..., 1]` down.

    Returns:
        float64 array `(height, width)`, pixels per pixel, >= 0.

    Raises:
        DualATMEError: `flow` is no finite field of at least 2 x 2 pixels.
    """
    return flow_strain(_check_flow(flow))[..., 0]


def encode_flow(flow: np.ndarray, encoding: str = "minmax", pixel_range: float = 2.0) -> np.ndarray:
    """Encodes a flow field as an RGB image of u, v and optical strain.

    With `minmax` each channel is scaled by its own extremes in this image, so magnitude and sign of the flow
    are only kept relative to the rest of the image: what public flow images of MEGC2019 hold. With `joint` u
    and v share their extremes, which keeps directions. With `fixed` -r to r pixels of u and v and 0 to r of
    strain become 0 to 255, what lies beyond is clipped: zero is grey and magnitude survives. Strain counts
    pixels of `flow` from one pixel of the image to the next: of flow that was made smaller before, as
    `prepare_onset_apex` does, it grows by face_size / image_size, which the extremes of the others take out
    again.

    A constant channel, which has no extremes, becomes 0; so does one that is constant but for rounding, such
    as the strain of a rotation.

    Args:
        flow: `(height, width, 2)` in pixels; `u = flow[..., 0]` points right, `v = flow[..., 1]` down.
        encoding: one of `flow_image.ENCODINGS`.
        pixel_range: r of `fixed`, in pixels.

    Returns:
        uint8 array `(height, width, 3)`, 0..255.

    Raises:
        DualATMEError: `flow` is no finite field of at least 2 x 2 pixels, or there is no such encoding.
    """
    check_encoding(encoding)
    return flow_image(_check_flow(flow), encoding, pixel_range).astype("uint8")


def _check_flow(flow) -> np.ndarray:
    """Returns `flow` as float64 `(height, width, 2)`; raises `DualATMEError` where it is no finite field."""
    flow = np.asarray(flow)
    if flow.ndim != 3 or flow.shape[2] != 2 or min(flow.shape[:2]) < 2:
        raise DualATMEError(
            f"Expected a flow field of shape (height >= 2, width >= 2, 2). Received: shape {flow.shape}."
        )
    if not np.all(np.isfinite(flow)):
        count = int(np.count_nonzero(~np.isfinite(flow)))
        raise DualATMEError(f"Expected a flow field of finite numbers. Received: {count} that are not.")
    return flow.astype("float64")
