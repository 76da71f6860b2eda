"""Sphinx settings; `contributing.md` tells how the site is built."""

import re
from pathlib import Path

from sklearn.experimental import enable_halving_search_cv  # noqa: F401

import sklcnn

IS_ONLINE = tags.has("online")  # noqa: F821
IS_QUICK = tags.has("quick")  # noqa: F821

QUICK_EXAMPLES = "plot_(embedding|net)"
"""Examples of under 20 seconds each, which ``-t quick`` runs."""

project = "sklcnn"
author = "The sklcnn developers"
copyright = author
version = release = sklcnn.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "auto_examples/*.ipynb"]
default_role = "literal"
smartquotes = False
toc_object_entries_show_parents = "hide"
nitpick_ignore_regex = [
    ("py:.*", r"(numpy|onnxruntime|PIL|pandas|sklearn|skimage|skops|skorch|torch)\..*"),
    ("py:.*", r"(joblib|matplotlib|python|tifffile|torchvision)\..*"),
]
"""Other projects' names, which only a build with their inventories resolves."""

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

autosummary_generate = True
numpydoc_show_class_members = False
autodoc_default_options = {"member-order": "bysource"}

intersphinx_mapping = {}
if IS_ONLINE:
    intersphinx_mapping = {
        "matplotlib": ("https://matplotlib.org/stable", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "python": ("https://docs.python.org/3", None),
        "skimage": ("https://scikit-image.org/docs/stable", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "skorch": ("https://skorch.readthedocs.io/en/stable", None),
        "torch": ("https://pytorch.org/docs/stable", None),
    }

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": f"/{QUICK_EXAMPLES}" if IS_QUICK else "/plot_",
    "within_subsection_order": "FileNameSortKey",
    "doc_module": "sklcnn",
    "backreferences_dir": "api/backreferences",
    "reference_url": {"sklcnn": None},
    "image_srcset": ["2x"],
    "remove_config_comments": True,
    "write_computation_times": False,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"sklcnn {version}"
html_static_path = ["_static"]
html_css_files = ["sklcnn.css"]
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": f"sklcnn {version}"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def skip_others(app, what, name, member, skip, options):
    """Leave members that scikit-learn defines to its own pages."""
    defined = getattr(member, "fget", member)
    module = getattr(defined, "__module__", None) or "sklcnn"
    return True if module.partition(".")[0] != "sklcnn" else None


def link_to_gallery(app, docname, source):
    """Turn links from Markdown to files of examples into links to their pages."""
    if Path(app.env.doc2path(docname)).suffix != ".md":
        return
    up = "../" * docname.count("/")
    text = re.sub(
        r"\]\((?:\.\./)+examples/(\w+)\.py\)",
        rf"]({up}auto_examples/\1.rst)",
        source[0],
    )
    source[0] = re.sub(
        r"\]\((?:\.\./)+examples(?:/serve)?/?\)",
        f"]({up}auto_examples/index.rst)",
        text,
    )


def setup(app):
    """Connect what this file defines."""
    app.connect("autodoc-skip-member", skip_others)
    app.connect("source-read", link_to_gallery)
