import pathlib
import typing

import pytest

from nst.utils import typecheck

ADAM = {"_target_": "torch.optim.Adam", "lr": 0.1, "betas": [0.9, 0.99]}


def literal(word: typing.Literal["row", "column"], edge: pathlib.Path) -> None:
    """A function with annotations that configurations of ours do not have."""


def test_a_choice_of_words_is_checked():
    node = {"_target_": f"{__name__}.literal", "word": "row", "edge": "x"}
    typecheck.check(node)
    with pytest.raises(ValueError, match="word is 'line'; expected row or column"):
        typecheck.check(node | {"word": "line"})


def test_what_is_still_to_be_built_passes():
    typecheck.check({"_target_": f"{__name__}.literal", "word": {"_target_": "builtins.str"}, "edge": "x"})


def test_good_values_pass():
    typecheck.check({"optimizer": ADAM})
    typecheck.check({"a": {"_target_": "nst.callbacks.Clamp", "low": 0, "high": 1.5, "until": None}})
    typecheck.check({"a": {"_target_": "nst.methods.pyramid.explicit", "sizes": [1, 2], "steps": [3, 4]}})


@pytest.mark.parametrize(
    ("node", "line"),
    [
        ({**ADAM, "lr": "abc"}, "x.lr is 'abc'; expected a number"),
        ({**ADAM, "lr": float("nan")}, "x.lr is nan; expected a finite number"),
        ({**ADAM, "betas": [0.9, float("nan")]}, r"x.betas is \[0.9, nan\]; expected a list"),
        ({**ADAM, "betas": [0.9]}, r"x.betas is \[0.9\]; expected a list"),
        ({**ADAM, "lr": {"a": 1}}, "x.lr is {'a': 1}; expected a number"),
        ({**ADAM, "betas": 0.9}, "x.betas is 0.9; expected"),
        ({**ADAM, "betas": [0.9, "b"]}, r"x.betas is \[0.9, 'b'\]"),
        ({**ADAM, "_target_": "torch.optim.Eve"}, "no such class or function"),
        ({**ADAM, "_target_": "nowhere.Adam"}, "no such class or function"),
        ({"_target_": "nst.methods.pyramid.single", "size": 1.5, "steps": 1}, "x.size is 1.5; expected a whole number"),
        (
            {"_target_": "nst.methods.pyramid.single", "size": True, "steps": 1},
            "x.size is True; expected a whole number",
        ),
        ({"_target_": "nst.callbacks.Clamp", "low": 0, "high": 1, "until": "end"}, "a whole number or null"),
        ({"_target_": "nst.methods.initial_image.file", "path": 3}, "x.path is 3; expected text"),
    ],
)
def test_a_wrong_kind_is_refused_by_name(node, line):
    with pytest.raises(ValueError, match=line):
        typecheck.check({"x": node})
