"""Makes the weights that come with this package: `dualatme-pretrain --output=facs.keras`.

A network learns from motion drawn after the Facial Action Coding System alone; no image of a person, real or
painted, enters. The same settings give the same weights on the same machine.
"""

from pathlib import Path

from dualatme_keras.choices import PRESETS
from dualatme_keras.commands import Flags, quiet_libraries
from dualatme_keras.errors import DualATMEError

flags = Flags(__doc__, continues=True)
_OUTPUT = flags.DEFINE_string("output", "facs.keras", "file of weights to write, for --initial_weights too")
_PRESET = flags.DEFINE_enum("preset", "facs", list(PRESETS), "network; facs and plus tell action units")
_IMAGES = flags.DEFINE_integer("images", None, "clips drawn in all; default: as for the weights that ship")
_SEED = flags.DEFINE_integer("seed", None, "of weights, clips and dropout; default: likewise", lower_bound=0)


def main(_arguments):
    quiet_libraries()
    output = Path(_OUTPUT.value)
    if output.suffix != ".keras" or not output.absolute().parent.is_dir():
        raise DualATMEError(
            f"Expected --output to be a .keras file in a folder that is there. Received: {output}."
        )
    from dualatme_keras.training.pretraining import PretrainConfig, write_pretrained

    given = {"images": _IMAGES.value, "seed": _SEED.value}
    config = PretrainConfig(**{name: value for name, value in given.items() if value is not None})
    write_pretrained(output, config, _PRESET.value)
    print(f"weights: {output}\nscore them: dualatme-evaluate --weights={output} --lists=... --data_root=...")


def run(arguments=None):
    """Entry point of the console command."""
    flags.run(main, arguments)


if __name__ == "__main__":
    run()
