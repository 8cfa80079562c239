"""The wheel, as people install it: in an environment with Odoo but no checkout."""

import ast
import configparser
import json
import os
import re
import subprocess
import tempfile
import venv
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement

from odoo.tests import tagged

from ..hooks import ADDON
from .common import OwnDatabase

ROOT = Path(__file__).resolve().parent.parent
ADDED = "odoo/addons/crm_cqrs/"
DISTRIBUTION = "odoo-addon-crm_cqrs"
NOT_FOR_CUSTOMERS = re.compile(
    r"(^|/)(tests|devtools|benchmarks|docs|examples|demo|readme|\.[^/]*)/"
    r"|\.(lock|in|toml|pyc)$|/(dev|\.[^/]*)$"
)


USE = """
import odoo.addons.crm_cqrs
module = env["ir.module.module"].search([("name", "=", "crm_cqrs")])
lead = env["crm.lead"].create({"name": "From a wheel", "type": "opportunity"})
env.cr.commit()
event = env["cqrs.event"].search(
    [("stream_model", "=", "crm.lead"), ("stream_id", "=", lead.id)])
shown = env["cqrs.opportunity.view"].search([("id", "=", lead.id)])
bundle = env["ir.qweb"]._get_asset_bundle("web.assets_backend")
assets = sorted(
    asset.url.split("/")[-1]
    for asset in [*bundle.javascripts, *bundle.templates, *bundle.stylesheets]
    if asset.url and asset.url.startswith("/crm_cqrs/"))
print(f"where={odoo.addons.crm_cqrs.__file__}")
print(f"state={module.state}", f"latest={module.latest_version}", sep="\\n")
print(f"event={event.type}", f"shown={shown.name}", sep="\\n")
print("assets=" + " ".join(assets))
"""


def manifest() -> dict:
    return ast.literal_eval((ROOT / "__manifest__.py").read_text())


@tagged("post_install", "-at_install")
class TestWheel(OwnDatabase):
    """What ``./dev wheel`` builds, in an environment of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Not at the top: what an installed addon needs is not what it is tested with.
        from ..devtools import wheel
        from ..devtools.bootstrap import tools

        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.wheel = wheel.build(tools.link("package"), folder)
        cls.clean = folder / "clean"

    def test_it_holds_what_customers_need(self):
        self.assertEqual(
            self.wheel.name,
            f"odoo_addon_crm_cqrs-{manifest()['version']}-py3-none-any.whl",
        )
        with ZipFile(self.wheel) as archive:
            names = archive.namelist()
        [described] = [name for name in names if name.endswith(".dist-info/METADATA")]
        ours = [name for name in names if not name.startswith(described.split("/")[0])]
        self.assertEqual([name for name in ours if not name.startswith(ADDED)], [])
        inside = [name.removeprefix(ADDED) for name in ours]
        self.assertEqual(list(filter(NOT_FOR_CUSTOMERS.search, inside)), [])
        self.assertLessEqual(
            {
                *manifest()["data"],
                *manifest()["images"],
                *("LICENSE", "CHANGELOG.md", "README.rst", "cli/cqrs.py"),
                *("static/description/icon.png", "static/description/index.html"),
                *("i18n/fr.po", "static/api_docs/examples.json"),
                "migrations/19.0.1.7.0/pre-webhook-cursors.py",
            },
            set(inside),
        )

    def test_the_changelog_has_its_version(self):
        changes = (ROOT / "CHANGELOG.md").read_text()
        self.assertIn(f"\n## {manifest()['version']} (", changes)

    def test_it_is_installed_beside_odoo_and_used(self):
        """In an environment that has what Odoo requires, Odoo and the wheel."""
        python = self.make_environment()
        [site] = self.clean.glob("lib/python*/site-packages")
        [installed] = metadata.distributions(name=DISTRIBUTION, path=[str(site)])
        self.assertEqual(installed.version, manifest()["version"])
        self.assertEqual(installed.requires, ["odoo==19.0.*", "xlsxwriter"])

        install = self.run_odoo(
            python, "-i", ADDON, "--stop-after-init", "--log-level=info"
        )
        self.assertIn("odoo.addons.crm_cqrs.hooks: First build, 100%", install.stderr)
        wrong = [
            line
            for line in install.stderr.splitlines()
            if re.search(r" (WARNING|ERROR|CRITICAL) ", line) and ADDON in line
        ]
        self.assertEqual(wrong, [])

        used = self.run_odoo(python, "--log-level=warn", command="shell", script=USE)
        answer = dict(
            line.split("=", 1) for line in used.stdout.splitlines() if "=" in line
        )
        self.assertEqual(Path(answer["where"]), site / ADDED / "__init__.py")
        self.assertEqual(answer["state"], "installed")
        self.assertEqual(answer["latest"], manifest()["version"])
        self.assertEqual(answer["event"], "OpportunityCreated")
        self.assertEqual(answer["shown"], "From a wheel")
        # All that the web client loads of the addon comes from the wheel.
        sources = sorted(
            path.name
            for path in (ROOT / "static" / "src").rglob("*")
            if path.suffix in (".js", ".scss", ".xml")
        )
        self.assertEqual(answer["assets"].split(), sources)

        status = self.run_odoo(python, "status", "--json", command="cqrs")
        self.assertTrue(json.loads(status.stdout)["last_position"])

    def make_environment(self):
        """Make an environment with Odoo, what it requires and the wheel.

        Odoo and its libraries are linked from those that tests run on, of which
        nothing else is there: neither what tests need nor the addon's checkout.
        """
        from ..devtools.bootstrap import odoo
        from ..devtools.bootstrap import venv as environments

        venv.create(self.clean, symlinks=True)
        python = self.clean / "bin" / "python"
        [site] = self.clean.glob("lib/python*/site-packages")
        for entry in sorted(required_by_odoo()):
            (site / entry.name).symlink_to(entry)
        (site / "odoo.pth").write_text(f"{odoo.IMPORTS}\n")
        subprocess.run(
            [environments.python(), "-m", "pip", "--python", python]
            + ["install", "--quiet", "--no-index", "--no-deps", self.wheel],
            check=True,
            env=environments.environ_of_pip(),
        )
        return python

    def run_odoo(self, python, *arguments, command=None, script=None):
        """Run Odoo, which finds addons of Odoo and those that pip has installed."""
        from ..devtools.paths import ADDONS

        parser = configparser.ConfigParser()
        parser.read(os.environ["ODOO_RC"])
        folders = parser["options"]["addons_path"].split(",")
        folders.remove(os.fspath(ADDONS))
        parser["options"]["addons_path"] = ",".join(folders)
        configuration = self.clean / "odoo.conf"
        with open(configuration, "w") as file:
            parser.write(file)
        done = subprocess.run(
            [python, "-I", "-c", "import odoo.cli; odoo.cli.main()"]
            + ([command] if command else [])
            + [*arguments, "-d", self.db, "--no-http"],
            input=script,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.clean,
            env={**os.environ, "ODOO_RC": os.fspath(configuration)},
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done


def required_by_odoo():
    """Return the files and folders of the libraries that Odoo requires."""
    text = (ROOT / "requirements.in").read_text()
    section = text.split("# Odoo 19,")[1].split("\n\n")[0]
    wanted = [Requirement(line) for line in section.splitlines()[1:]]
    entries, known = set(), set()
    while wanted:
        requirement = wanted.pop()
        if requirement.name in known or (
            requirement.marker and not requirement.marker.evaluate({"extra": ""})
        ):
            continue
        known.add(requirement.name)
        try:
            found = metadata.distribution(requirement.name)
        except metadata.PackageNotFoundError:
            continue  # docopt, which requirements.in leaves out
        wanted += map(Requirement, found.requires or ())
        tops = {file.parts[0] for file in found.files} - {"..", "__pycache__"}
        entries |= {Path(found.locate_file(top)) for top in tops}
    return entries
