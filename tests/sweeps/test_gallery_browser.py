"""The page in a real browser: sort, filter, open, slide; on a phone; a thousand runs."""

import shutil
import time

import pytest
from test_gallery import leave, leave_a_thousand

from nst.sweeps.gallery import make

pytestmark = pytest.mark.browser
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
MORE = ("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1400,900")


@pytest.fixture
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    programs = shutil.which("chromium"), shutil.which("chromedriver")
    if None in programs:
        pytest.skip("no chromium and chromedriver")
    opened = []

    def start(page, *, phone=False):
        options = webdriver.ChromeOptions()
        options.binary_location = programs[0]
        for flag in (*FLAGS, *MORE):
            options.add_argument(flag)
        if phone:
            options.add_experimental_option(
                "mobileEmulation", {"deviceMetrics": {"width": 390, "height": 844, "pixelRatio": 2}}
            )
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
        opened.append(driver)
        driver.get(page.as_uri())
        return driver

    yield start
    for driver in opened:
        errors = [entry["message"] for entry in driver.get_log("browser")]
        driver.quit()
        assert errors == []


@pytest.fixture
def page(tmp_path):
    for number, (style, weight) in enumerate((s, w) for s in ("mosaic", "hatching") for w in (1, 2, 10)):
        judged = {"score": (number * 7 % 6) / 10, "style": 0.1 * number, "content": 0.5 - 0.1 * number, "note": None}
        photo = tmp_path / f"{number}/final.png"
        sources = {"content": {"path": str(photo)}, "styles": [{"path": str(photo)}]}
        leave(
            tmp_path / str(number),
            overrides=[f"style={style}", f"weights.style={weight}"],
            judge=judged,
            sources=sources,
        )
    leave(tmp_path / "6", state="killed", reason="killed by SIGKILL", overrides=["style=mosaic", "weights.style=99"])
    return make(tmp_path)


def all_of(driver, selector):
    return driver.find_elements("css selector", selector)


def click(driver, selector):
    all_of(driver, selector)[0].click()


def names(driver):
    return [node.get_attribute("data-run") for node in all_of(driver, "#main [data-run]")]


def test_the_grid_has_the_swept_choices_as_its_axes(browser, page):
    driver = browser(page)
    heads = [node.text for node in all_of(driver, "table.grid thead th")]
    assert heads == ["style ↓", "weights.style = 1", "weights.style = 2", "weights.style = 10", "weights.style = 99"]
    assert [node.text for node in all_of(driver, "table.grid tbody th")] == ["hatching", "mosaic"]
    assert "killed by SIGKILL" in all_of(driver, "#failures")[0].text


def test_every_column_sorts_and_filters(browser, page):
    driver = browser(page)
    click(driver, "[data-view=table]")
    click(driver, '[data-sort="choice:weights.style"]')
    assert names(driver) == ["0", "3", "1", "4", "2", "5", "6"]  # 10 after 2: as numbers
    click(driver, '[data-sort="choice:weights.style"]')
    assert names(driver)[0] == "6"
    click(driver, '[data-sort="figure:score"]')
    assert names(driver) == ["0", "1", "2", "3", "4", "5", "6"] or names(driver)[-1] == "6"  # without a figure: last
    all_of(driver, '[data-filter="figure:style"]')[0].send_keys("0.15..0.45")
    assert sorted(names(driver)) == ["2", "3", "4"]
    all_of(driver, '[data-filter="choice:style"]')[0].send_keys("mos")
    assert names(driver) == ["2"]
    click(driver, "#reset")
    assert len(names(driver)) == 7
    all_of(driver, "#search")[0].send_keys("hatching")
    assert sorted(names(driver)) == ["3", "4", "5"]


def test_a_picture_opens_slides_and_says_how_to_make_it_again(browser, page):
    driver = browser(page)
    click(driver, "#main [data-run='1']")
    shown = all_of(driver, "#detail")[0]
    assert shown.is_displayed()
    assert "nst style=mosaic weights.style=2" in shown.text
    slider = all_of(driver, "#slider input")[0]
    driver.execute_script("arguments[0].value = 250; arguments[0].dispatchEvent(new Event('input'))", slider)
    clip = driver.execute_script("return getComputedStyle(document.querySelector('#slider .over')).clipPath")
    assert "75%" in clip
    loaded = "return [...document.querySelectorAll('#slider img, #three img')].map((image) => image.naturalWidth)"
    assert all(width > 0 for width in driver.execute_script(loaded))
    assert len(all_of(driver, "#three figure")) == 3
    click(driver, "#close")
    assert not shown.is_displayed()


def test_people_say_which_run_is_the_best(browser, page):
    driver = browser(page)
    best = lambda: [node.get_attribute("data-run") for node in all_of(driver, "#main .best")]  # noqa: E731
    assert best() == []
    for figure, run in (("style", "0"), ("content", "5"), ("score", "0")):
        click(driver, f"#best option[value={figure}]")
        assert best() == [run], figure
    click(driver, "#main [data-run='3']")
    click(driver, "#pick")
    click(driver, "#close")
    assert best() == ["3"]
    assert "picked: run 3" in all_of(driver, "#summary")[0].text
    driver.refresh()
    assert best() == ["3"]
    click(driver, "#main [data-run='3']")
    click(driver, "#pick")
    assert best() == []


def test_the_front_is_what_no_other_run_beats(browser, page):
    driver = browser(page)
    click(driver, "[data-view=plot]")
    assert len(all_of(driver, "#plot circle")) == 6
    assert "6 of 6 runs" in all_of(driver, ".legend")[0].text  # style rises as content falls: all are on it


def test_nothing_sticks_out_of_a_phone(browser, page):
    driver = browser(page, phone=True)
    for view in ("grid", "cards", "table", "plot"):
        click(driver, f"[data-view={view}]")
        assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth"), view
    click(driver, "[data-view=cards]")
    click(driver, "#main .run")
    assert driver.execute_script("return document.getElementById('detail').scrollWidth <= innerWidth")


@pytest.mark.slow
def test_a_thousand_runs_are_there_within_seconds(browser, tmp_path):
    leave_a_thousand(tmp_path)
    page = make(tmp_path)
    began = time.perf_counter()
    driver = browser(page)
    assert len(all_of(driver, "#main .run")) == 1000
    click(driver, "[data-view=table]")
    assert len(all_of(driver, "#main tr.row")) == 1000
    assert time.perf_counter() - began < 30  # the start of the browser included
