"""JSON Schemas of what the API answers."""

_INTEGER = {"type": "integer"}
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
_BOOLEAN = {"type": "boolean"}
_UUID = {"type": "string", "format": "uuid"}
_DAY = {"type": "string", "format": "date"}
_TIME = {"type": "string", "format": "date-time"}
_CURRENCY = {"type": "string", "description": "ISO 4217, of the amounts beside it."}
_MONEY = {
    "type": "number",
    "description": "Exact, with the digits of the currency; read it as a decimal.",
}


def ref(name: str) -> dict:
    """Return the reference to one of ``COMPONENTS``."""
    return {"$ref": f"#/components/schemas/{name}"}


def obj(**properties) -> dict:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
    }


def array(items: dict) -> dict:
    return {"type": "array", "items": items}


def nullable(schema: dict) -> dict:
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


#: Of an opportunity, ``{field: schema}``
OPPORTUNITY = {
    "odoo_id": _INTEGER,
    "name": _TEXT,
    "value": _MONEY,
    "currency": _CURRENCY,
    "stage": nullable(obj(id=_INTEGER, name=nullable(_TEXT))),
    "status": {"enum": ["pending", "won", "lost"]},
    "salesperson": nullable(
        {
            **obj(
                id=nullable(_UUID),
                user_id=_INTEGER,
                name=nullable(_TEXT),
                email=nullable(_TEXT),
                manager=nullable(obj(name=_TEXT, email=nullable(_TEXT))),
            ),
            "description": "The owner; null if it is unassigned.",
        }
    ),
    "partner": nullable(
        {**obj(id=_INTEGER, name=nullable(_TEXT)), "description": "The customer."}
    ),
    "visible_to_user_ids": {
        **array(_INTEGER),
        "description": "The owner and whoever stands above, as Odoo's user ids.",
    },
    "version": {"type": "integer", "minimum": 1, "description": "Of its stream."},
    "probability": nullable({"type": "number", "minimum": 0, "maximum": 100}),
    "archived": _BOOLEAN,
    "team_id": nullable(_INTEGER),
    "company_id": nullable(_INTEGER),
    "closing_date": nullable({**_DAY, "description": "Expected."}),
    "closed_at": nullable(_TIME),
    "created_at": nullable(_TIME),
    "changed_at": {**_TIME, "description": "Of its last event."},
}

_PERSON = obj(id=_UUID, name=_TEXT, email=nullable(_TEXT))

_HIERARCHY = obj(
    manager=nullable(ref("Person")),
    subordinates=array(ref("Person")),
    is_manager=_BOOLEAN,
    reports_count=_COUNT,
)

_PROFILE = obj(
    id={**_UUID, "description": "Stays the same for ever."},
    email=nullable(_TEXT),
    name=_TEXT,
    odoo=obj(
        user_id=_INTEGER,
        employee_id=nullable(_INTEGER),
        manager_employee_id=nullable(_INTEGER),
    ),
    hierarchy=ref("Hierarchy"),
)

_FIGURES = {
    "pipeline_value": _MONEY,
    "weighted_pipeline": _MONEY,
    "won_revenue": _MONEY,
    "average_value": nullable(_MONEY),
    "active_opportunities": _COUNT,
    "won": _COUNT,
    "lost": _COUNT,
    "win_rate": nullable({"type": "number", "minimum": 0, "maximum": 1}),
}
_CLOSED = {name: _FIGURES[name] for name in ("won_revenue", "won", "lost", "win_rate")}
_SCOPES = {**_FIGURES, "own": ref("Figures"), "team": ref("Figures")}

_COUNTS = obj(total=_COUNT, own=_COUNT, subordinates=_COUNT)

_METRICS = {
    "user_id": _INTEGER,
    "currency": _CURRENCY,
    **_SCOPES,
    "amounts": {
        **array(
            obj(
                currency=_CURRENCY,
                rate={"type": "number", "description": "Of today, into `currency`."},
                pipeline_value=_MONEY,
                weighted_pipeline=_MONEY,
                won_revenue=_MONEY,
            )
        ),
        "description": "What was converted, in each currency.",
    },
    "computed_at": _TIME,
}

_NODE = obj(
    id=_UUID,
    user_id=_INTEGER,
    name=_TEXT,
    email=nullable(_TEXT),
    is_manager=_BOOLEAN,
    reports_count=_COUNT,
)
_NODE["properties"]["metrics"] = {
    **obj(currency=_CURRENCY, **_SCOPES),
    "description": "With `metrics=true`.",
}

#: What an item of the dashboard has
_ITEM = obj(**{name: OPPORTUNITY[name] for name in list(OPPORTUNITY)[:10]})

_NEXT = {
    "type": ["string", "null"],
    "description": "The `cursor` of the next page; null on the last one.",
}

_EVENT = obj(
    specversion={"const": "1.0"},
    id=_UUID,
    source=_TEXT,
    type={**_TEXT, "description": "As `crm_cqrs.OpportunityWon`."},
    subject={**_TEXT, "description": "The record, as `crm.lead/42`."},
    time=_TIME,
    datacontenttype=_TEXT,
    schemaversion=_INTEGER,
    streamversion=_INTEGER,
    position=_TEXT,
    epoch=_INTEGER,
    cursor={**_TEXT, "description": "To go on after this event."},
    origin=_TEXT,
    moduleversion=_TEXT,
    hash={**_TEXT, "description": "SHA-256 of the event and those before it."},
    data=obj(
        version=_INTEGER,
        before={
            "type": ["object", "null"],
            "description": "The changed fields as they were.",
        },
        after={
            "type": ["object", "null"],
            "description": "The changed fields as they are since.",
        },
        details={"type": ["object", "null"]},
    ),
)
_EVENT["properties"] |= {
    "userid": {**_INTEGER, "description": "Made as this user."},
    "actinguserid": {**_INTEGER, "description": "Who was logged in."},
    "companyid": _INTEGER,
    "correlationid": {
        **_TEXT,
        "description": "Of the request that made it: the client's own, if it sent an"
        " `X-Correlation-ID`.",
    },
}

COMPONENTS = {
    "Person": _PERSON,
    "Hierarchy": _HIERARCHY,
    "Profile": _PROFILE,
    "Figures": obj(**_FIGURES),
    "Metrics": obj(**_METRICS),
    "Opportunity": {
        "type": "object",
        "properties": OPPORTUNITY,
        "description": "All of it, or the `fields` asked for.",
    },
    "Node": _NODE,
    "Dashboard": obj(
        user=ref("Profile"),
        metrics=ref("Metrics"),
        opportunities={
            **_COUNTS,
            "required": [*_COUNTS["required"], "items"],
            "properties": {**_COUNTS["properties"], "items": array(_ITEM)},
        },
        hierarchy=ref("Hierarchy"),
        meta=obj(
            position=_INTEGER,
            left_out={
                **_COUNT,
                "description": "Records that could not be applied to the read models,"
                " and are neither listed nor counted until they can be.",
            },
            generated_at=_TIME,
        ),
    ),
    "Opportunities": obj(
        total={**_COUNT, "description": "Of all pages."},
        items=array(ref("Opportunity")),
        next=_NEXT,
    ),
    "Level": obj(
        parent=ref("Node"),
        total={**_COUNT, "description": "Of the parent's reports."},
        items=array(ref("Node")),
        next=_NEXT,
    ),
    "MetricsBy": {
        **obj(**_METRICS, opportunities=_COUNTS),
        "properties": {
            **_METRICS,
            "opportunities": _COUNTS,
            "groups": {
                **array(
                    {
                        **obj(**_SCOPES),
                        "properties": {
                            **_SCOPES,
                            "stage": nullable(obj(id=_INTEGER, name=nullable(_TEXT))),
                            "salesperson": nullable(
                                obj(
                                    id=nullable(_UUID),
                                    user_id=_INTEGER,
                                    name=nullable(_TEXT),
                                    email=nullable(_TEXT),
                                )
                            ),
                            "month": {
                                "type": ["string", "null"],
                                "pattern": "^[0-9]{4}-[0-9]{2}$",
                            },
                        },
                    }
                ),
                "description": (
                    "With `by`: the figures of each stage, salesperson or month, which"
                    " stands beside them under its name; last those without one, null."
                ),
            },
        },
    },
    "MetricsSeries": obj(
        user_id=_INTEGER,
        currency=_CURRENCY,
        months=array(
            obj(
                month={"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
                until={**_TIME, "description": "The end of the month, or now."},
                **_SCOPES,
            )
        ),
        before=nullable(
            obj(
                **{"from": _TIME, "until": _TIME},
                **_CLOSED,
                own=obj(**_CLOSED),
                team=obj(**_CLOSED),
            )
        ),
        recorded_since=nullable(
            {**_TIME, "description": "The time of the first event."}
        ),
        computed_at=_TIME,
    ),
    "Access": obj(
        user_id=_INTEGER,
        accessible_opportunities={**_COUNT, "description": "Not archived."},
        is_manager=_BOOLEAN,
        subordinate_count={**_COUNT, "description": "Of all levels below."},
        opportunity_id=_INTEGER,
        visible=_BOOLEAN,
        reasons={**array(_TEXT), "description": "In words, for a person to read."},
    ),
    "Event": {**_EVENT, "description": "A CloudEvent (1.0, structured)."},
    "Events": obj(
        events=array(ref("Event")),
        next={
            "type": ["string", "null"],
            "description": "The `cursor` to go on with, also once the log has grown.",
        },
    ),
    "Problem": {
        **obj(type={"type": "string", "format": "uri-reference"}, status=_INTEGER),
        "properties": {
            "type": {
                "type": "string",
                "format": "uri-reference",
                "description": "Which kind of problem; stays the same.",
            },
            "title": _TEXT,
            "status": _INTEGER,
            "detail": _TEXT,
            "parameter": {**_TEXT, "description": "The parameter to blame."},
            "groups": {
                **array(_TEXT),
                "description": "Groups of Odoo, one of which is missing.",
            },
            "trace_id": {**_TEXT, "description": "Also stands in the server's log."},
        },
    },
}
