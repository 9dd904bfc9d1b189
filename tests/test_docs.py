"""README.md, CONTRIBUTING.md and docs/ against the program: options, commands, links, pictures, lengths."""

import functools
import inspect
import re
import shlex
from collections.abc import Iterator, Sequence

import pytest
import yaml
from conftest import ROOT
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

import nst
from nst.__main__ import COMMANDS
from nst.config.arguments import quoted
from nst.inference.options import Options, parse

CONF = ROOT / "conf"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
LONGEST = {"README.md": 150, "CONTRIBUTING.md": 100}  # lines; a page of docs/ has 200 at most
OPTIONS_ON = {  # group -> the page that names every option, where it is not usage.md
    "style": "control.md",
    "experiment": "recipes.md",
    "loss": "losses.md",
    "search": "sweeps.md",
    "hydra/launcher": "sweeps.md",
}
SETTINGS = [  # what must be chosen for a key to exist, tried in turn
    (),
    ("backbone=vgg19",),
    ("style=[mosaic,hatching]",),
    ("method=adain", "data=folder"),
    ("method=film",),
    ("method=feedforward",),
    ("loss=strotss",),
    ("hydra/launcher=joblib",),
    ("logger=wandb",),
    ("logger=mlflow",),
    ("hydra/launcher=submitit_slurm",),
]
FORMER = {"recipe", "objective", "learn"}  # names of version 0.1, which config/legacy.py reads
THEIRS = {"style=wall", "experiment=posters", "loss=brightness"}  # options of the folder and the package in extend.md
NO_SETTINGS = {*THEIRS, "group.key=value", "weights_only=True", "timelapse.webp", "HYDRA_FULL_ERROR=1"}
ids = [page.name for page in PAGES]
pytestmark = pytest.mark.filterwarnings("ignore:(?s).*validated against ConfigStore schema.*")


def text(name: str) -> str:
    """A page."""
    return (ROOT / name if name[0].isupper() else ROOT / "docs" / name).read_text()


@functools.cache
def groups() -> dict[str, set[str]]:
    """Group -> its options."""
    found: dict[str, set[str]] = {}
    for path in CONF.rglob("*.yaml"):
        group = path.parent.relative_to(CONF).as_posix()
        if group not in (".", "hydra/hydra_logging", "hydra/job_logging", "weights"):
            found.setdefault(group, set()).add(path.stem)
    for options in found.values():
        options.discard("_base")
    return found


def blocks(page: str) -> list[str]:
    """Commands in a page's code blocks, with continued lines joined and without comments."""
    fenced = "\n".join(re.findall(r"^```\n(.*?)^```$", page, flags=re.S | re.M)).replace("\\\n", " ")
    return [line for line in fenced.splitlines() if line.strip()]


def spans(markdown: str) -> list[str]:
    """What is set in code within running text or a cell of a table."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", markdown, flags=re.S | re.M))


def tables(page: str) -> Iterator[list[list[str]]]:
    """Each table, as rows of cells; the first row is the header."""
    for table in re.findall(r"(?:^\|.*\|\n)+", page, flags=re.M):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        yield [rows[0], *rows[2:]]


def table(page: str, first: str) -> dict[str, list[str]]:
    """The rows of the first table whose header starts with a cell: code in the row's first cell -> all of its cells."""
    found = next(rows for rows in tables(text(page)) if rows[0][0] == first)
    return {span: row for row in found[1:] for span in spans(row[0])}


@functools.cache
def composed(words: tuple[str, ...]) -> DictConfig:
    """The configuration of a command, Hydra's part included."""
    store = ConfigStore.instance()
    if "optuna.yaml" not in store.repo.get("hydra", {}).get("sweeper", {}):
        store.store(group="hydra/sweeper", name="optuna", node={})  # its plugin is an extra
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", list(words), return_hydra_config=True)


def problem(words: list[str], settings: Sequence[tuple[str, ...]] = ((),)) -> str:
    """Say which word of a command cannot be typed beside any of some settings; nothing where all can.

    Only the groups are composed, with the first value of a sweep, since that takes a third of a second. A key must be
    in what they give.
    """
    chosen, keys = [], []
    for override in OverridesParser.create().parse_overrides(quoted(words)):
        name, sweep = override.key_or_group, override.is_sweep_override()
        if name not in groups():
            keys += [] if override.is_add() else [name]
            continue
        values = list(override.sweep_string_iterator()) if sweep else [override.value()]
        for value in values:
            if not set(value if isinstance(value, list) else [value]) <= groups()[name]:
                return f"{name}={value}"
        chosen.append(f"{override.get_key_element()}={values[0]}" if sweep else override.input_line)
    for setting in settings if keys else ():
        lacking = [key for key in keys if not has(composed((*setting, *chosen)), key)]
        if not lacking:
            return ""
    if keys:
        return ", ".join(lacking)
    composed(tuple(chosen))
    return ""


def has(cfg: DictConfig, key: str) -> bool:
    """Tell whether a configuration has a key."""
    parent, _, name = key.split("@")[0].rpartition(".")
    node = OmegaConf.select(cfg, parent, throw_on_resolution_failure=False) if parent else cfg
    return isinstance(node, DictConfig) and name in list(node)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_no_page_is_too_long(page):
    assert len(page.read_text().splitlines()) <= LONGEST.get(page.name, 200)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_and_pictures_are_there(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    for link in links:
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.is_file(), link
        assert page.parent == ROOT or target.is_relative_to(ROOT / "docs"), f"{link} leaves the website"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", target.read_text(), flags=re.M)
            assert anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}, link


def test_every_picture_is_shown_and_none_is_large():
    shown = {name for page in PAGES for name in re.findall(r"images/([\w.]+)\)", page.read_text())}
    files = {path.name: path.stat().st_size for path in (ROOT / "docs/images").iterdir()}
    assert shown == set(files)
    assert {name: size for name, size in files.items() if size > 400_000} == {}


def test_every_page_is_on_the_website_and_in_the_readme():
    names = {page.name for page in DOCS}
    assert set(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]) == names
    assert {name for name in names if f"docs/{name}" in text("README.md")} == names - {"index.md"}


def test_the_table_of_groups_has_every_group():
    rows = table("usage.md", "group")
    assert set(rows) == set(groups())


@pytest.mark.parametrize("group", sorted(groups()))
def test_every_option_is_on_its_page_and_none_besides(group):
    page = text(OPTIONS_ON.get(group, "usage.md"))
    named = {word for span in spans(page) for word in re.split(r"[=\[\], ]", span)}
    assert groups()[group] <= named
    listed = {span for span in spans(table("usage.md", "group")[group][1]) if "=" not in span}
    for name in ["README.md", *(path.name for path in DOCS)]:
        for rows in tables(text(name)):
            if f"`{group}=`" in rows[0]:
                listed |= {span for row in rows[1:] for span in spans(row[rows[0].index(f"`{group}=`")])}
    listed -= {"backbone", "video"}
    assert listed <= groups()[group], "no such option"


def test_bold_options_are_the_defaults():
    chosen = composed(()).hydra.runtime.choices
    for group, row in table("usage.md", "group").items():
        for option in re.findall(r"\*\*`(\w+)`\*\*", row[1]):
            assert chosen[group] == option


def test_every_key_at_the_top_is_explained_with_its_default():
    rows = table("usage.md", "key")
    values = {
        key: value
        for key, value in OmegaConf.to_container(composed(()), resolve=False).items()
        if not isinstance(value, dict) and key != "hydra"
    }
    assert set(rows) == set(values)
    for key, row in rows.items():
        if key != "name":
            assert row[1].strip("`") == str(yaml.safe_dump(values[key])).split("\n")[0], key


def test_every_number_of_a_training_is_explained_with_its_default():
    rows = table("networks.md", "key")
    cfg = composed(("method=feedforward",))
    options = OmegaConf.to_container(cfg.training)
    known = {f"training.{key}" for key in options if key != "_target_"}
    assert {key for key in rows if key.startswith("training.")} >= known
    for key, value in options.items():
        if isinstance(value, int | float):
            assert rows[f"training.{key}"][1] == str(value), key


def test_every_option_of_a_film_is_explained_with_its_default():
    rows = table("films.md", "key")
    options = OmegaConf.to_container(composed(("method=film",)).film)
    del options["_target_"]
    told = {key.removeprefix("film."): row[1] for key, row in rows.items()}
    assert told == {key: "null" if value is None else str(value) for key, value in options.items()}


@pytest.mark.parametrize("loss", sorted(groups()["loss"]))
def test_the_table_of_weights_is_that_of_conf(loss):
    (rows,) = (rows for rows in tables(text("losses.md")) if rows[0][1] == "default weights")
    told = {spans(row[0])[0]: row[1] for row in rows[1:]}
    weights = composed((f"loss={loss}",)).weights
    assert told[loss] == ", ".join(f"`{name}` {value:g}" for name, value in weights.items())


@pytest.mark.parametrize("recipe", sorted(groups()["experiment"]))
def test_the_table_of_recipes_has_their_times(recipe):
    head = (CONF / f"experiment/{recipe}.yaml").read_text()
    time = re.search(r"Time: (?:about )?(.+?) on two cores", head)[1].replace(" x ", " × ")
    assert table("recipes.md", "`experiment=`")[recipe][-1] == time


@pytest.mark.parametrize("style", sorted(groups()["style"]))
def test_the_table_of_styles_has_their_movements(style):
    movement = yaml.safe_load((CONF / f"style/{style}.yaml").read_text())["movement"]
    (rows,) = (rows for rows in tables(text("control.md")) if rows[0][0] == "movement")
    (row,) = (row for row in rows if f"`{style}`" in row[1])
    assert row[0].split(" (")[0] == movement


def test_the_files_that_architecture_names_are_there():
    (rows,) = (rows for rows in tables(text("architecture.md")) if rows[0] == ["question", "files"])
    for row in rows[1:]:
        files = [span for span in spans(row[1]) if "/" in span or span.endswith(".py")]
        assert 1 <= len(files) <= 2, row
        for name in files:
            assert (ROOT / name if name.startswith("conf/") else ROOT / "src/nst" / name).exists(), name
    folders = {path.name for path in (ROOT / "src/nst").iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert set(re.findall(r"^  (\w+)/ ", text("architecture.md"), flags=re.M)) == folders


def test_the_tests_that_security_names_are_there():
    rows = next(tables((ROOT / "SECURITY.md").read_text()))[1:]
    for row in rows:
        code = ""
        for span in spans(row[-1]):
            if span.endswith(".py"):
                code = (ROOT / span).read_text()
            else:
                assert f"def {span}(" in code, span
        assert code, row


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_command_composes(page):
    markdown = page.read_text()
    for line in [*blocks(markdown), *(span for span in spans(markdown) if span.startswith(("python ", "nst ")))]:
        if not line.startswith(("python ", "nst ", "make ", "torchrun ", "srun ")):
            continue
        words = shlex.split(line, comments=True)
        if words[0] == "nst":
            command = words[1] if len(words) > 1 else ""
            if command == "stylize" and len(words) > 2:
                words = ["stylize.py", *words[2:]]
            elif command in COMMANDS or (command.startswith("-") and command != "-m"):
                continue
            else:
                words = ["train.py", *words[1:]]
        if words[:1] == ["make"]:
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), flags=re.M), line
        program = next((n for n, word in enumerate(words) if word.endswith(".py")), None)
        if program is None:
            continue
        assert (ROOT / words[program]).is_file(), line
        arguments = [
            word for word in words[program + 1 :] if word not in ("--help", "--cfg", "job") and word not in THEIRS
        ]
        if {"[group=option", "stylize"} & set(arguments):
            continue
        assert not any("../" in word for word in arguments), f"{line} leaves the clone"
        if words[program] == "stylize.py":
            assert not arguments or parse(arguments)
        elif words[program] == "train.py":
            assert not problem([word for word in arguments if word != "-m"]), line


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_setting_in_running_text_exists(page):
    top = set(composed(()))
    stylize = set(inspect.signature(Options).parameters)
    for span in spans(page.read_text()):
        if span in NO_SETTINGS:
            continue
        words = shlex.split(span) if "=" in span and not span.startswith("python ") else [span]
        if any("…" in word for word in words):
            continue
        keys = [re.split(r"[.=@]", word)[0] for word in words]
        if all(re.fullmatch(r"[\w/]+(@[\w.]+|(\.\w+)*)=\S*", word) for word in words):
            pass
        elif re.fullmatch(r"[a-z_]+(\.\w+)+", span) and keys[0] in top and not (ROOT / span).exists():
            words = [f"{span}="]
        else:
            continue
        if {word.split("=")[0] for word in words} <= FORMER:
            continue
        own = {
            "networks.md": stylize,
            "films.md": stylize,
            "python.md": set(inspect.signature(nst.paint).parameters),
        }.get(page.name, set())
        if {word.split("=")[0] for word in words} <= own:
            continue
        assert exists([word.replace("NAME", "mosaic") for word in words]), span


def exists(words: list[str]) -> bool:
    """Tell whether words can be typed, beside some setting or other; an empty value asks for the key alone."""
    if all(word.endswith("=") and word[:-1] in groups() for word in words):
        return True
    return not problem([word + ("null" if word.endswith("=") else "") for word in words], SETTINGS)


def test_a_setting_that_does_not_exist_is_found():
    assert not exists(["loss=grammar"])
    assert not exists(["optimizer.rate="])
    assert exists(["weights.palette=0"])


@pytest.mark.parametrize("page", ["losses.md", "large_pictures.md"])
def test_the_losses_that_cannot_be_tiled_are_those_that_are_not_additive(page: str) -> None:
    line = next(line for line in text(page).splitlines() if "`nnfm`" in line and "`strotss`" in line)
    files = {path.stem: yaml.safe_load(path.read_text()) for path in (CONF / "loss").glob("*.yaml")}
    targets = {name: [node["_target_"] for node in file.get("loss", file).values() if "_target_" in node]
               for name, file in files.items()}  # fmt: skip
    assert set(spans(line)) == {name for name, used in targets.items() if not all(get_class(t).additive for t in used)}
