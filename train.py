"""Turn a photograph into a painting: `python train.py style=starry_night backbone=squeezenet content.path=me.jpg`."""

import sys

from nst.__main__ import main

# Hydra's completion for fish looks for the word "@hydra.main" in this file: see nst/commands/train.py
if __name__ == "__main__":
    sys.exit(main())
