"""Sphinx configuration: the build runs the gallery and needs no network, and neither does the site."""

import sys
from pathlib import Path

import latex2mathml.converter
from docutils import nodes

sys.path.insert(0, str(Path(__file__).parent))
import comparison_tables

import skmine

project = "skmine"
author = "skmine developers"
copyright = "2026, skmine developers"
version = release = skmine.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "_tables"]
suppress_warnings = ["config.cache"]  # sphinx_gallery_conf holds functions

# Every reference must resolve, except those to other projects, because looking these up needs a network.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(sklearn|torch|numpy|matplotlib|collections|typing)\..*")]

html_theme = "pydata_sphinx_theme"
html_title = "skmine"
html_static_path = ["_static"]
html_css_files = ["skmine.css"]
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
html_math_renderer = "mathml"
html_show_sourcelink = False
html_theme_options = {
    "logo": {
        "image_light": "_static/favicon.svg",
        "image_dark": "_static/favicon.svg",
        "text": f"skmine {version}",
    },
    "show_toc_level": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {
    name: [] for name in ("index", "quickstart", "comparison", "seconds", "changelog", "references")
}

# The API pages follow each module's __all__: a new class or function needs no edit here.
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # numpydoc's Parameters sections contain the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the class template lists them, without inherited ones

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"/(_|extending/)",
    "within_subsection_order": "gallery_order.ByQuestion",
    "abort_on_example_error": True,
    "parallel": 2,
    "doc_module": ("skmine",),
    "backreferences_dir": "auto_examples/backreferences",
    "capture_repr": (),  # pages show what is printed, and pictures
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,  # its page loads scripts from other hosts
}


def mathml(display):
    """A visitor that writes a formula as MathML, which browsers show without a script."""

    def visit(translator, node):
        translator.body.append(latex2mathml.converter.convert(node.astext(), display=display))
        raise nodes.SkipNode

    return visit, None


def skip_metadata_requests(app, what, name, obj, skip, options):
    """Leave out the set_*_request methods of scikit-learn, which link to its own site."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def setup(app):
    comparison_tables.write_tables()
    app.add_html_math_renderer("mathml", mathml("inline"), mathml("block"))
    app.connect("autodoc-skip-member", skip_metadata_requests)
