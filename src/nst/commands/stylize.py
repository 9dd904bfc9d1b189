"""Paint new pictures with a trained network: `nst stylize content=photo.jpg style=mosaic`."""

import os


def main(arguments: list[str]) -> int:
    """Paint what is asked for and return the exit code."""
    from nst.inference import options
    from nst.utils import errors, terminal

    if "HYDRA_FULL_ERROR" not in os.environ:
        os.environ.setdefault(errors.REPORT, "1")  # an error is one line
    with terminal.steady():
        if not arguments or arguments[0] in ("-h", "--help"):
            print(f"{__doc__}\n\n{options.Options.__doc__}")
            return 0
        try:
            chosen = options.parse(arguments)
            from nst.inference import stylize  # imports torch: after the arguments are read

            return stylize.run(chosen)
        except KeyboardInterrupt:
            return 130
        except Exception as error:
            return errors.report(error)
