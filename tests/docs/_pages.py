"""Markdown pages of the repository: their code blocks, links, images and headings."""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
GENERATED = {"_build", "api", "auto_examples"}
PAGES = [
    ROOT / "README.md",
    *(
        path
        for path in sorted((ROOT / "docs").rglob("*.md"))
        if not GENERATED & set(path.relative_to(ROOT / "docs").parts)
    ),
]


@dataclass
class Block:
    """A block of Python code.

    Parameters
    ----------
    page : Path
        The page it stands on.
    line : int
        Line of the page on which its code begins, counted from 1.
    code : str
        The code.
    needs : str or None
        What it needs to be run, as a comment says in the line before it, such as
        ``<!-- needs: download -->``; None is nothing.
    """

    page: Path
    line: int
    code: str
    needs: str | None

    def compile(self):
        """Compile the code, so that tracebacks name page and line."""
        return compile("\n" * (self.line - 1) + self.code, str(self.page), "exec")


def name_page(path):
    """Name a page by its path in the repository."""
    return path.relative_to(ROOT).as_posix()


def read_tokens(page):
    """Parse a page, with tables."""
    text = page.read_text(encoding="utf-8")
    return MarkdownIt("commonmark").enable("table").parse(text)


def find_blocks(page):
    """List the blocks of Python code on a page."""
    blocks, before = [], None
    for token in read_tokens(page):
        if token.type == "fence" and token.info.strip() == "python":
            mark = re.fullmatch(r"<!-- needs: ([\w ]+) -->", before or "")
            blocks.append(
                Block(page, token.map[0] + 2, token.content, mark and mark[1])
            )
        before = token.content.strip() if token.type == "html_block" else None
    return blocks


def find_links(page):
    """List the targets of links, and the pairs of source and text of images."""
    children = [
        child
        for token in read_tokens(page)
        if token.type == "inline"
        for child in token.children
    ]
    links = [child.attrs["href"] for child in children if child.type == "link_open"]
    images = [
        (child.attrs["src"], child.content)
        for child in children
        if child.type == "image"
    ]
    return links, images


def find_html(page):
    """List pieces of HTML within the text, such as names in angle brackets."""
    return [
        child.content
        for token in read_tokens(page)
        if token.type == "inline"
        for child in token.children
        if child.type == "html_inline" and not child.content.startswith("<!--")
    ]


def find_anchors(page):
    """List the anchors of headings, as code hosts and MyST name them."""
    tokens = read_tokens(page)
    anchors = []
    for token, content in pairwise(tokens):
        if token.type == "heading_open":
            text = "".join(child.content for child in content.children)
            slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
            count = sum(re.fullmatch(rf"{slug}(-\d+)?", a) is not None for a in anchors)
            anchors.append(f"{slug}-{count}" if count else slug)
    return anchors
