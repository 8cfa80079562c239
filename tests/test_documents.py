"""The documents name files, tests, tables and commands that exist, and their requests
to the API are answered as they say."""

import re
import shlex
from argparse import ArgumentParser, Namespace
from datetime import timedelta
from pathlib import Path
from string import Template
from urllib.parse import unquote

from odoo.tests import HttpCase, TransactionCase, new_test_user, tagged
from odoo.tools import SQL

from ..models.api.ir_http import API_KEY_SCOPE
from ..models.api.settings import CORS_ORIGINS
from .common import SalesOrganisation

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
MAX_WORDS = 2500
DIAGRAMS = 5

#: Decisions tell of their day; the files that they name may have moved since
DECISIONS = ROOT / "docs" / "decisions"


def documents() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), flags=re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def code(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def rows_under(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading of the architecture."""
    section = ARCHITECTURE.read_text().partition(f"\n## {heading}\n")[2]
    lines = [
        line
        for line in section.partition("\n## ")[0].splitlines()
        if line.startswith("|")
    ]
    return [re.split(r"\s*\|\s*", line.strip("| ")) for line in lines[2:]]


@tagged("post_install", "-at_install")
class TestDocuments(TransactionCase):
    def assert_file(self, path: str):
        self.assertTrue((ROOT / path).is_file(), f"there is no file {path}")

    def test_links_lead_somewhere(self):
        for document in documents():
            links = re.findall(r"\]\(([^)\s]+)\)", without_code(document.read_text()))
            for link in links:
                if re.match(r"https?:", link):
                    continue
                with self.subTest(document.name, link=link):
                    path, __, anchor = link.partition("#")
                    target = document.parent / unquote(path) if path else document
                    self.assertTrue(target.exists(), "there is nothing there")
                    if anchor:
                        self.assertIn(anchor, anchors(target))

    def test_files_that_are_named_exist(self):
        folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
        for document in documents():
            if DECISIONS in document.parents:
                continue
            for name in code(document.read_text()):
                folder, separator, __ = name.partition("/")
                if separator and folder in folders:
                    with self.subTest(document.name, path=name):
                        self.assertTrue((ROOT / name).exists(), "there is none")

    def test_each_rule_has_a_file_and_a_test(self):
        rules = rows_under("Rules")
        numbers = [int(rule.partition(".")[0]) for rule, *__ in rules if rule[0] < ":"]
        self.assertEqual(numbers, list(range(1, 11)))
        for rule, files, tests in rules:
            with self.subTest(rule):
                self.assertTrue(code(files) and code(tests))
                for path in code(files):
                    self.assert_file(path)
                for path in code(tests):
                    self.assertRegex(path, r"^tests/(sales/)?test_\w+\.py$")
                    self.assert_file(path)

    def test_where_is(self):
        """Each name stands in the file that is said to have it."""
        rows = rows_under("Where is…")
        self.assertEqual(len(rows), 7)
        for question, file, name in rows:
            with self.subTest(question):
                [path], [word] = code(file), code(name)
                self.assert_file(path)
                found = re.search(rf"\b{word}\b", (ROOT / path).read_text())
                self.assertTrue(found, f"{path} has no {word}")

    def test_the_architecture_is_short_and_has_its_diagrams(self):
        text = ARCHITECTURE.read_text()
        self.assertLessEqual(len(text.split()), MAX_WORDS)
        diagrams = re.findall(r"^```mermaid\n(\w+)", text, flags=re.MULTILINE)
        self.assertEqual(len(diagrams), DIAGRAMS, diagrams)
        self.assertLessEqual(set(diagrams), {"flowchart", "sequenceDiagram"})

    def test_every_table_has_its_place(self):
        """The diagram of the tables has those of the database, and no other.

        A form's own table is nobody's business.
        """
        forms = tuple(m._table for m in self.env.values() if m._transient)
        tables = self.env.execute_query(
            SQL(
                """
                SELECT relname FROM pg_class
                WHERE relkind = 'r' AND relname LIKE %s
                  AND relnamespace = current_schema::regnamespace
                """,
                r"cqrs\_%",
            )
        )
        text = ARCHITECTURE.read_text()
        section = text.partition("\n## Tables\n")[2].partition("\n## ")[0]
        diagram = section.partition("```mermaid\n")[2].partition("```")[0]
        self.assertEqual(
            set(re.findall(r"\bcqrs_\w+", diagram)),
            {name for (name,) in tables if not name.startswith(forms)},
        )

    def test_the_bench_finds_where_its_tables_go(self):
        from ..benchmarks.report import MARKS

        text = (ROOT / "docs" / "benchmarks.md").read_text()
        self.assertEqual([text.count(mark) for mark in MARKS], [1, 1])

    def test_commands_that_are_named_exist(self):
        commands = set(
            re.findall(
                r'add_parser\(\s*"(\w+)"', (ROOT / "devtools" / "cli.py").read_text()
            )
        )
        self.assertIn("demo", commands)
        for document in documents():
            named = re.findall(r"\./dev ([a-z]\w*)", document.read_text())
            with self.subTest(document.name):
                self.assertLessEqual(set(named), commands)


def options(command: str) -> Namespace:
    """Return the options of a curl command, as the documents use them."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("url")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-X", default="GET")
    parser.add_argument("-d")
    parser.add_argument("-i", action="store_true")
    return parser.parse_args(shlex.split(command.partition(" > ")[0])[1:])


def requests_of(text: str) -> list[tuple[str, str]]:
    """Return each curl command of a document, and the answer that follows it."""
    parts = re.split(r"^    (curl (?:.*\\\n)*.*)$", text, flags=re.MULTILINE)
    answers = (re.search(r"```\w*\n(.*?)```", part, re.DOTALL) for part in parts[2::2])
    return [
        (command.replace("\\\n", ""), answer[1] if answer else "")
        for command, answer in zip(parts[1::2], answers, strict=True)
    ]


@tagged("post_install", "-at_install")
class TestRequestsOfTheDocuments(SalesOrganisation, HttpCase):
    def key(self, user, scope=API_KEY_SCOPE):
        keys = self.env["res.users.apikeys"].with_user(user).sudo()
        return keys._generate(scope, "test", False)

    def test_each_is_answered_as_the_document_says(self):
        """With the status of the answer that follows it, and with all its members."""
        deals = [self.opportunity(self.seller) for __ in range(4)]
        deals[3].action_set_won()
        customer = self.env["res.partner"].create({"name": "Tramontana Glass"})
        deals[0].partner_id = customer
        self.env["ir.config_parameter"].set_param(CORS_ORIGINS, "https://app.example")
        admin = new_test_user(self.env, "cqrs_admin", groups="base.group_system")
        self.end_epoch()
        values = {
            "URL": self.base_url(),
            "DATABASE": self.env.cr.dbname,
            "KEY": self.key(self.head),
            "GLOBAL_KEY": self.key(self.seller, None),
            "ADMIN_KEY": self.key(admin),
        }
        metrics = self.url_open(
            "/api/v2/dashboard/metrics",
            headers={"Authorization": f"Bearer {values['KEY']}"},
        )
        before = self.env.cr.now() - timedelta(seconds=1)
        # What stands there is of the demo.
        own = {
            "as_of=2026-03-31": f"as_of={self.env.cr.now().isoformat()}Z",
            # Whatever is asked for, what was removed of other tests comes before.
            "type=OpportunityWon": f"type=OpportunityWon&stream=crm.lead/{deals[3].id}",
            "913": str(deals[0].id),
            "accounts/77": f"accounts/{customer.id}",
            "2026-10-05T00:00:00Z": f"{before.isoformat()}Z",
            "78d0b369-cb32-4fef-8f76-dd51ff2e272b": self.uuid(self.manager),
            '"36779bde02303a88f6ca4aef32b0fac9.1795936932387377"': metrics.headers[
                "ETag"
            ],
        }
        examples = requests_of((ROOT / "docs" / "api.md").read_text())
        self.assertGreater(len(examples), 8)
        for command, answer in examples:
            with self.subTest(command):
                for of_demo, ours in own.items():
                    command = command.replace(of_demo, ours)
                response = self.send(Template(command).substitute(values))
                status = re.search(r'"status": (\d+)|HTTP/1.1 (\d+)', answer)
                expected = int(status[1] or status[2]) if status else 200
                self.assertEqual(response.status_code, expected, response.text)
                for member in re.findall(r'"(\w+)":', answer):
                    self.assertIn(f'"{member}"', response.text)
                for header in re.findall(r"^([A-Z][\w-]+): ", answer, re.MULTILINE):
                    self.assertIn(header, response.headers)
                if following := re.search(r'"next": "(.*?)"', response.text):
                    values["NEXT"] = following[1]
                if options(command).d:
                    own["6883"] = response.headers["X-Event-Position"]

    def send(self, command):
        given = options(command)
        return self.url_open(
            given.url,
            data=given.d,
            headers=dict(header.split(": ", 1) for header in given.H),
            method=None if given.d else given.X,
        )
