"""The documents name files, tests, tables and commands that exist."""

import re
from pathlib import Path
from urllib.parse import unquote

from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
MAX_WORDS = 2500
DIAGRAMS = 5

#: Decisions tell of their day; the files that they name may have moved since
DECISIONS = ROOT / "docs" / "decisions"


def documents() -> list[Path]:
    return [README, *sorted((ROOT / "docs").rglob("*.md"))]


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
                    self.assertRegex(path, r"^tests/test_\w+\.py$")
                    self.assert_file(path)

    def test_where_is(self):
        """Each name stands in the file that is said to have it."""
        rows = rows_under("Where is…")
        self.assertEqual(len(rows), 7)
        for question, file, name in rows:
            with self.subTest(question):
                [path], [word] = code(file), code(name)
                self.assert_file(path)
                self.assertRegex((ROOT / path).read_text(), rf"\b{word}\b")

    def test_the_architecture_is_short_and_has_its_diagrams(self):
        text = ARCHITECTURE.read_text()
        self.assertLessEqual(len(text.split()), MAX_WORDS)
        diagrams = re.findall(r"^```mermaid\n(\w+)", text, flags=re.MULTILINE)
        self.assertEqual(len(diagrams), DIAGRAMS, diagrams)
        self.assertLessEqual(set(diagrams), {"flowchart", "sequenceDiagram"})

    def test_every_table_has_its_place(self):
        """The diagram of the tables has those of the database, and no other."""
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
            set(re.findall(r"\bcqrs_\w+", diagram)), {name for (name,) in tables}
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
