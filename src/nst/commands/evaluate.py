"""Compare methods by the same pairs, figures and tests: which loss, backbone, network or program is better?

nst evaluate study.yaml                           # everything goes to outputs/study
nst evaluate study.yaml --output FOLDER           # again, or after an interruption: only what is missing is done
nst evaluate study.yaml hydra/launcher=joblib     # further words for every method that nst paints
"""

import argparse
import os
from pathlib import Path

EXAMPLE = """
A study.yaml:

contents: photographs/           # a folder; {folder: F, names: [...]}, {folder: F, hashes: sha256sum.txt}; samples
styles: samples                  # those that come with nst
common: [size=384]
methods:                         # of films with [method=film], or a network
  wavelet: backbone=wavelet      # words of nst
  curve: weights.content=0.02,0.06,0.2      # several settings: compared with others at equal content
  network: {checkpoint: network.ckpt, options: ["style={style_path}"]}
  theirs: {pictures: folder}     # <content>_<style>.png of any other program, of a film .mp4
judges:                          # networks that measure
  vgg: [judge=vgg19, judge.network.checkpoint=vgg19.pth]
  squeezenet_embedded: [judge=squeezenet_embedded]
"""


def main(arguments: list[str]) -> int:
    """Evaluate, print the page's path and return the exit code."""
    parser = argparse.ArgumentParser(
        "nst evaluate", description=f"{__doc__}{EXAMPLE}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path, help="a YAML file, see above")
    parser.add_argument("--output", type=Path, help="folder; outputs/<name of the study> without it")
    parser.add_argument("words", nargs="*", metavar="OPTION=VALUE", help="words for every method that nst paints")
    options = parser.parse_intermixed_args(arguments)
    from nst.utils import errors

    if "HYDRA_FULL_ERROR" not in os.environ:
        os.environ.setdefault(errors.REPORT, "1")
    try:
        from nst.evaluation import study
        from nst.utils.files import user_path

        asked = study.read(user_path(options.study))
        asked.common += options.words
        from nst.evaluation.evaluate import evaluate  # imports torch: after the file is read

        print(evaluate(asked, options.output or Path("outputs") / options.study.stem))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return errors.report(error)
    return 0
