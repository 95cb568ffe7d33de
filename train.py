"""`dualatme-train` in a checkout: python train.py --help."""

from dualatme_keras.commands.train import run

if __name__ == "__main__":
    run()
