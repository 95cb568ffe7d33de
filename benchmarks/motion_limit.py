"""How much motion there is in clips without any expression, and in those with one: what `LITTLE_MOTION` says.

    python benchmarks/motion_limit.py --clips=20 --seed=30

Painted faces whose head moves and whose light changes, in frames of several sizes, with sensor noise and
compression. The apex is spotted as `dualatme-predict` does, so that of a clip without expression is where the
face seems to move most. Each cell has the median, the range, and the share below `LITTLE_MOTION`.
`--seed=30` was not looked at when the limit was chosen (seeds 101 to 103).
Prints a Markdown table.
"""

import numpy as np
from absl import app, flags
from spotting_accuracy import worsen

from dualatme_keras.preprocessing import LITTLE_MOTION, Face, expression_motion, find_onset_apex
from dualatme_keras.synthetic.databases import synthetic_clips

_MARGIN = 0.1


KINDS = {"no expression, head still": (0, 0), "no expression, head moves": (0, 1), "expression": (1, 1)}
"""Shares of the motion of expression and head that show."""


def motion_of(recording, expression, head, noise, jpeg, rng):
    """What the table calls motion, for a clip that shows these shares of what moves."""
    timing, moves, turns = recording.timing, type(recording).expression_motion, type(recording).head_phases
    recording.expression_motion = lambda number: moves(recording, number) * expression
    recording.head_phases = lambda number: [head * phase for phase in turns(recording, number)]
    numbers = range(timing.onset, timing.offset + 1)
    frames = {number: worsen(recording.frame(number), noise, jpeg, rng) for number in numbers}
    face = Face(recording.landmarks(timing.onset))
    pair = find_onset_apex(numbers, frames.__getitem__, lambda frame, name: face, _MARGIN)
    return expression_motion(pair, _MARGIN)


def main(_arguments):
    print(f"| frame | noise |{'|'.join(f' {kind} ' for kind in KINDS)}|")
    print("| --- | --- | --- | --- | --- |")
    for size in (120, 240):
        clips = synthetic_clips("casme2", _SEED.value, _CLIPS.value, 1, size)
        recordings = [recording for _record, recording in clips]
        for noise, jpeg in ((0.0, 0), (3.0, 75)):
            rng = np.random.default_rng(0)
            kind = f"{noise:g}, JPEG {jpeg}" if jpeg else "the sensor's"
            cells = [
                _summary([motion_of(recording, *shares, noise, jpeg, rng) for recording in recordings])
                for shares in KINDS.values()
            ]
            print(f"| {size} | {kind} | {' | '.join(cells)} |", flush=True)


def _summary(motions):
    little = np.mean(np.less(motions, LITTLE_MOTION))
    return f"{np.median(motions):.2f}, {min(motions):.2f} to {max(motions):.2f}, {little:.0%} little"


if __name__ == "__main__":
    _SEED = flags.DEFINE_integer("seed", 30, "of the clips")
    _CLIPS = flags.DEFINE_integer("clips", 15, "clips of as many people")
    app.run(main)
