"""JSON Schemas of the API's answers, one file for each domain.

Each file names its schemas (``component``); answers and fields refer to them (``ref``).
"""

from ....models.support.json_schema import COMPONENTS, ref
from . import (
    accounts,
    changes,
    dashboard,
    events,
    figures,
    flow,
    invoices,
    opportunities,
    parts,
    people,
    problem,
    v1,
    webhooks,
)

__all__ = ["COMPONENTS", "ref"]
