"""The prediction service among the examples: good manners, whatever is uploaded."""

import concurrent.futures
import contextlib
import importlib.util
import io
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier
from sklcnn.persistence import dump
from sklcnn.preprocessing import ReadImages

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("python_multipart")
pytest.importorskip("httpx")

APP = Path(__file__).parents[1] / "examples" / "serve" / "app.py"
N_REQUESTS, N_CLIENTS = 500, 8


def png(shape=(20, 30, 3), seed=0):
    """Make a PNG of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def bomb():
    """Make a PNG of a few kB that says it has 60,000 by 60,000 pixels."""

    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(10**6))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def tiff_of_13_bands():
    """Make a TIFF as satellites take them."""
    tifffile = pytest.importorskip("tifffile")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((16, 16, 13), np.uint8), planarconfig="contig")
    return buffer.getvalue()


BAD = {
    "empty": (b"", {400}),
    "text": (b"no image at all", {415, 422}),
    "huge": (bytes(10_000_001), {413}),
    "bomb": (bomb(), {413, 422}),
    "truncated": (png((200, 200, 3))[:5000], {422}),
    "13 bands": (tiff_of_13_bands(), {415, 422}),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Give a fitted pipeline and its file."""
    y = np.array(["cat", "dog", "cow"])[np.arange(12) % 3]
    classifier = CNNClassifier(conv_channels=(4,), max_epochs=2, random_state=0)
    reader = ReadImages((16, 16), color_mode="rgb")
    fitted = make_pipeline(reader, classifier).fit([png(seed=i) for i in range(12)], y)
    path = tmp_path_factory.mktemp("serve") / "model.skops"
    dump(fitted, path)
    return fitted, path


@pytest.fixture(scope="module")
def client(model):
    """Give a client of the application, within this process."""
    from starlette.testclient import TestClient

    spec = importlib.util.spec_from_file_location("serve_app", APP)
    module = importlib.util.module_from_spec(spec)
    sys.modules["serve_app"] = module
    spec.loader.exec_module(module)
    with TestClient(module.make_app(model[1])) as client:
        yield client


def test_images_are_predicted_as_the_estimator_does(client, model):
    """Raw bytes and forms of several images give its labels and probabilities."""
    images = [png(seed=3), png((8, 8), seed=4)]

    raw = client.post("/predict", content=images[0]).json()
    files = [("image", (f"{i}.png", data)) for i, data in enumerate(images)]
    several = client.post("/predict", files=files).json()

    expected = model[0].predict_proba(images)
    told = [list(p["probabilities"].values()) for p in several["predictions"]]
    assert_allclose(told, expected, atol=1e-6)
    labels = [p["label"] for p in several["predictions"]]
    assert labels == model[0].predict(images).tolist()
    assert [p["name"] for p in several["predictions"]] == ["0.png", "1.png"]
    one = list(raw["predictions"][0]["probabilities"].values())
    assert_allclose(one, expected[0], atol=1e-6)


def test_health_and_page_are_answered(client):
    """Health tells the model; the page is HTML that may load nothing from elsewhere."""
    health = client.get("/health").json()
    page = client.get("/")

    assert health["status"] == "ok"
    assert health["classes"] == ["cat", "cow", "dog"]
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "http" not in page.text


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("is_form", [True, False])
def test_bad_upload_is_refused_and_logged(kind, is_form, client, caplog):
    """What can't be predicted is answered by a status of its own, and a reason."""
    content, statuses = BAD[kind]
    sent = {"files": {"image": ("a.png", content)}} if is_form else {"content": content}

    response = client.post("/predict", **sent)

    assert response.status_code in statuses
    assert response.json()["error"]
    assert "refused" in caplog.text
    assert client.post("/predict", content=png()).status_code == 200


def test_too_many_images_are_refused(client):
    """The number of images in a request is limited."""
    files = [("image", ("a.png", png((4, 4))))] * 33

    assert client.post("/predict", files=files).status_code in (400, 413)
    assert client.get("/predict").status_code == 405


@contextlib.contextmanager
def serving(path, tmp_path):
    """Run the service in a process of its own, and give its address and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(APP.parents[2]),
        "OMP_NUM_THREADS": "1",
    }
    with open(tmp_path / "log.txt", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, APP, path, "--port", str(port)],
            stdout=log,
            stderr=log,
            env=environment,
        )
    try:
        for _ in range(1200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


def post(address, content):
    """Send an image, and give status and seconds."""
    request = urllib.request.Request(f"{address}/predict", content, method="POST")
    start = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            response.read()
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    except (urllib.error.URLError, ConnectionError):  # cut off amid the upload
        status = 413
    return status, time.perf_counter() - start


@pytest.mark.slow
def test_process_answers_crowds_and_bad_uploads(model, tmp_path):
    """500 requests of 8 clients are answered, bad ones are refused, and it ends."""
    images = [png(seed=i) for i in range(20)]

    with serving(model[1], tmp_path) as (address, process):
        with concurrent.futures.ThreadPoolExecutor(N_CLIENTS) as pool:
            jobs = [images[i % 20] for i in range(N_REQUESTS)]
            answers = list(pool.map(lambda image: post(address, image), jobs))
            bad = {
                kind: post(address, content)[0] for kind, (content, _) in BAD.items()
            }
        after = post(address, images[0])[0]
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=60)

    seconds = np.array([seconds for _, seconds in answers])
    p50, p99 = np.percentile(1000 * seconds, [50, 99])
    print(f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, bad {bad}")
    assert {status for status, _ in answers} == {200}
    assert all(400 <= code < 500 for code in bad.values())
    assert after == 200
    assert status in (0, -signal.SIGTERM)
    assert (tmp_path / "log.txt").read_text().count("refused with") >= len(BAD) - 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_process_listens_on_the_loopback_address_alone(model, tmp_path):
    """No other address of this machine is listened on."""
    with serving(model[1], tmp_path) as (address, _):
        port = int(address.rpartition(":")[2])
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        lines += Path("/proc/net/tcp6").read_text().splitlines()[1:]

    listening = [line.split()[1] for line in lines if line.split()[3] == "0A"]
    ours = [place for place in listening if place.endswith(f":{port:04X}")]
    assert ours == [f"0100007F:{port:04X}"]


@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 400])
def test_page_shows_picture_and_bars(width, model, tmp_path):
    """A picture that is chosen in a browser appears, with a bar for each class."""
    webdriver = pytest.importorskip("selenium.webdriver")
    waiting = pytest.importorskip("selenium.webdriver.support.wait")
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        pytest.skip("needs chromium and chromedriver")
    (tmp_path / "picture.png").write_bytes(png((60, 90, 3)))
    (tmp_path / "text.png").write_text("no image")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu"):
        options.add_argument(f"--{flag}")
    service = webdriver.ChromeService(shutil.which("chromedriver"))

    with serving(model[1], tmp_path) as (address, _):
        browser = webdriver.Chrome(options, service)
        try:
            browser.set_window_size(width, 900)
            browser.get(address)
            chooser = browser.find_element("id", "files")
            chooser.send_keys(f"{tmp_path / 'text.png'}\n{tmp_path / 'picture.png'}")
            wait = waiting.WebDriverWait(browser, 120)
            wait.until(lambda b: len(b.find_elements("css selector", ".bar")) == 3)
            wait.until(lambda b: b.find_elements("css selector", ".error"))
            labels = [e.text for e in browser.find_elements("css selector", ".label")]
            overflow = browser.execute_script(
                "return document.documentElement.scrollWidth > window.innerWidth"
            )
            folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
            browser.save_screenshot(str(folder / f"serve_{width}.png"))
        finally:
            browser.quit()

    assert {"cat", "dog", "cow"} & set(labels)
    assert not overflow
