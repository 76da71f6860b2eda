"""Links of README and docs lead somewhere, and images have texts."""

from urllib.parse import urlsplit

import pytest

from tests.docs._pages import PAGES, find_anchors, find_html, find_links, name_page


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_links_lead_to_files_and_headings(page):
    """A relative link names a file that exists, and a heading in it."""
    links, images = find_links(page)
    lost = []
    for link in [*links, *(source for source, _ in images)]:
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (page.parent / parts.path).resolve() if parts.path else page
        if not target.exists() or (
            parts.fragment and parts.fragment not in find_anchors(target)
        ):
            lost.append(link)

    assert not lost


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_links_to_other_sites_are_encrypted(page):
    """What is linked elsewhere is linked by https."""
    schemes = {urlsplit(link).scheme for link in find_links(page)[0]}

    assert schemes <= {"", "https"}


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_images_have_a_text(page):
    """Who does not see an image reads a sentence in its place."""
    silent = [source for source, text in find_links(page)[1] if len(text.split()) < 4]

    assert not silent


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_text_has_no_html(page):
    """Names in angle brackets would not be seen: they are code, in backticks."""
    assert not find_html(page)
