"""Paint new pictures with a trained network: `python stylize.py content=photo.jpg style=mosaic`."""

import sys

from nst.commands.stylize import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
