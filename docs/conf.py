"""Sphinx configuration: builds offline; SKMINE_DOCS_GALLERY=1 also runs the examples."""

import os

import skmine

project = "skmine"
author = "skmine developers"
copyright = "2026, skmine developers"
version = release = skmine.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]

html_theme = "pydata_sphinx_theme"
html_title = "skmine"
html_theme_options = {
    "show_toc_level": 2,
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
}

# The API pages follow each module's __all__: a new class or function needs no edit here.
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # numpydoc's Parameters sections say the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the class template lists them, inherited ones left out

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"/_",
    "plot_gallery": os.environ.get("SKMINE_DOCS_GALLERY") == "1",
    "abort_on_example_error": True,
    "doc_module": ("skmine",),
    "backreferences_dir": None,
    "show_memory": False,
}


def skip_metadata_requests(app, what, name, obj, skip, options):
    """Leave out the set_*_request methods of scikit-learn, which link to its own site."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def setup(app):
    app.connect("autodoc-skip-member", skip_metadata_requests)
