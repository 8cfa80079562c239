"""A page for each kind of problem, at its ``type``."""

from html import escape

from odoo.http import Controller, Response, route

from ..models.api.ir_http import UnknownPath
from .problems import BASE, KINDS

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{
    font: 1rem/1.5 sans-serif;
    max-width: 40rem;
    margin: 2rem auto;
    padding: 0 1rem;
}}
</style>
<h1>{title}</h1>
<p>Status {status}</p>
<p>{text}</p>
"""


class ProblemsApi(Controller):
    # Public: a client may meet a problem before it has credentials.
    @route(
        f"{BASE}<string:name>",
        type="cqrs_api",
        auth="none",
        methods=["GET"],
        readonly=True,
        save_session=False,
    )
    def problem(self, name, **parameters):
        """Explain a kind of problem."""
        if name not in KINDS:
            raise UnknownPath()
        kind = KINDS[name]
        page = _PAGE.format(
            title=escape(kind.title), status=kind.status, text=escape(kind.text)
        )
        return Response(page, content_type="text/html; charset=utf-8")
