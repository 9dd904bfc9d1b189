"""Paint new pictures with a trained network: `python stylize.py checkpoint=network.ckpt content=photo.jpg`."""

import sys

from nst.commands.stylize import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
