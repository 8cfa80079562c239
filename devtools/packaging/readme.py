#!/usr/bin/env python3
"""Write README.rst from readme/, as oca-gen-addon-readme does with the same options.

OCA's program is in no package registry, so `./dev lint` runs this one in its place.
"""

import argparse
import ast
import sys
from pathlib import Path

from jinja2 import Template

FRAGMENTS = (
    *("DESCRIPTION", "CONTEXT", "INSTALL", "CONFIGURE", "USAGE", "ROADMAP"),
    *("DEVELOP", "CONTRIBUTORS", "CREDITS", "HISTORY"),
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--addon-dir", type=Path, default=Path())
    parser.add_argument("--template-filename", type=Path, required=True)
    for name in "--org-name", "--repo-name", "--branch":
        parser.add_argument(name, required=True)
    parser.add_argument("--no-gen-html", action="store_true")
    options = parser.parse_args(arguments)
    folder = options.addon_dir
    fragments = {
        name: file.read_text().rstrip("\n") + "\n"
        for name in FRAGMENTS
        if (file := folder / "readme" / f"{name}.rst").exists()
    }
    manifest = ast.literal_eval((folder / "__manifest__.py").read_text())
    text = Template(options.template_filename.read_text()).render(
        branch=options.branch,
        fragments=fragments,
        manifest=manifest,
        org_name=options.org_name,
        repo_name=options.repo_name,
    )
    readme = folder / "README.rst"
    if readme.exists() and readme.read_text() == text:
        return 0
    readme.write_text(text)
    sys.stderr.write(f"{readme} is written anew from {folder / 'readme'}.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
