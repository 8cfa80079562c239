"""The schema of problems (RFC 9457)."""

from ....models.support.json_schema import (
    MAX_TEXT,
    TEXT,
    TEXTS,
    TIME,
    component,
    integer,
    nullable,
    obj,
    optional,
    string,
)

# What was asked for may stand in them, also what PostgreSQL would not keep.
_ECHO = string(MAX_TEXT, r"^[\s\S]*$")

component(
    "Problem",
    optional(
        obj(
            type={
                "type": "string",
                "format": "uri-reference",
                "maxLength": 200,
                "description": "Which kind of problem; stays the same.",
            },
            title=TEXT,
            status=integer(400, 599),
            trace_id={**TEXT, "description": "Also stands in the server's log."},
        ),
        detail=_ECHO,
        parameter={**_ECHO, "description": "The parameter to blame."},
        groups={
            **TEXTS,
            "description": "Groups of Odoo, one of which is missing.",
        },
        since={**nullable(TIME), "description": "From when on there is history."},
        scope={**TEXT, "description": "The scope that the API key lacks."},
        successor={**TEXT, "description": "The route that replaces this one."},
        read_models={**TEXTS, "description": "Those that cannot be read."},
    ),
)
