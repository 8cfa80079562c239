"""Clients that are generated from the contract, as people generate them."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from decimal import Decimal
from pathlib import Path
from urllib.request import Request, urlopen

from odoo.tests import BaseCase, tagged

from ..controllers.contract.document import served_at, specification
from ..controllers.operations import OPERATIONS
from ..models.support.exact_json import dumps
from .own_server import OwnServer

EXAMPLES = Path(__file__).parents[1] / "examples"
API = Path(__file__).parents[1] / "docs" / "api.md"
HERE = Path(__file__).parent / "generated_clients"
MODULES = Path(os.environ.get("CRM_CQRS_NODE_MODULES", "node_modules"))
TOOLS = Path(os.environ.get("CRM_CQRS_CLIENT_TOOLS", "tools"), "bin")
ADDRESS = "https://crm.example.com/"

#: What the pages have to show to the cent: floats of the first three make 0.6000…01
DEALS = """
seller = env["res.users"].search([("login", "=", "demo")])
team = env["crm.team"].search([], limit=1)
won = env["crm.stage"].search([("is_won", "=", True)], limit=1)
def deal(name, revenue, **values):
    return env["crm.lead"].create({"name": name, "type": "opportunity",
        "expected_revenue": revenue, "user_id": seller.id, **values})
for revenue in (0.1, 0.2, 0.3, 1234567890123.45):
    deal("Won & <done>", revenue, stage_id=won.id, probability=100)
deal("A dear one", 9876543210987.65)
for number in range(60):
    deal(f"Deal {number}", 100 + number / 100)
env.cr.commit()
"""


def run(test: BaseCase, *command, folder: Path, status: int | None = 0) -> str:
    """Run a program, which is to end with ``status``; return what it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if status is not None:
        told = done.stdout[-4000:] + done.stderr[-2000:]
        test.assertEqual(done.returncode, status, told)
    return done.stdout + done.stderr


class Generated:
    """A folder with the contract, and what is generated of it once a process."""

    def __init__(self, test: BaseCase):
        # It is gone with the process.
        self._temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self._temporary.name)
        self.contract = self.folder / "openapi.json"
        self.contract.write_text(dumps(served_at(ADDRESS)))
        (self.folder / "node_modules").symlink_to(MODULES)
        for path in (*EXAMPLES.glob("pipeline_page.*"), *HERE.iterdir()):
            shutil.copy(path, self.folder)
        self.said = {
            "openapi-typescript": run(
                test,
                *(MODULES / ".bin" / "openapi-typescript", self.contract),
                *("-o", "crm.d.ts"),
                folder=self.folder,
            ),
            "openapi-python-client": run(
                test,
                *(TOOLS / "openapi-python-client", "generate", "--meta", "none"),
                *("--path", self.contract, "--output-path", "crm"),
                folder=self.folder,
            ),
            "datamodel-codegen": run(
                test,
                *(TOOLS / "datamodel-codegen", "--input", self.contract),
                *("--input-file-type", "openapi", "--output", "crm_models.py"),
                *("--output-model-type", "pydantic_v2.BaseModel", "--use-annotated"),
                # Pydantic has no longest text of a time.
                *("--collapse-root-models", "--disable-warnings"),
                folder=self.folder,
            ),
        }


class GeneratedCase(BaseCase):
    made: Generated | None = None

    @property
    def generated(self) -> Generated:
        if GeneratedCase.made is None:
            GeneratedCase.made = Generated(self)
        return GeneratedCase.made

    def run_in_folder(self, *command, status: int | None = 0) -> str:
        return run(self, *command, folder=self.generated.folder, status=status)


@tagged("post_install", "-at_install")
class TestContractForGenerators(GeneratedCase):
    def test_a_python_client_has_every_operation(self):
        said = self.generated.said["openapi-python-client"]
        self.assertNotIn("WARNING", said)
        made = {
            path.stem for path in (self.generated.folder / "crm" / "api").glob("*/*.py")
        }
        self.assertEqual(made - {"__init__"}, {o.name for o in OPERATIONS})

    def test_no_class_has_a_number_or_a_made_up_name(self):
        names = {
            path.stem.replace("_", "")
            for path in (self.generated.folder / "crm" / "models").glob("*.py")
        } - {"init"}
        # Of the schemas, and the choices and the lists of choices of parameters
        schemas = {name.lower() for name in specification()["components"]["schemas"]}
        parameters = {
            f"{operation.name}{parameter.name}{item}".replace("_", "")
            for operation in OPERATIONS
            for parameter in operation.parameters.values()
            for item in ("", "item")
        }
        self.assertEqual(names - schemas - parameters, set())
        models = (self.generated.folder / "crm_models.py").read_text()
        classes = re.findall(r"^class (\w+)", models, re.MULTILINE)
        self.assertGreater(len(classes), 150)
        self.assertEqual([name for name in classes if re.search(r"\d|Model", name)], [])

    def test_every_schema_is_named(self):
        document = json.loads(dumps(specification()))
        schemas = document["components"]["schemas"]
        unnamed = []

        def look(value, path, is_named=False):
            if isinstance(value, list):
                for number, each in enumerate(value):
                    look(each, (*path, number))
            elif isinstance(value, dict):
                is_schema = "properties" in value or len(value.get("enum", ())) > 1
                if is_schema and not is_named:
                    unnamed.append(path)
                for key, each in value.items():
                    if key not in ("examples", "parameters"):
                        look(each, (*path, key))

        for name, schema in schemas.items():
            look(schema, (name,), is_named=True)
        look([document["paths"], document["webhooks"]], ())
        self.assertEqual(unnamed, [])
        used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
        self.assertEqual(used, set(schemas))

    def test_amounts_are_decimals(self):
        folder = self.generated.folder
        models = (folder / "crm_models.py").read_text()
        [opportunity] = re.findall(
            r"^class Opportunity\(.*?\n\n\n", models, re.MULTILINE | re.DOTALL
        )
        self.assertRegex(opportunity, r"value: Annotated\[\s+Decimal,")
        types = (folder / "crm.d.ts").read_text()
        [opportunity] = re.findall(r" {8}Opportunity: \{.*?\n {8}\};", types, re.DOTALL)
        # What is always there is not `| undefined`.
        self.assertRegex(opportunity, r"Format: decimal[^/]*\*/\s+value: number;")
        optional = set(re.findall(r"(\w+)\?:", opportunity))
        self.assertEqual(optional, {"ordered", "invoiced", "paid"})

    def test_javascript_has_all_digits_as_the_document_says(self):
        fenced = re.compile(r"^```js\n(.*?)^```$", re.MULTILINE | re.DOTALL)
        [code] = fenced.findall(API.read_text())
        text = (
            '{"amount": 0.30, "count": 3, "name": "1.5", "exact": 12345678901234567.89}'
        )
        script = f"const text = {json.dumps(text)};\n{code}console.log(answer);"
        printed = run(self, "node", "--eval", script, folder=Path.cwd())
        self.assertEqual(
            re.findall(r"(\w+): ([^,\n]+)", printed),
            [
                ("amount", "'0.30'"),
                ("count", "3"),
                ("name", "'1.5'"),
                ("exact", "'12345678901234567.89'"),
            ],
        )

    def test_the_pages_are_of_the_right_types(self):
        self.run_in_folder(MODULES / ".bin" / "tsc", "--project", "tsconfig.json")
        self.run_in_folder(
            *(TOOLS / "mypy", "--strict", "--follow-imports=silent"),
            *("pipeline_page.py", "crm_models.py"),
        )

    def test_owasp_finds_nothing(self):
        self.assertEqual(self.found_by_spectral(served_at(ADDRESS)), [])

    def test_owasp_would_find_what_has_no_bound(self):
        served = served_at("http://crm.example.com/")
        text = served["components"]["schemas"]["Text"]
        schemas = {
            **served["components"]["schemas"],
            "Text": {"type": text["type"], "pattern": text["pattern"]},
        }
        components = {**served["components"], "schemas": schemas}
        found = self.found_by_spectral({**served, "components": components})
        self.assertEqual(
            {name.rpartition(":")[2] for name in found},
            {"2023-string-limit", "2023-no-server-http"},
        )

    def found_by_spectral(self, document) -> list[str]:
        """Return the rules of OWASP's that a document breaks."""
        (self.generated.folder / "linted.json").write_text(dumps(document))
        printed = self.run_in_folder(
            *(MODULES / ".bin" / "spectral", "lint", "linted.json", "--quiet"),
            *("--ruleset", "spectral.yaml", "--format", "json"),
            *("--fail-severity", "hint", "--output", "found.json"),
            # It fails where it finds something.
            status=None,
        )
        found = json.loads((self.generated.folder / "found.json").read_text())
        self.assertIsInstance(found, list, printed)
        return [each["code"] for each in found]

    def test_postman_takes_every_operation(self):
        self.run_in_folder(
            *(MODULES / ".bin" / "openapi2postmanv2", "-s", "openapi.json"),
            *("-o", "postman.json"),
        )
        collection = json.loads((self.generated.folder / "postman.json").read_text())

        def requests(item):
            if "request" in item:
                yield item["request"]
            for each in item.get("item", ()):
                yield from requests(each)

        self.assertEqual(len([*requests(collection)]), len(OPERATIONS))
        [variable] = collection["variable"]
        self.assertEqual(
            (variable["key"], variable["value"]), ("baseUrl", ADDRESS.rstrip("/"))
        )


@tagged("post_install", "-at_install")
class TestPagesOnGeneratedClients(GeneratedCase, OwnServer):
    """The pages of ``examples/``, on clients of the contract that is served."""

    def test_both_pages_show_every_amount_as_it_is(self):
        self.odoo("shell", script=DEALS)
        url, key = self.serve(), self.keys["admin"]
        python = self.run_in_folder(TOOLS / "python", "pipeline_page.py", url, key)
        script = (
            'import { page } from "./pipeline_page.ts";'
            f"console.log(await page({json.dumps(url)}, {json.dumps(key)}));"
        )
        typescript = self.run_in_folder(
            *("node", "--input-type=module", "--no-warnings", "--eval", script)
        )
        self.assertEqual(python, typescript)
        self.check_page(python, url, key)
        refused = self.run_in_folder(
            *(TOOLS / "python", "pipeline_page.py", url, "wrong"), status=1
        )
        self.assertTrue(refused.startswith("Unauthorized: "), refused)

    def check_page(self, page: str, url: str, key: str):
        """Check a page against what the API answers."""
        metrics = self.ask(f"{url}/api/v2/dashboard/metrics", key)
        [total] = re.findall("<tr><td>All</td><td>(.*)</td><td>(.*)</td></tr>", page)
        shown = [Decimal(amount.replace(",", "")) for amount in total]
        self.assertEqual(
            shown, [metrics["pipeline_value"], metrics["won_revenue"]], page[:2000]
        )
        # Of three deals of 0.1, 0.2 and 0.3, and one of more digits than a float adds.
        self.assertEqual(shown[1] % 1, Decimal("0.05"))
        self.assertGreater(shown[1], 10**12)
        deals = re.findall("<li>(.*): (.*) (...), .*</li>", page)
        self.assertEqual(deals[0][:2], ("A dear one", "9,876,543,210,987.65"))
        open_ = f"{url}/api/v2/dashboard/opportunities?status=pending&limit=1"
        self.assertEqual(len(deals), self.ask(open_, key)["total"])
        # More than a page
        self.assertGreater(len(deals), 60)

    def ask(self, url: str, key: str) -> dict:
        """Return an answer of the API with exact numbers."""
        asked = Request(url, headers={"Authorization": f"Bearer {key}"})
        with urlopen(asked, timeout=60) as answer:
            return json.loads(answer.read(), parse_float=Decimal)
