"""The page in a real browser: `make test-app`. Debian's Chromium, driven by Playwright.

Screenshots are compared with those in `approved`, by layout and not by pixels. After a change that was meant,
look at the new ones and approve them:

    APPROVE=1 pytest -m browser tests/app -k layout
"""

import csv
import io
import json
import os
import re
import shutil
import socket
import subprocess
import urllib.parse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from written_videos import write_video

from dualatme_keras import Recognizer
from dualatme_keras.app import serve_page
from dualatme_keras.app.examples import EXAMPLES

playwright = pytest.importorskip("playwright.sync_api")

APPROVED = Path(__file__).parent / "approved"


def works(program):
    """On Ubuntu the name may be there, and only give advice."""
    return subprocess.run([program, "--version"], capture_output=True).returncode == 0


FOUND = filter(None, map(shutil.which, ("chromium", "chromium-browser")))
CHROMIUM = next(filter(works, FOUND), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: install the package chromium"),
]
ANSWER_MS = 240_000
"""On a machine that does other things too."""

SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def server(runs, prepared_run):
    """Address of the page, and the folder of its uploads; it asks no other machine for anything."""
    asked, connect = [], socket.socket.connect

    def noted(self, address):
        asked.append(address)
        return connect(self, address)

    socket.socket.connect = noted
    try:
        with serve_page(Recognizer(), [*runs, prepared_run[0]]) as address:
            folder = Path(os.environ["GRADIO_TEMP_DIR"])
            assert folder.stat().st_mode & 0o077 == 0
            yield address, folder
    finally:
        socket.socket.connect = connect
    assert not folder.exists()
    hosts = {address[0] for address in asked if isinstance(address, tuple)}
    assert "127.0.0.1" in hosts
    assert hosts <= {"127.0.0.1", "localhost", "0.0.0.0"}


@pytest.fixture(scope="module")
def camera(tmp_path_factory, example_frames):
    """What the browser's camera shows: the example, whose frames are JPEGs behind one another."""
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    images = []
    for frame in example_frames:
        content = io.BytesIO()
        Image.fromarray(frame).save(content, "jpeg", quality=95)
        images.append(content.getvalue())
    path.write_bytes(b"".join(images))
    return path


@pytest.fixture(scope="module")
def browser(camera):
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={camera}",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, server):
    """Opens the page as a new visitor; no visitor's browser may ask another machine for anything."""
    asked, contexts, problems = set(), [], []

    def open_page(width=1200, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.add(urllib.parse.urlsplit(request.url)))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(server[0])
        page.get_by_role("tab", name="A run").wait_for(timeout=60_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    hosts = {url.hostname for url in asked if url.scheme not in ("data", "blob")}
    assert hosts == {"127.0.0.1"}
    assert problems == []


@pytest.fixture(scope="module")
def video(tmp_path_factory, example_frames):
    return write_video(tmp_path_factory.mktemp("clips") / "brows.mp4", example_frames)


def status_of(page):
    """What the line of progress says in the end."""
    ended = page.locator("#progress").get_by_text(re.compile("Answered in|No answer"))
    ended.wait_for(timeout=ANSWER_MS)
    return ended.inner_text()


def drop(page, *files):
    page.locator("#files input[type=file]").set_input_files(list(map(str, files)))


def ask_example(page, example=EXAMPLES[0]):
    page.get_by_role("tab", name="Made-up examples").click()
    page.get_by_role("button", name=example.title).click()
    assert "Answered in" in status_of(page)


def files_of(server):
    """Names of uploads that are still there; Gradio leaves empty files."""
    return [path.name for path in server[1].rglob("*") if path.is_file() and path.stat().st_size]


def test_an_upload_is_answered_and_deleted(visit, server, video):
    page = visit()
    drop(page, video)
    page.locator("#progress").get_by_text(re.compile(r"… \d+ s")).wait_for(timeout=30_000)
    assert "Answered in" in status_of(page)
    answer = page.locator("#answer")
    assert answer.get_by_role("heading", name="brows", exact=True).is_visible()
    assert answer.locator(".label").inner_text() == "Surprise"
    widths = answer.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert len(widths) >= 12
    assert min(widths) > 100
    assert files_of(server) == []


@pytest.mark.long
def test_a_folder_and_two_frames(visit, server, tmp_path, example_frames):
    clip = tmp_path / "clip"
    clip.mkdir()
    for number, frame in enumerate(example_frames):
        Image.fromarray(frame).save(clip / f"img{number:03}.png")
    page = visit()
    page.locator("input[webkitdirectory]").set_input_files(clip)
    assert "Answered in" in status_of(page)
    assert page.get_by_role("heading", name=re.compile("^img000 to img")).is_visible()
    drop(page, clip / "img000.png", clip / "img012.png")
    page.get_by_role("heading", name="img000 to img012").wait_for(timeout=ANSWER_MS)
    assert page.locator("#answer .label").inner_text() == "Surprise"
    assert files_of(server) == []


@pytest.mark.long
def test_sliders(visit):
    page = visit()
    ask_example(page)
    share = page.get_by_role("slider", name="Share of the apex shown")
    upper = page.locator(".stack img").last
    before = upper.evaluate("image => getComputedStyle(image).clipPath")
    share.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert share.input_value() == "60"
    assert upper.evaluate("image => getComputedStyle(image).clipPath") != before
    times = page.get_by_role("slider", name="How many times the motion is shown")
    strip = page.locator(".window img")
    left = strip.bounding_box()["x"]
    times.focus()
    page.keyboard.press("End")
    assert page.locator(".magnify output").inner_text() == "10 times"
    window = page.locator(".window").bounding_box()
    assert left - strip.bounding_box()["x"] == pytest.approx(9 * window["width"], rel=0.01)


@pytest.mark.long
def test_downloads(visit, tmp_path):
    page = visit()
    ask_example(page)
    saved = {}
    for kind in ("CSV", "JSON", "PNG"):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind).click()
        saved[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[kind])
    assert saved["CSV"].name == f"{EXAMPLES[0].title}.csv"
    (row,) = csv.DictReader(saved["CSV"].read_text().splitlines())
    (facts,) = json.loads(saved["JSON"].read_text())
    shown = page.locator("#answer .label").inner_text().lower()
    assert row["label"] == facts["label"] == shown
    with Image.open(saved["PNG"]) as picture:
        assert picture.width > 1000


@pytest.mark.parametrize("content", [b"no video at all", b"\x00\x00\x00\x18ftypmp42" + bytes(500)])
def test_a_bad_file_gets_words(visit, server, tmp_path, content):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(content)
    page = visit()
    drop(page, bad)
    assert "Expected a video. Received: bad.mp4" in status_of(page)
    assert "No answer." in page.get_by_role("status").first.inner_text()
    assert "Traceback" not in page.content()
    assert page.locator("#answer img").count() == 0
    assert files_of(server) == []


@pytest.mark.long
def test_two_at_once_do_not_see_each_other(visit, server, tmp_path, example_frames):
    pages, names = [visit(), visit()], ["clip_of_one", "clip_of_two"]
    clips = [write_video(tmp_path / f"{name}.mp4", example_frames) for name in names]
    addresses = []
    for page, clip in zip(pages, clips, strict=True):
        page.on("response", lambda answer: "upload" in answer.url and addresses.append(answer))
        drop(page, clip)
    for page, name, other in zip(pages, names, reversed(names), strict=True):
        assert "Answered in" in status_of(page)
        assert page.get_by_role("heading", name=name, exact=True).is_visible()
        assert other not in page.locator("body").inner_text()
    assert files_of(server) == []
    stored = [path for answer in addresses if answer.request.method == "POST" for path in answer.json()]
    assert len(stored) == 2
    for path in stored:
        found = pages[1].request.get(f"{server[0]}gradio_api/file={path}")
        assert found.status in (403, 404)


def test_keyboard_alone(visit):
    page = visit()

    def tab_to(words, most=40):
        for _ in range(most):
            page.keyboard.press("Tab")
            focused = page.evaluate_handle("document.activeElement").as_element()
            if (focused.get_attribute("aria-label") or focused.inner_text()).strip().startswith(words):
                return
        raise AssertionError(f"not reached: {words}")

    tab_to("Made-up examples")
    page.keyboard.press("Enter")
    tab_to(EXAMPLES[0].title)
    page.keyboard.press("Enter")
    assert "Answered in" in status_of(page)
    tab_to("CSV")
    with page.expect_download():
        page.keyboard.press("Enter")
    tab_to("Share of the apex shown")
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("slider", name="Share of the apex shown").input_value() == "49"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"


@pytest.mark.long
def test_a_webcam_is_answered(visit, server):
    page = visit(permissions=["camera"])
    page.get_by_role("tab", name="Webcam").click()
    page.get_by_label("Seconds").select_option("2")
    page.get_by_role("button", name="Record").click()
    page.get_by_text(re.compile(r"Recorded \d+ frames")).wait_for(timeout=60_000)
    assert "Answered in" in status_of(page)
    assert page.get_by_role("heading", name=re.compile("webcam_0000 to webcam_")).is_visible()
    assert page.locator("#rate input, #rate textarea").first.input_value() == ""  # that of the next file
    assert float(page.locator("#webcam_rate input, #webcam_rate textarea").first.input_value()) > 1
    assert files_of(server) == []


@pytest.mark.long
def test_a_camera_that_stops_is_told_and_may_be_tried_again(visit):
    page = visit()
    page.evaluate(
        """() => {
            navigator.mediaDevices.getUserMedia = async () => {
                const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
                const drawing = setInterval(() => context.fillRect(0, 0, Math.random() * 300, 99), 20);
                setTimeout(() => clearInterval(drawing), 4000);
                return canvas.captureStream(30);
            };
        }"""
    )
    page.get_by_role("tab", name="Webcam").click()
    page.get_by_label("Seconds").select_option("2")
    record = page.get_by_role("button", name="Record")
    record.click()
    page.get_by_text("Received: a camera that gives no more frames.").wait_for(timeout=30_000)
    assert record.is_enabled()


@pytest.mark.long
def test_a_run_and_two_side_by_side(visit, runs):
    page = visit()
    page.get_by_role("tab", name="A run").click()
    page.get_by_role("button", name="Open").click()
    shown = page.locator("#run")
    shown.get_by_role("heading", name="Confusion").wait_for(timeout=60_000)
    for title in ("Scores", "Training", "Subjects", "How sure it is"):
        assert shown.get_by_role("heading", name=title).is_visible()
    mistake = shown.locator("details").first
    assert not mistake.locator("img").first.is_visible()
    mistake.locator("summary").click()
    assert mistake.locator("img").first.is_visible()
    page.get_by_label("Side by side with").click()
    page.get_by_role("option", name=runs[1].name).click()
    page.get_by_role("button", name="Open").click()
    shown.get_by_role("heading", name="Compared").wait_for(timeout=60_000)
    left, right = (each.bounding_box() for each in shown.locator(".two > div").all())
    assert left["y"] == right["y"]
    assert right["x"] > left["x"] + left["width"]


@pytest.mark.long
def test_a_mistake_opens_to_its_frames(visit, prepared_run):
    page = visit()
    page.get_by_role("tab", name="A run").click()
    page.get_by_label("Run", exact=True).click()
    page.get_by_role("option", name=prepared_run[0].name).click()
    page.get_by_role("button", name="Open").click()
    for number in (0, 1):
        mistake = page.locator("#run details").nth(number)
        mistake.locator("summary").click()
        slider = mistake.get_by_label("Share of the apex shown")
        slider.wait_for(timeout=60_000)
        slider.focus()
        page.keyboard.press("End")
        assert mistake.locator("figure.compare").evaluate("e => e.style.getPropertyValue('--at')") == "100%"
    mistake.locator("summary").click()
    mistake.locator("summary").click()
    assert slider.input_value() == "100"  # it is asked for once


def test_nothing_is_asked_of_other_machines(visit, browser):
    """Each visit is checked as it ends; here the page tries to, and the browser refuses."""
    page = visit()
    refused = page.evaluate("fetch('http://192.0.2.1/').then(() => 'asked', error => error.message)")
    assert refused == "Failed to fetch"
    fonts = page.evaluate("[...document.fonts].map(font => font.family)")
    assert [font for font in fonts if font != "KaTeX"] == [] or all(
        font.startswith("KaTeX") for font in fonts
    )


@pytest.fixture
def axe():
    return pytest.importorskip("axe_playwright_python.sync_playwright").Axe()


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(axe, visit, scheme):
    page = visit(color_scheme=scheme, bypass_csp=True)  # axe is put into the page as a script
    found = findings(axe, page)
    page.get_by_role("tab", name="Webcam").click()
    found |= findings(axe, page)
    ask_example(page)
    found |= findings(axe, page)
    page.get_by_role("tab", name="A run").click()
    page.get_by_role("button", name="Open").click()
    page.locator("#run").get_by_role("heading", name="Confusion").wait_for(timeout=60_000)
    found |= findings(axe, page)
    assert found == {}


def findings(axe, page):
    """Serious findings, and the elements that they are about."""
    violations = axe.run(page).response["violations"]
    return {
        each["id"]: [(node["html"][:160], node["failureSummary"][:200]) for node in each["nodes"]][:4]
        for each in violations
        if each["impact"] in SERIOUS
    }


@pytest.mark.long
def test_narrow(visit):
    page = visit(width=360)
    ask_example(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.locator("#answer").evaluate(
        "answer => [...answer.querySelectorAll('p, td, th, figcaption, label, a, li')]"
        ".filter(each => parseFloat(getComputedStyle(each).fontSize) < 12).map(each => each.textContent)"
    )
    assert small == []
    page.get_by_role("tab", name="A run").click()
    page.get_by_role("button", name="Open").click()
    page.locator("#run").get_by_role("heading", name="Confusion").wait_for(timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "width", "scheme"), [("light", 1200, "light"), ("dark", 1200, "dark"), ("narrow", 360, "light")]
)
def test_layout(visit, tmp_path, name, width, scheme):
    page = visit(width=width, color_scheme=scheme)
    ask_example(page)
    page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
    page.locator("#progress").evaluate("line => line.textContent = 'Answered.'")
    page.screenshot(path=tmp_path / "shot.png", full_page=True, animations="disabled")
    with Image.open(tmp_path / "shot.png") as shot:
        shot = shot.convert("RGB").resize((shot.width // 3, shot.height // 3), Image.Resampling.BOX)
    if os.environ.get("APPROVE"):
        shot.quantize(200).save(APPROVED / f"{name}.png", optimize=True)
    with Image.open(APPROVED / f"{name}.png") as approved:
        assert shot.height == pytest.approx(approved.height, rel=0.03)
        size = (40, round(40 * shot.height / shot.width))
        blocks = [
            np.asarray(each.convert("L").resize(size, Image.Resampling.BOX), float)
            for each in (shot, approved)
        ]
    difference = np.abs(blocks[0] - blocks[1])
    assert difference.mean() < 6
    assert (difference > 60).mean() < 0.02
