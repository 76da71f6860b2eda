"""Open the built site in a browser without a window, as a reader would.

Run ``python tests/docs/visit_site.py docs/_build/html`` on a built site; it needs
selenium, Chromium and its driver. Without them, ``--without-browser`` reads the files
only. ``--screenshots FOLDER`` keeps a picture of each page, wide and narrow, in light
and dark.
"""

import argparse
import functools
import http.server
import shutil
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path

PAGES = {
    "home": "index.html",
    "guide": "user_guide/augmentation.html",
    "api": "api/generated/sklcnn.CNNClassifier.html",
    "example": "auto_examples/plot_embedding.html",
    "gallery": "auto_examples/index.html",
}
SIZES = {"wide": (1400, 1000), "narrow": (400, 800)}


class ImageParser(HTMLParser):
    """Collect the images of a page that have no text in their place.

    Thumbnails need none, as their titles stand beside them.
    """

    def __init__(self):
        super().__init__()
        self.silent = []

    def handle_starttag(self, tag, attrs):
        """Look at one element."""
        if tag != "img":
            return
        source, text = (dict(attrs).get(name) or "" for name in ("src", "alt"))
        if "sphx_glr" in source and "thumb" in source:
            return
        if len(text.split()) < 2 or text.startswith("plot "):
            self.silent.append(f"{source} ({text})")


def check_images(site):
    """List the images without a text, by page."""
    silent = []
    for path in sorted(site.rglob("*.html")):
        parser = ImageParser()
        parser.feed(path.read_text(encoding="utf-8"))
        silent += [f"{path.relative_to(site)}: {image}" for image in parser.silent]
    return silent


class SilentHandler(http.server.SimpleHTTPRequestHandler):
    """Handler that prints no line per request."""

    def log_message(self, *arguments):
        """Print nothing."""


def serve(site):
    """Serve the site on a free port of this machine."""
    handler = functools.partial(SilentHandler, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def start_browser():
    """Start Chromium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.ChromeService(shutil.which("chromedriver"))
    browser = webdriver.Chrome(options, driver)
    browser.set_page_load_timeout(60)
    return browser


def set_size(browser, width, height):
    """Set the size of the page, which may be narrower than any window."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )


def set_theme(browser, theme):
    """Choose "light" or "dark" as the button of the page does."""
    choice = f"localStorage.setItem('mode', '{theme}')"
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": choice})


def open_page(browser, address):
    """Open a page and wait for its scripts."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(address)
    WebDriverWait(browser, 60).until(
        lambda browser: (
            browser.execute_script("return document.readyState") == "complete"
        )
    )


def check_page(browser, address, theme):
    """List what is wrong with a page at the size of the browser."""
    open_page(browser, address)
    facts = browser.execute_script(FACTS)
    faults = [f"{image} is not shown" for image in facts["broken"]]
    if facts["theme"] != theme:
        faults.append(f"the theme is {facts['theme']}")
    if facts["width"] > facts["room"] + 1:
        faults.append(f"{facts['width']} pixels wide, beside {facts['room']}")
    if not facts["title"]:
        faults.append("no heading")
    return faults


FACTS = """
const page = document.documentElement;
return {
  broken: [...document.images]
    .filter(image => image.loading !== "lazy" && !image.naturalWidth)
    .map(image => image.src),
  theme: page.dataset.theme,
  width: page.scrollWidth,
  room: page.clientWidth,
  title: document.querySelector("h1")?.textContent,
};
"""
"""What a page tells of itself."""


def check_all(browser, root, site):
    """List what is wrong with any page on a phone, where most goes wrong."""
    set_size(browser, *SIZES["narrow"])
    set_theme(browser, "light")
    faults = []
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        if not name.startswith("_"):
            found = check_page(browser, f"{root}/{name}", "light")
            faults += [f"{name}, narrow: {fault}" for fault in found]
    return faults


def check_search(browser, root):
    """Search for a class, and follow the first result to its page."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    open_page(browser, f"{root}/search.html?q=RandomRotation")
    links = WebDriverWait(browser, 60).until(
        lambda browser: browser.find_elements(By.CSS_SELECTOR, "ul.search li a")
    )
    targets = [link.get_attribute("href").partition("?")[0] for link in links]
    wanted = "api/generated/sklcnn.augmentation.RandomRotation.html"
    if not any(wanted in target for target in targets[:3]):
        return [f"{wanted} is not among the first results, {targets[:3]}"]
    return []


def check_example(browser, root):
    """See that an example shows the figure that it draws."""
    open_page(browser, f"{root}/{PAGES['example']}")
    widths = browser.execute_script(
        "return [...document.querySelectorAll('img.sphx-glr-single-img')]"
        ".map(image => image.naturalWidth)"
    )
    return [] if widths and min(widths) > 300 else [f"figures are {widths} wide"]


def check_console(browser):
    """List errors of scripts and files that were not found."""
    return [
        entry["message"]
        for entry in browser.get_log("browser")
        if entry["level"] == "SEVERE" and "favicon" not in entry["message"]
    ]


def visit(site, screenshots):
    """List what is wrong with the pages in a browser."""
    server = serve(site)
    root = f"http://127.0.0.1:{server.server_port}"
    browser, faults = start_browser(), []
    try:
        for size, pixels in SIZES.items():
            set_size(browser, *pixels)
            for theme in ("light", "dark"):
                set_theme(browser, theme)
                for name, path in PAGES.items():
                    found = check_page(browser, f"{root}/{path}", theme)
                    faults += [f"{name}, {size}, {theme}: {fault}" for fault in found]
                    if screenshots:
                        picture = screenshots / f"{name}_{size}_{theme}.png"
                        browser.save_screenshot(str(picture))
        faults += check_all(browser, root, site)
        faults += check_search(browser, root)
        faults += check_example(browser, root)
        faults += check_console(browser)
    finally:
        browser.quit()
        server.shutdown()
    return faults


def main():
    """Check the site, and print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument("--without-browser", action="store_true")
    options = parser.parse_args()
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)

    faults = check_images(options.site)
    if not options.without_browser:
        faults += visit(options.site.resolve(), options.screenshots)
    print("\n".join(faults) or "the site is as it should be")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
