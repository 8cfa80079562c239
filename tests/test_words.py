"""Docstrings name the thing that they describe, or say what it does.

A relative clause in the place of a noun ("What is said of owners", "Whose it is") makes
the reader guess; so does a fronted genitive ("Of the events, the last").
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from odoo.tests import BaseCase, tagged

ROOT = Path(__file__).parent.parent

#: Words that no docstring begins with
REFUSED = {"What", "Whose", "Whom", "Who", "Of", "That", "How", "Which"}

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_JSDOC = re.compile(r"/\*\*[\s*]*(.*)")
_DOC_COMMENT = re.compile(r"((?:^[ ]*#:.*\n)+)", re.MULTILINE)


def first_lines(file: Path) -> Iterator[str]:
    """Yield the first line of each docstring, JSDoc or ``#:`` comment of a file."""
    text = file.read_text()
    if file.suffix == ".js":
        yield from _JSDOC.findall(text)
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, _DOCUMENTED) and (docstring := ast.get_docstring(node)):
            yield docstring.partition("\n")[0]
    for comment in _DOC_COMMENT.findall(text):
        yield comment.strip().removeprefix("#:").partition("\n")[0].strip()


def refused(lines: Iterator[str]) -> list[str]:
    return [line for line in lines if re.split(r"\W", line, maxsplit=1)[0] in REFUSED]


@tagged("post_install", "-at_install")
class TestWords(BaseCase):
    def test_docstrings_begin_with_a_noun_or_a_verb(self):
        files = [
            file
            for folder, suffix in (
                ("models", "py"),
                ("controllers", "py"),
                ("static/src", "js"),
            )
            for file in sorted((ROOT / folder).rglob(f"*.{suffix}"))
        ]
        found = {
            file.relative_to(ROOT).as_posix(): lines
            for file in files
            if (lines := refused(first_lines(file)))
        }
        self.assertEqual(found, {})
        # Nothing would be found where nothing is read.
        self.assertGreater(sum(len([*first_lines(file)]) for file in files), 500)

    def test_refused_words_are_seen(self):
        self.assertEqual(
            refused(["What it is.", "Of two, one.", "Thatch.", "The owner.", ""]),
            ["What it is.", "Of two, one."],
        )
