"""TV-L1 optical flow as a layer: batched, in tensors, so that a graph can take frames."""

import keras
import numpy as np
from keras import ops

from dualatme_keras.errors import DualATMEError
from dualatme_keras.layers.float32_layer import Float32Layer

_SMALLEST = 16
"""Least side of an image of the pyramid in pixels, as in OpenCV."""

_CUBIC = -0.75
"""Parameter of the cubic interpolation, as in OpenCV."""

_AROUND = 5
"""Pixels around a frame where look-ups find zeros."""

_FLAT = 1e-12
"""Squared slope below which a pixel tells nothing of its motion."""


@keras.saving.register_keras_serializable(package="dualatme_keras")
class TVL1Flow(Float32Layer):
    """Motion between two grey frames: duality-based TV-L1, coarse to fine.

    Minimises the sum of `attachment * |second(x + u(x)) - first(x)|` and of the total variation of u. At each
    scale the second frame is warped by the flow found so far and linearised; an auxiliary flow is found by
    thresholding, and brought together with u by Chambolle's projection on the dual variable. Before
    each `inner_iterations` steps a median takes outliers out. A pair stops when a step moves its flow by less
    than `epsilon` (root mean square); others in the batch go on, so that no answer depends on the
    company (batches of another size round differently: 0.01 pixels on average). Defaults and details are
    those of OpenCV's `DualTVL1OpticalFlow`.

    Flow is computed in float32 and is not differentiated: gradients are zero.

    Args:
        tau: time step of the dual variable.
        attachment: weight of the data term, lambda in the literature.
        theta: how tightly both flows are held together.
        scales: images of the pyramid, at most.
        scale_step: size of an image relative to the next larger one.
        warps: warps at each scale.
        epsilon: where a pair stops, in pixels.
        inner_iterations, outer_iterations: steps between two medians, and medians, at most.
        median_size: side of the median's window, odd; 1 for none.

    Call arguments:
        inputs: pair of first and second frame, `(batch, height, width, 1)` each, values in [0, 255].

    Returns:
        `(batch, height, width, 2)`: motion of each pixel of the first frame to the right and down, pixels.

    Raises:
        DualATMEError: frames of less than 16 pixels, or of unequal shape; settings out of their range.

    References:
        Zach, Pock, Bischof, A duality based approach for realtime TV-L1 optical flow, DAGM 2007.
        Sánchez Pérez, Meinhardt-Llopis, Facciolo, TV-L1 optical flow estimation, IPOL 2013.
    """

    def __init__(
        self,
        tau: float = 0.25,
        attachment: float = 0.15,
        theta: float = 0.3,
        scales: int = 5,
        scale_step: float = 0.8,
        warps: int = 5,
        epsilon: float = 0.01,
        inner_iterations: int = 30,
        outer_iterations: int = 10,
        median_size: int = 5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.tau, self.attachment, self.theta, self.epsilon = tau, attachment, theta, epsilon
        self.scales, self.scale_step, self.warps = scales, scale_step, warps
        self.inner_iterations, self.outer_iterations = inner_iterations, outer_iterations
        self.median_size = median_size
        if not 0 < scale_step < 1 or min(tau, attachment, theta, epsilon) <= 0:
            raise DualATMEError(
                "Expected 0 < scale_step < 1 and positive tau, attachment, theta, epsilon. "
                f"Received: {scale_step}, {tau}, {attachment}, {theta}, {epsilon}."
            )
        if min(scales, warps, inner_iterations, outer_iterations, median_size) < 1 or not median_size % 2:
            raise DualATMEError(
                "Expected positive scales, warps, inner_iterations, outer_iterations and an odd median_size. "
                f"Received: {scales}, {warps}, {inner_iterations}, {outer_iterations}, {median_size}."
            )

    def build(self, input_shape):
        first, second = (tuple(shape) for shape in input_shape)
        if first[1:] != second[1:] or first[-1] != 1 or min(first[1:3]) < _SMALLEST:
            raise DualATMEError(
                f"Expected two grey frames (batch, height, width, 1) of one shape, {_SMALLEST} pixels at "
                f"least. Received: {first} and {second}."
            )
        self.built = True

    def call(self, inputs):
        first, second = (ops.stop_gradient(ops.cast(frame[..., 0], "float32")) for frame in inputs)
        pyramid = [(first, second)]
        while len(pyramid) < self.scales:
            size = tuple(round(side * self.scale_step) for side in pyramid[-1][0].shape[1:])
            if min(size) < _SMALLEST:
                break
            ratios = (1 / self.scale_step,) * 2
            pyramid.append(tuple(_resize(frame, size, ratios) for frame in pyramid[-1]))
        flow = ops.zeros_like(ops.stack([pyramid[-1][0]] * 2, axis=1))  # (batch, 2, height, width)
        for first, second in reversed(pyramid):
            height, width = flow.shape[2:]
            size = first.shape[1:]
            if size != (height, width):
                flow = _resize(flow, size, (height / size[0], width / size[1])) / self.scale_step
            flow = self._refine(flow, first, second)
        flow = ops.transpose(flow, (0, 2, 3, 1))
        return ops.cast(ops.stop_gradient(flow), self.compute_dtype)

    def _refine(self, flow, first, second):
        """Flow `(batch, 2, height, width)` at one scale, from a first guess."""
        frames = ops.concatenate([second[:, None], _centred_gradient(second)], axis=1)  # (batch, 3, h, w)
        frames = _neighbourhoods(frames)
        dual = ops.zeros_like(ops.stack([flow, flow], axis=2))  # (batch, 2 of flow, 2 of direction, h, w)

        def warp(count, flow, dual):
            warped = _warp(frames, flow)
            slope = warped[:, 1:]
            constant = warped[:, :1] - first[:, None] - ops.sum(slope * flow, axis=1, keepdims=True)
            flow, dual = self._solve(flow, dual, slope, constant)
            return count + 1, flow, dual

        return ops.while_loop(lambda count, *_: count < self.warps, warp, (0, flow, dual))[1]

    def _solve(self, flow, dual, slope, constant):
        """Minimises the linearised energy; `constant + slope . u` is the residual at flow u."""
        limit, step = self.attachment * self.theta, self.tau / self.theta
        enough = self.epsilon**2 * flow.shape[2] * flow.shape[3]
        steepness = ops.maximum(ops.sum(slope * slope, axis=1, keepdims=True), _FLAT)

        def going_on(most):
            return lambda count, flow, dual, error: ops.logical_and(count < most, ops.any(error > enough))

        def iterate(count, flow, dual, error):
            active = error > enough
            residual = constant + ops.sum(slope * flow, axis=1, keepdims=True)
            # Thresholding: to where the residual is zero, but no further than the limit allows.
            moved = flow + slope * ops.clip(-residual / steepness, -limit, limit)
            moved = moved + self.theta * _divergence(dual)
            change = ops.sum(ops.square(moved - flow), axis=(1, 2, 3))
            gradient = _forward_gradient(moved)  # (batch, 2, 2, h, w)
            norm = ops.sqrt(ops.sum(ops.square(gradient), axis=2, keepdims=True))
            ascent = (dual + step * gradient) / (1.0 + step * norm)
            return (
                count + 1,
                ops.where(active[:, None, None, None], moved, flow),
                ops.where(active[:, None, None, None, None], ascent, dual),
                ops.where(active, change, error),
            )

        def smooth(count, flow, dual, error):
            active = (error > enough)[:, None, None, None]
            flow = ops.where(active, _median(flow, self.median_size), flow)
            state = (0, flow, dual, error)
            return (count + 1, *ops.while_loop(going_on(self.inner_iterations), iterate, state)[1:])

        error = ops.full_like(flow[:, 0, 0, 0], 1e30)
        return ops.while_loop(going_on(self.outer_iterations), smooth, (0, flow, dual, error))[1:3]

    def compute_output_shape(self, input_shape):
        return (*tuple(input_shape[0])[:3], 2)

    def get_config(self):
        names = ("tau", "attachment", "theta", "scales", "scale_step", "warps", "epsilon")
        names += ("inner_iterations", "outer_iterations", "median_size")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _resize(images, size, ratios):
    """`(..., height, width)` looked up bilinearly at `size`, without antialiasing, as OpenCV does."""
    rows = _interpolation(images.shape[-2], size[0], ratios[0])
    columns = _interpolation(images.shape[-1], size[1], ratios[1])
    return ops.matmul(ops.matmul(rows, images), columns.T)


def _interpolation(source, target, ratio):
    """Weights `(target, source)` of a bilinear look-up every `ratio` pixels; edges are continued."""
    at = np.clip((np.arange(target) + 0.5) * ratio - 0.5, 0, source - 1)
    low = np.minimum(np.floor(at).astype(int), source - 2)
    weights = np.zeros((target, source), "float32")
    weights[np.arange(target), low] = 1 - (at - low)
    weights[np.arange(target), low + 1] = at - low
    return weights


def _centred_gradient(images):
    """`(batch, h, w)` -> half the difference of both neighbours `(batch, 2, h, w)`; edges are continued."""
    x = ops.pad(images, ((0, 0), (0, 0), (1, 1)), "symmetric")
    y = ops.pad(images, ((0, 0), (1, 1), (0, 0)), "symmetric")
    return 0.5 * ops.stack([x[:, :, 2:] - x[:, :, :-2], y[:, 2:] - y[:, :-2]], axis=1)


def _forward_gradient(field):
    """`(batch, 2, h, w)` -> difference to the next pixel `(batch, 2, 2, h, w)`, 0 at the far edges."""
    x = ops.pad(field[..., 1:] - field[..., :-1], ((0, 0), (0, 0), (0, 0), (0, 1)))
    y = ops.pad(field[..., 1:, :] - field[..., :-1, :], ((0, 0), (0, 0), (0, 1), (0, 0)))
    return ops.stack([x, y], axis=2)


def _divergence(dual):
    """Difference to the pixel before, summed over directions, `(batch, 2, h, w)`."""
    x, y = dual[:, :, 0], dual[:, :, 1]
    before_x = ops.pad(x[..., :-1], ((0, 0), (0, 0), (0, 0), (1, 0)))
    before_y = ops.pad(y[..., :-1, :], ((0, 0), (0, 0), (1, 0), (0, 0)))
    return x - before_x + y - before_y


def _median(field, size):
    """Median of each window of `size` by `size`; edges are continued."""
    reach, (height, width) = size // 2, field.shape[-2:]
    field = ops.concatenate([field[..., :1]] * reach + [field] + [field[..., -1:]] * reach, axis=-1)
    field = ops.concatenate([field[..., :1, :]] * reach + [field] + [field[..., -1:, :]] * reach, axis=-2)
    # Columns are sorted once for all windows that they are part of, and stay sorted when rows are sorted.
    columns = ops.stack(_sorted([field[..., row : row + height, :] for row in range(size)]))
    rows = _sorted([columns[..., at : at + width] for at in range(size)])
    # Row i and column j, counted from 1, have i * j values that are no larger than theirs, itself included.
    half = (size * size + 1) // 2
    return _middle(
        [
            value
            for j, values in enumerate(rows, start=1)
            for i, value in enumerate(ops.unstack(values), start=1)
            if i * j <= half and (size + 1 - i) * (size + 1 - j) <= half
        ]
    )


def _sorted(values):
    """Tensors in ascending order at every place, in minima and maxima only."""
    values = list(values)
    for end in range(len(values) - 1, 0, -1):
        for index in range(end):
            _exchange(values, index, index + 1)
    return values


def _middle(values):
    """Median of an odd number of tensors by forgetful selection, in minima and maxima only.

    Of half of the values and two more neither the smallest nor the largest can be the median: both are
    dropped and the next value joins.
    """
    enough = len(values) // 2 + 2
    pool, rest = list(values[:enough]), list(values[enough:])
    while len(pool) > 1:
        for index in range(1, len(pool)):
            _exchange(pool, 0, index)
        for index in range(1, len(pool) - 1):
            _exchange(pool, index, -1)
        pool = pool[1:-1] + rest[:1]
        rest = rest[1:]
    return pool[0]


def _exchange(values, low, high):
    pair = values[low], values[high]
    values[low], values[high] = ops.minimum(*pair), ops.maximum(*pair)


def _neighbourhoods(frames):
    """What `_warp` looks up, `(batch, channels, h, w)` -> four pixels of a row, zeros around all.

    Returns:
        `(batch, h + 10, w + 7, 4 * channels)`: at [y, x] the pixels x - 5 to x - 2 of row y - 5.
    """
    frames = ops.pad(
        ops.transpose(frames, (0, 2, 3, 1)), ((0, 0), (_AROUND, _AROUND), (_AROUND, _AROUND), (0, 0))
    )
    width = frames.shape[2] - 3
    return ops.concatenate([frames[:, :, column : column + width] for column in range(4)], axis=-1)


def _warp(neighbourhoods, flow):
    """The frames of `_neighbourhoods` looked up at each pixel moved by the flow, bicubic, 0 outside."""
    (batch, _, height, width), (across, channels) = ops.shape(flow), neighbourhoods.shape[2:]
    # Horizontally and vertically, the first axis.
    at = ops.transpose(flow, (1, 0, 2, 3)) + np.indices((height, width), "float32")[::-1, None]
    before = ops.floor(at)
    weights = ops.expand_dims(_cubic_weights(at - before), -1)  # (4 neighbours, 2, batch, h, w, 1)
    # Where a runaway flow leads there are zeros: those around the frame.
    most = np.reshape([width + 2, height + 2], (2, 1, 1, 1)).astype("int32")
    left, top = ops.unstack(ops.clip(ops.cast(before, "int32"), -3, most) + (_AROUND - 1))
    first = ops.arange(batch, dtype="int32")[:, None, None] * neighbourhoods.shape[1] + top
    first = first * across + left
    flat = ops.reshape(neighbourhoods, (-1, channels))
    rows = sum(weights[row, 1] * ops.take(flat, first + row * across, axis=0) for row in range(4))
    rows = ops.split(rows, 4, axis=-1)
    total = sum(weights[column, 0] * rows[column] for column in range(4))  # (batch, h, w, channels)
    return ops.transpose(total, (0, 3, 1, 2))


def _cubic_weights(fraction):
    """Weights of the four pixels around a place, from that before the one on its left."""
    a, after = _CUBIC, 1.0 - fraction
    outer = ((a * (fraction + 1) - 5 * a) * (fraction + 1) + 8 * a) * (fraction + 1) - 4 * a
    left = ((a + 2) * fraction - (a + 3)) * fraction * fraction + 1
    right = ((a + 2) * after - (a + 3)) * after * after + 1
    return ops.stack([outer, left, right, 1.0 - outer - left - right])
