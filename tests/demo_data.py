"""Small lists and images for tests that train: colours tell the classes."""

import numpy as np
from PIL import Image

from dualatme_keras.data import Clip, write_lists

SUBJECTS = {"sub01": "casme2", "006": "samm", "s01": "smic"}


def write_colours(directory, clips_per_subject=6, subjects=SUBJECTS):
    """Lists in DIRECTORY/lists, images in DIRECTORY/DATABASE; returns the clips."""
    rng = np.random.default_rng(0)
    clips = []
    for subject, database in subjects.items():
        for i in range(clips_per_subject):
            name = f"{subject}_{i}_{i}" if database == "samm" else f"{subject}_clip{i}"
            colour = np.full((28, 28, 3), 60) + 120 * np.eye(3, dtype=int)[i % 3]
            for folder in ("flow", "flow_puzzle"):
                path = directory / database / folder / f"{name}_{folder}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                noise = rng.integers(-50, 50, colour.shape)
                Image.fromarray((colour + noise).astype("uint8")).save(path)
            clips.append(Clip(f"/home/user/data/{database}/flow/{name}_flow.png", subject, database, i % 3))
    write_lists(clips, directory / "lists")
    return clips
