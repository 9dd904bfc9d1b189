"""Export a trained network to ONNX: `nst export-onnx checkpoint=network.ckpt [output=network.onnx]`.

Input and output images are RGB in [0, 1], 1 x 3 x H x W; H and W are multiples of 4 (of 8 for `unet`)
and at least 4 times that.
"""

import os


def main(arguments: list[str]) -> int:
    """Export, print the inputs, and return the exit code."""
    from nst.utils import errors

    if "HYDRA_FULL_ERROR" not in os.environ:
        os.environ.setdefault(errors.REPORT, "1")
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    try:
        options = _options(arguments)
        from nst.inference.onnx_export import export
        from nst.networks import io
        from nst.utils.files import user_path

        source = user_path(options["checkpoint"])
        target = user_path(options.get("output", source.with_suffix(".onnx")))
        if target.exists() and target.samefile(source):
            raise ValueError(f"output={target} is the checkpoint itself; give another name")
        for name, shape in export(io.load(source), target).items():
            print(f"{name}: {shape}")
        print(f"network: {target}")
    except Exception as error:
        return errors.report(error)
    return 0


def _options(arguments: list[str]) -> dict[str, str]:
    pairs = dict(argument.partition("=")[::2] for argument in arguments)
    strange = sorted(set(pairs) - {"checkpoint", "output"})
    if strange or not pairs.get("checkpoint"):
        raise ValueError(
            f"give checkpoint=network.ckpt and output=network.onnx{f', not {strange[0]}' if strange else ''}"
        )
    return pairs
