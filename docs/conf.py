"""The pages and the API reference as one site: `make docs`."""

import sys
from pathlib import Path

# What is inherited from a class of another module is found by the import path.
sys.path.insert(0, str(Path(__file__).parent.parent))

project = "cdk-world-export-job"
author = "The maintainers"
extensions = ["myst_parser", "autoapi.extension", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = project

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
# The pages are read in the repository, too, where a link to a file leads to the file.
suppress_warnings = ["myst.xref_missing", "autoapi.python_import_resolution"]

# Read from the source, not imported: jsii hides the arguments of a construct's class.
autoapi_dirs = ["../cdk_stop_on_delete", "../cdk_world_export_job"]
autoapi_root = "api"
autoapi_add_toctree_entry = False
autoapi_options = ["members", "inherited-members", "show-module-summary", "imported-members"]
autoapi_python_class_content = "class"
autoapi_keep_files = False
napoleon_google_docstring = False
