"""pre-commit and ``./dev lint`` run the same programs, in the same versions."""

import ast
import json
import re
from pathlib import Path

import yaml

from odoo.tests import BaseCase, tagged

ROOT = Path(__file__).resolve().parent.parent
BOOTSTRAP = ROOT / "devtools" / "bootstrap"
PACKAGES = {
    "whool": "whool",
    "odoo-pre-commit-hooks": "oca-odoo-pre-commit-hooks",
    "pre-commit-hooks": "pre-commit-hooks",
    "ruff-pre-commit": "ruff",
    "pylint-odoo": "pylint-odoo",
}
"""The package of each repository; that of maintainer-tools is in no registry."""


def locked():
    """Return ``{package: version}`` of all lock files."""
    lines = "".join(
        path.read_text()
        for path in (ROOT / "requirements.lock", BOOTSTRAP / "tools" / "package.lock")
    )
    node = json.loads((BOOTSTRAP / "node" / "package.json").read_text())
    return {
        **dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", lines, re.MULTILINE)),
        **node["dependencies"],
    }


@tagged("post_install", "-at_install")
class TestHooksAndLockFilesAgree(BaseCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        text = (ROOT / ".pre-commit-config.yaml").read_text()
        cls.repositories = yaml.safe_load(text)["repos"]
        cls.hooks = [hook for each in cls.repositories for hook in each["hooks"]]

    def test_versions(self):
        versions = locked()
        named = {
            PACKAGES[name]: each["rev"].removeprefix("v")
            for each in self.repositories
            if (name := each["repo"].rpartition("/")[2]) in PACKAGES
        }
        self.assertEqual(set(named), set(PACKAGES.values()))
        required = [
            dependency
            for hook in self.hooks
            for dependency in hook.get("additional_dependencies", ())
        ]
        self.assertGreater(len(required), 5)
        named |= dict(re.split("==|(?<=.)@", each) for each in required)
        self.assertEqual(named, {name: versions[name] for name in named})

    def test_each_has_a_program(self):
        source = (ROOT / "devtools" / "packaging" / "hooks.py").read_text()
        [declared] = [
            {key.value for key in node.value.keys}
            for node in ast.parse(source).body
            if isinstance(node, ast.Assign) and node.targets[0].id == "DECLARED"
        ]
        ours = {hook["id"] for hook in self.hooks if hook.get("language") != "fail"}
        self.assertEqual(declared, ours)
