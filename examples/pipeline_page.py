"""The pipeline of whoever the key belongs to, as a page, on generated clients.

    pip install openapi-python-client datamodel-code-generator httpx pydantic
    openapi-python-client generate --url $URL/api/v2/openapi.json \\
        --meta none --output-path crm
    datamodel-codegen --url $URL/api/v2/openapi.json --input-file-type openapi \\
        --output-model-type pydantic_v2.BaseModel --use-annotated \\
        --collapse-root-models --output crm_models.py
    python pipeline_page.py $URL $KEY > pipeline.html

The client asks: it knows every path and parameter. The models hold the answers: in
them an amount is a ``Decimal``, with all digits that were sent.
"""

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from html import escape
from typing import Any, TypeVar

import crm_models as models
from crm import AuthenticatedClient
from crm.api.dashboard import metrics
from crm.api.opportunities import opportunities
from crm.models import MetricsByItem, OpportunitiesStatusItem
from crm.types import UNSET, Response
from pydantic import BaseModel

Answer = TypeVar("Answer", bound=BaseModel)

PAGE_SIZE = 50


def read(kind: type[Answer], response: Response[Any]) -> Answer:
    """Return an answer with its amounts as decimals; a problem ends the program."""
    # Not response.parsed, where they have gone through floats.
    values = json.loads(response.content, parse_float=Decimal)
    if response.status_code != 200:
        problem = models.Problem.model_validate(values)
        sys.exit(f"{problem.title}: {problem.detail or ''} ({problem.trace_id})")
    return kind.model_validate(values)


def open_deals(client: AuthenticatedClient) -> Iterator[models.Opportunity]:
    """Yield all open opportunities, the most valuable first."""
    cursor: str | None = None
    while True:
        response = opportunities.sync_detailed(
            client=client,
            status=[OpportunitiesStatusItem.PENDING],
            limit=PAGE_SIZE,
            cursor=cursor or UNSET,
        )
        found = read(models.Opportunities, response)
        yield from found.items
        cursor = found.next
        if cursor is None:
            return


def row(name: str | None, pipeline: Decimal | None, won: Decimal) -> str:
    shown = "unknown" if pipeline is None else f"{pipeline:,f}"
    return f"<tr><td>{escape(name or '')}</td><td>{shown}</td><td>{won:,f}</td></tr>"


def page(client: AuthenticatedClient) -> str:
    """Return the page as HTML."""
    response = metrics.sync_detailed(client=client, by=[MetricsByItem.SALESPERSON])
    figures = read(models.GroupedMetrics, response)
    groups = figures.groups or []
    # Parts are rounded so that they add up to their whole, to the cent.
    if sum(group.won_revenue for group in groups) != figures.won_revenue:
        raise ValueError("The groups do not add up.")
    lines = ["<h1>Pipeline</h1>", f"<table><caption>{figures.currency}</caption>"]
    for group in groups:
        person = group.salesperson
        name = person.name if person else "Nobody"
        lines.append(row(name, group.pipeline_value, group.won_revenue))
    lines.append(row("All", figures.pipeline_value, figures.won_revenue))
    lines += ["</table>", "<ol>"]
    for deal in open_deals(client):
        stage = deal.stage.name if deal.stage else None
        value = f"{deal.value:,f} {deal.currency}"
        lines.append(
            f"<li>{escape(deal.name)}: {value}, {escape(stage or 'none')}</li>"
        )
    return "\n".join([*lines, "</ol>"])


if __name__ == "__main__":
    url, key = sys.argv[1:]
    print(page(AuthenticatedClient(base_url=url, token=key)))  # pylint: disable=print-used
