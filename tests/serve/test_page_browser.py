"""The page in a real browser: a photograph in, a painting out, with the mouse, the keyboard, on a phone."""

import io
import json
import re
import shutil
import subprocess
from urllib.parse import urlsplit

import pytest
from bad_files import PICTURES
from PIL import Image

pytest.importorskip("uvicorn")

from serve_page import served, until

pytestmark = pytest.mark.browser
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--window-size=1400,1000", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # the network is cut
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip
NARROW = {"deviceMetrics": {"width": 390, "height": 844, "pixelRatio": 2}}


class Browser:
    """A browser with a page open; when it is closed, it must have said nothing and asked no other host.

    Args:
        address: Of the page.
        profile: The folder of its cookies.
        phone: Whether it is as narrow as one.
    """

    def __init__(self, address, profile, *, phone=False):
        webdriver = pytest.importorskip("selenium.webdriver")
        programs = shutil.which("chromium"), shutil.which("chromedriver")
        if None in programs:
            pytest.skip("no chromium and chromedriver")
        options = webdriver.ChromeOptions()
        options.binary_location = programs[0]
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        if phone:
            options.add_experimental_option("mobileEmulation", NARROW)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
        self.address = address
        self.expected = ()
        self.open()

    def open(self):
        self.driver.get(self.address)
        until(lambda: self.js("return document.body.dataset.ready"))

    def js(self, code, *arguments):
        return self.driver.execute_script(code, *arguments)

    def __getitem__(self, selector):
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def click(self, selector):
        self.js("arguments[0].scrollIntoView({block: 'center'})", self[selector])
        self[selector].click()

    def slide(self, selector, value):
        self.js("arguments[0].value = arguments[1]", self[selector], value)
        self.js("arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", self[selector])

    def text(self, selector):
        return self.js("return arguments[0].textContent", self[selector])

    def sample(self, name):
        self.click(f"[data-sample={name}]")

    def small(self):
        """Choose what ends soon."""
        self.slide("#size", 128)
        self.slide("#steps", 0)
        self.js("document.getElementById('backbone').value = 'wavelet'")

    def saved(self, selector):
        """What a click on a download's link saves."""
        assert self[selector].is_displayed()
        read = (
            "const r = new XMLHttpRequest(); r.open('GET', arguments[0].href, false);"
            "r.overrideMimeType('text/plain; charset=x-user-defined'); r.send();"
            "return [r.responseText, r.getResponseHeader('content-disposition')]"
        )
        text, disposition = self.js(read, self[selector])
        assert disposition.startswith("attachment; filename=")
        return bytes(ord(letter) & 255 for letter in text)

    def paints(self, status="Finished"):
        self.click("#paint")
        until(lambda: self.text("#status").startswith(status) or self.text("#error"))
        assert self.text("#error") == ""

    def quit(self):
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        asked = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        self.driver.quit()
        urls = {one["params"]["request"]["url"] for one in asked if one["method"] == "Network.requestWillBeSent"}
        hosts = {urlsplit(url).netloc for url in urls if re.match("(http|ws)s?:", url)}  # not chrome: its empty tab
        assert hosts == {urlsplit(self.address).netloc}
        assert [line for line in said if not any(re.search(one, line) for one in self.expected)] == []


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with served(tmp_path_factory.mktemp("page"), patience=60) as address:
        yield address


@pytest.fixture
def browse(page, tmp_path):
    opened = []

    def start(**options):
        opened.append(Browser(page, tmp_path / f"profile_{len(opened)}", **options))
        return opened[-1]

    yield start
    for one in opened:
        one.quit()


def test_upload_choose_slide_paint_reload_and_save(browse, photo):
    browser = browse()
    browser["#file"].send_keys(str(photo))
    until(lambda: "photo.png, 96 × 64 pixels" in browser.text("#photograph-name"))
    browser.click("input[value=mosaic]")
    browser.click("input[value=hatching]")
    browser.slide("#share-mosaic", 3)
    assert [one.text for one in browser.all("#shares output")] == ["25 %", "75 %"]
    browser.slide("#balance", 2)
    assert "more painting (4 ×)" in browser.text("output[for=balance]")
    assert browser["#balance"].get_attribute("aria-valuetext") == "more painting (4 ×)"
    browser.small()
    browser.paints()
    until(lambda: browser.js("return document.getElementById('view').naturalWidth") == 128)
    command = browser.text("#command")
    assert "style.mosaic.weight=3" in command and "weights.content=" in command
    shown = browser["#view"].get_attribute("src")
    browser.open()
    assert browser["#view"].get_attribute("src") == shown and browser.text("#command") == command
    assert browser["#balance"].get_attribute("value") == "2" and "photo.png" in browser.text("#photograph-name")
    assert [one.get_attribute("value") for one in browser.all("#cards input:checked")] == ["hatching", "mosaic"]
    assert "nst-recipe" in Image.open(io.BytesIO(browser.saved("#save-png"))).text
    assert browser.saved("#save-deep")[:4] == b"II*\0"  # TIFF
    assert Image.open(io.BytesIO(browser.saved("#save-film"))).n_frames > 1


def test_a_late_answer_does_not_hide_the_new_picture(browse):
    """The history is asked for by events too; one of these answers may come after the picture's own."""
    browser = browse()
    browser.sample("coffee")
    browser.click("input[value=mosaic]")
    browser.small()
    browser.paints()
    browser.js("""
        const real = window.fetch;
        let held = 0;
        window.fetch = async (path, options) => {
          const answer = await real(path, options);
          if (path === "/api/runs" && !options.method && ++held % 2) await new Promise((go) => setTimeout(go, 1500));
          return answer;
        };""")
    browser.click("input[value=hatching]")
    browser.click("#paint")
    until(lambda: len(browser.all("#history button")) == 2)
    until(lambda: "hatching" in browser.text("#command") and browser.text("#status") == "Finished.")


@pytest.mark.slow
def test_files_are_dropped_pasted_and_compared(browse, photo):
    browser = browse()
    assert browser.text("#empty") == "Choose a photograph and a painting, then press Paint."
    drop = """
        const files = new DataTransfer(), canvas = document.createElement("canvas");
        canvas.width = canvas.height = 40;
        canvas.getContext("2d").fillRect(0, 0, 40, 40);
        canvas.toBlob((blob) => {
          files.items.add(new File([blob], arguments[1], {type: "image/png"}));
          const all = {bubbles: true, cancelable: true};
          document.querySelector(arguments[0]).dispatchEvent(
            arguments[2] === "drop"
              ? new DragEvent("drop", {...all, dataTransfer: files})
              : new ClipboardEvent("paste", {...all, clipboardData: files}));
        });"""
    browser.js(drop, "#picture", "a.png", "drop")  # anywhere on the page, or the browser would leave it
    until(lambda: "a.png, 40 × 40 pixels" in browser.text("#photograph-name"))
    browser.js(drop, "body", "b.png", "paste")
    until(lambda: "b.png" in browser.text("#photograph-name"))
    browser.js(drop, "#cards", "c.png", "drop")
    until(lambda: browser.all("#cards input:checked"))
    assert "c.png" in browser.text("#cards") and browser.text("#empty").startswith("Press Paint")
    browser.click("#cards input:checked")
    browser.click("input[value=mosaic]")
    browser.sample("coffee")
    browser.small()
    browser.paints()
    assert not browser["#before"].is_displayed()
    browser.slide("#compare", 50)
    until(lambda: browser.js("return document.getElementById('before').naturalWidth") == 600)
    sides = "const {width, height} = arguments[0].getBoundingClientRect(); return [width, height]"
    assert browser.js(sides, browser["#before"]) == browser.js(sides, browser["#view"])
    assert browser.js("return getComputedStyle(document.getElementById('before')).clipPath") == "inset(0px 50% 0px 0px)"
    assert browser["#compare"].get_attribute("aria-valuetext") == "50 % of the photograph"


def test_everything_has_a_name_and_is_reached_by_the_keyboard(browse):
    from selenium.webdriver import ActionChains, Keys

    browser = browse()
    tree = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    wanted = ("button", "checkbox", "radio", "slider", "combobox", "link", "spinbutton", "textbox", "group", "image")
    nameless = [
        node for node in tree
        if node.get("role", {}).get("value") in wanted[:-2] and not node["ignored"] and not node["name"].get("value")
    ]  # fmt: skip
    assert len(tree) > 100 and nameless == []
    reached = []
    for _ in range(60):
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()
        reached.append(browser.js("const one = document.activeElement; return one.id || one.value"))
    for one in ("file", "camera", "mosaic", "own-style", "balance", "size", "brush", "paint", "grid"):
        assert one in reached, one


@pytest.mark.slow
def test_the_brush_by_mouse_and_keyboard_makes_masks(browse):
    from selenium.webdriver import ActionChains, Keys

    browser = browse()
    browser.sample("coffee")
    for name in ("mosaic", "hatching"):
        browser.click(f"input[value={name}]")
    browser.click("#brush")
    mouse = ActionChains(browser.driver).move_to_element_with_offset(browser["#canvas"], -40, -30)
    mouse.click_and_hold().move_by_offset(80, 40).release().perform()
    assert "what stays as it is: " in browser.text("#painted")
    browser.js("document.getElementById('layer').value = 'mosaic'")
    browser["#canvas"].send_keys("+", *[Keys.LEFT] * 3, " ", *[Keys.UP] * 2, " ")
    assert "Mosaic: " in browser.text("#painted")
    browser.js("document.getElementById('layer').value = 'hatching'")
    browser.click("[data-fill=bottom]")
    assert "Hatching: 50 %" in browser.text("#painted")
    browser.click("#brush-done")
    assert browser.text("#regions") == "kept, Hatching, Mosaic"
    browser.small()
    browser.paints()
    for word in ("content.mask=", "style.mosaic.mask=", "style.hatching.mask="):
        assert word in browser.text("#command")
    browser.open()
    until(lambda: browser.all("#history button"))
    browser.click("#history button")
    until(lambda: browser.text("#regions") == "kept, Hatching, Mosaic")  # they come back with the picture


@pytest.mark.slow
def test_stop_go_on_back_and_the_grid(browse):
    browser = browse()
    browser.sample("rocket")
    browser.click("input[value=hatching]")
    browser.small()
    browser.slide("#steps", 6)
    browser.click("#paint")
    until(lambda: re.search(r"step \d+ · loss [\d.]+ · \d+ (s|min) left", browser.text("#numbers")))
    before = browser["#view"].get_attribute("src")
    until(lambda: browser["#view"].get_attribute("src") != before)  # it grows
    until(lambda: browser.all("#states button"))
    browser.click("#stop")
    until(lambda: browser.text("#status") == "Stopped: you stopped it.")
    assert browser["#view"].get_attribute("src").endswith("partial.png?interrupted")
    browser.click("#go-on")
    until(lambda: browser.text("#status") == "Painting")
    browser.click("#stop")
    until(lambda: browser.text("#status") == "Stopped: you stopped it.")
    browser.click("#states button")
    assert "state_" in browser["#view"].get_attribute("src")
    browser.slide("#steps", 0)
    browser.click("#from-here")
    until(lambda: browser.text("#status") == "Finished.")
    assert "init=file" in browser.text("#command")
    browser.click("#grid")
    until(lambda: browser.text("#status") == "Finished." and len(browser.all("#cells img")) == 9)
    assert browser.text("#cells button:nth-child(3)") == "more painting (4 ×), strokes finer (0.5 ×)"
    browser.click("#cells button:nth-child(3)")
    until(
        lambda: browser["#balance"].get_attribute("value") == "2" and browser["#strokes"].get_attribute("value") == "-1"
    )
    browser.click("#delete")
    assert browser.text("#delete") == "Delete for good?" and len(browser.all("#history button")) == 3
    browser.click("#delete")
    until(lambda: len(browser.all("#history button")) == 2)


@pytest.mark.slow
def test_bad_files_are_a_sentence_and_the_camera_works(browse, tmp_path):
    browser = browse()
    browser.expected = ("api/upload.*400",)
    for name in ("text.jpg", "half.png", "bomb.png", "empty.png"):
        (tmp_path / name).write_bytes(PICTURES[name][0])
        browser["#file"].send_keys(str(tmp_path / name))
        until(lambda name=name: name in browser.text("#error"))
        said = PICTURES[name][1].replace("limit of 200", "limit of 50")  # megapixels that the page takes
        assert re.search(said, browser.text("#error")) and "Traceback" not in browser.text("#error")
    browser.click("#paint")
    until(lambda: browser.text("#error") == "Choose a photograph first.")
    browser.click("#camera")
    until(lambda: browser.js("return document.getElementById('video').videoWidth > 0"))
    browser.click("#shoot")
    until(lambda: "camera.png" in browser.text("#photograph-name"))
    assert browser.text("#error") == ""


@pytest.mark.slow
def test_nothing_sticks_out_of_a_phone(browse):
    browser = browse(phone=True)
    fits = "return document.documentElement.scrollWidth <= innerWidth"
    assert browser.js(fits)
    browser.sample("coffee")
    browser.click("input[value=mosaic]")
    browser.small()
    browser.js("for (const one of document.querySelectorAll('details')) one.open = true")
    browser.paints()
    assert browser.js(fits)
    browser.click("#brush")
    assert browser.js(
        "const box = document.getElementById('brush-dialog'); return box.scrollWidth <= box.clientWidth + 1"
    )


@pytest.mark.slow
def test_a_killed_browser_frees_its_job(tmp_path):
    with served(tmp_path / "page", patience=4) as address:
        browsers = [Browser(address, tmp_path / f"profile_{number}") for number in range(2)]
        for browser, steps in zip(browsers, (6, 0), strict=True):
            browser.sample("coffee")
            browser.click("input[value=mosaic]")
            browser.small()
            browser.slide("#steps", steps)
            browser.click("#paint")
            until(lambda browser=browser: browser.text("#status").startswith(("Painting", "Waiting")))
        assert browsers[1].text("#status") == "Waiting: place 2 in the queue"
        service = browsers[0].driver.service
        # the browser first: it outlives its driver
        subprocess.run(["pkill", "-KILL", "-f", f"user-data-dir={tmp_path / 'profile_0'}"], check=True)
        service.process.kill()
        service.process.wait()
        until(lambda: browsers[1].text("#status") == "Finished.")
        browsers[1].quit()
        (left,) = (tmp_path / "page").glob("*/runs/*/partial.png")
        assert json.loads((left.parent / "status.json").read_text())["reason"] == "your browser was closed"
