"""Whether probabilities are what they say."""

import numpy as np
import numpy.typing as npt

from dualatme_keras.errors import DualATMEError


def reliability(confidence: npt.ArrayLike, right: npt.ArrayLike, bins: int = 10) -> dict:
    """How often answers are right, by the probability that they were given.

    Args:
        confidence: probability of each answer, `(n,)` in [0, 1], at least one.
        right: whether it is right, `(n,)`.
        bins: equal steps of the probability.

    Returns:
        `confidence`, mean of each step, and `share` that is right, `(bins,)`, 0 in an empty step; `cases`,
        how many there are, `(bins,)`; `error`, the expected calibration error: the mean distance between
        both, weighed by the cases.

    Raises:
        DualATMEError: no answers, or not as many of one as of the other.

    References:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 2.
    """
    confidence, right = np.asarray(confidence, float), np.asarray(right, float)
    if not confidence.size or confidence.shape != right.shape:
        raise DualATMEError(
            "Expected a probability for each answer, at least one. "
            f"Received: {confidence.shape} probabilities, {right.shape} answers."
        )
    step = np.minimum((confidence * bins).astype(int), bins - 1)
    cases = np.bincount(step, minlength=bins)
    mean, share = (np.bincount(step, values, bins) / np.maximum(cases, 1) for values in (confidence, right))
    error = float((np.abs(mean - share) * cases).sum() / cases.sum())
    return {"confidence": mean, "share": share, "cases": cases, "error": error}
