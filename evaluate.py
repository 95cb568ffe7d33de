"""`dualatme-evaluate` in a checkout: python evaluate.py --help."""

from dualatme_keras.commands.evaluate import run

if __name__ == "__main__":
    run()
