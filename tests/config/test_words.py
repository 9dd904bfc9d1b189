"""Python values as words: what Hydra reads of them is the value again."""

from pathlib import Path

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from nst.config.words import words


def read(word):
    return OverridesParser.create().parse_override(word).value()


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (None, "null"), (True, "true"), (3, "3"), (0.3, "0.3"), (1e-5, "1e-05"), (np.float64(0.5), "0.5"),
        ("mosaic", "mosaic"), ("7", "'7'"), ("true", "'true'"), ("", "''"), ("it's", r"'it\'s'"),
        (["mosaic", "hatching"], "[mosaic,hatching]"), ([1, None], "[1,null]"), (["a,b", "c"], "['a,b','c']"),
    ],
)  # fmt: skip
def test_a_value_is_the_word_that_one_would_type(value, word):
    assert words({"style": value}) == [f"style={word}"]


def test_a_mapping_sets_keys_and_a_path_is_a_file():
    assert words({"weights": {"style": 0.3, "tv": 0}, "style": Path("my art.jpg")}) == [
        "weights.style=0.3", "weights.tv=0", "style.path='my art.jpg'",
    ]  # fmt: skip
    assert words({"content.path": "été (1), 2.jpg"}) == ["content.path='été (1), 2.jpg'"]
    assert words({}, {"optimizer.lr": 1}) == words({}, ["optimizer.lr=1"]) == ["optimizer.lr=1"]


def test_a_list_is_several_values_in_a_sweep():
    assert words({"style": ["mosaic", ["a", "b"]], "seed": 1}, sweeps=True) == ["-m", "style=mosaic,[a,b]", "seed=1"]


TEXTS = st.text(st.characters(exclude_categories=["C"]), max_size=12).filter(lambda text: "${" not in text)
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none())


@given(st.one_of(NUMBERS, TEXTS))
def test_hydra_reads_the_value_that_was_given(value):
    (word,) = words({"name": value})
    assert read(word) == value
    (word,) = words({"name": [value, value]})
    assert read(word) == [value, value]


def test_what_is_no_value_is_refused():
    with pytest.raises(TypeError, match="size is of type set; give a number"):
        words({"size": {1}})
    with pytest.raises(TypeError, match="give a list of texts"):
        words({}, "size=3")
    with pytest.raises(ValueError, match=r"there is no lr= here; give optimizer\.lr="):
        words({"lr": 1})
