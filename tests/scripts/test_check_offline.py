"""A built website loads nothing from another host: what the check finds, and what it lets pass."""

import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import check_offline


@pytest.mark.parametrize(
    "text",
    [
        '<link rel="stylesheet" href="https://fonts.example.com/css?family=Roboto">',
        '<link rel="preconnect" href="//fonts.example.com">',
        '<script src="https://cdn.example.com/a.js"></script>',
        '<script>fetch("https://api.example.com/x")</script>',
        '<img src="http://example.com/a.png">',
        '<img srcset="https://example.com/a.png 2x">',
        '<iframe src="https://example.com/"></iframe>',
        '<p style="background: url(https://example.com/a.png)">',
        "<style>@import 'https://example.com/a.css';</style>",
        '<pre class="mermaid">graph</pre>',
    ],
)
def test_a_page_that_loads_something_is_found(text, tmp_path):
    (tmp_path / "index.html").write_text(f"<html>{text}</html>")
    assert len(check_offline.check(tmp_path)) == 1


@pytest.mark.parametrize(
    "text",
    [
        '<a href="https://example.com/">elsewhere</a>',
        '<link rel="canonical" href="https://example.com/page">',
        '<img src="images/a.png">',
        "<script>/* https://example.com */ var a = 1; // see https://example.com\n</script>",
        '<svg xmlns="http://www.w3.org/2000/svg"></svg>',
        "<p>https://example.com</p>",
    ],
)
def test_a_link_to_click_on_is_none(text, tmp_path):
    (tmp_path / "index.html").write_text(f"<html>{text}</html>")
    assert check_offline.check(tmp_path) == []


def test_style_sheets_and_scripts_are_read(tmp_path):
    (tmp_path / "index.html").write_text("<html></html>")
    (tmp_path / "a.css").write_text("@font-face { src: url('https://example.com/a.woff2') }")
    (tmp_path / "a.js").write_text("import('https://example.com/a.js')")
    assert [line.split(":")[0] for line in check_offline.check(tmp_path)] == ["a.css", "a.js"]


def test_a_folder_without_a_page_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no page"):
        check_offline.check(tmp_path)
