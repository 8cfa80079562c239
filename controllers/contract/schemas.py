"""JSON Schemas of the API's answers."""

from ...models.dashboard.dashboard import DASHBOARD_FIELDS
from ...models.documents.invoice_totals import AGES
from ...models.metrics.groupings import GROUPINGS, member
from ...models.opportunities.as_json import API_FIELDS
from ...models.opportunities.pace import KINDS
from ...models.past.certainty import MISSING
from ...models.past.change_kinds import KINDS as CHANGES
from ...models.support.json_schema import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    DAY,
    INTEGER,
    MONEY,
    TEXT,
    TIME,
    TIME_ZONE,
    UUID,
    array,
    nullable,
    obj,
)
from .account_schemas import SCHEMAS as ACCOUNT_SCHEMAS
from .webhook_schemas import SCHEMAS


def ref(name: str) -> dict:
    """Return the reference to one of ``COMPONENTS``."""
    return {"$ref": f"#/components/schemas/{name}"}


#: ``{field: schema}`` of an opportunity
OPPORTUNITY = {field.name: field.schema for field in API_FIELDS.values()}

_PERSON = obj(id=UUID, name=TEXT, email=nullable(TEXT))

_HIERARCHY = obj(
    manager=nullable(ref("Person")),
    subordinates=array(ref("Person")),
    is_manager=BOOLEAN,
    reports_count=COUNT,
)

_PROFILE = obj(
    id={**UUID, "description": "Stays the same for ever."},
    email=nullable(TEXT),
    name=TEXT,
    odoo=obj(
        user_id=INTEGER,
        employee_id=nullable(INTEGER),
        manager_employee_id=nullable(INTEGER),
    ),
    hierarchy=ref("Hierarchy"),
)


def _exact(*names: str) -> dict:
    amount = {"type": "number"}
    return {
        **obj(**dict.fromkeys(names, amount)),
        "description": "The amounts unrounded, with all their digits.",
    }


_EXACT = _exact("pipeline_value", "weighted_pipeline", "won_revenue")
_EXACT["properties"] |= dict.fromkeys(
    ("pipeline_value", "weighted_pipeline"), nullable({"type": "number"})
)

_UNKNOWN = (
    "Null as of a moment of which it is not known, since some of the opportunities are"
    " reconstructed."
)


def _known(schema: dict) -> dict:
    """Return the schema of a figure that may be unknown as of a moment."""
    description = " ".join(filter(None, (schema.get("description"), _UNKNOWN)))
    return {**nullable(schema), "description": description}


_FIGURES = {
    "pipeline_value": _known(MONEY),
    "weighted_pipeline": _known(MONEY),
    "won_revenue": MONEY,
    "average_value": nullable(MONEY),
    "active_opportunities": _known(COUNT),
    "won": COUNT,
    "lost": COUNT,
    "win_rate": nullable({"type": "number", "minimum": 0, "maximum": 1}),
    "exact": _EXACT,
}
_CLOSED = {
    **{name: _FIGURES[name] for name in ("won_revenue", "won", "lost", "win_rate")},
    "exact": _exact("won_revenue"),
}
_SCOPES = {**_FIGURES, "own": ref("Figures"), "team": ref("Figures")}

_DAYS = nullable({"type": "number", "minimum": 0})
_FLOW = {
    "stages": array(
        obj(
            stage=nullable(obj(id=INTEGER, name=nullable(TEXT))),
            entered={**COUNT, "description": "Moves into it, of any kind."},
            moved_on={**COUNT, "description": "To a later stage."},
            moved_back={**COUNT, "description": "To an earlier stage."},
            won={**COUNT, "description": "Won from there."},
            lost={**COUNT, "description": "Lost from there."},
            median_days={
                **_DAYS,
                "description": "Of the stays that ended in the period by moving, being"
                " won or lost: the shortest that half of them are no longer than.",
            },
            p90_days={**_DAYS, "description": "The same of nine in ten."},
        )
    ),
    "deals": {**COUNT, "description": "Won or lost in the period."},
    "won": COUNT,
    "lost": COUNT,
    "win_rate": nullable({"type": "number", "minimum": 0, "maximum": 1}),
    "won_revenue": MONEY,
    "average_value": nullable({**MONEY, "description": "Of the won deals."}),
    "cycle_days": {
        **_DAYS,
        "description": "The mean time for which the won deals had been open.",
    },
    "velocity": {
        **nullable(MONEY),
        "description": "Deals × average value × win rate ÷ cycle days: an amount a"
        " day.",
    },
    "exact": _exact("won_revenue"),
}

_AT_STAKE = {
    "count": COUNT,
    "amount": MONEY,
    "exact": {"type": "number", "description": "The amount, unrounded."},
}

_DUE = obj(
    count=COUNT,
    amount=MONEY,
    exact={"type": "number", "description": "The amount, unrounded."},
)
_DATED = {
    "due": _known(
        {**_DUE, "description": "Pending, and expected to close today or later."}
    ),
    "overdue": _known(
        {**_DUE, "description": "Pending, and expected to close on a day before today."}
    ),
}

_OF_DOCUMENTS = "Absent without such documents in Odoo, and if you may read none."
_UNCOUNTED = obj(**{n: s for n, s in _DUE["properties"].items() if n != "count"})
_ORDERS_AND_INVOICES = {
    name: {**schema, "description": f"{what} {_OF_DOCUMENTS}"}
    for name, schema, what in (
        ("ordered", _DUE, "Confirmed orders, untaxed."),
        ("invoiced", _DUE, "Posted invoices, untaxed, less credit notes."),
        ("credited", _UNCOUNTED, "The credit notes among them: negative."),
        ("paid", _UNCOUNTED, "Of the totals of posted invoices, with taxes."),
        ("open", _UNCOUNTED, "What is still to be paid of them."),
        (
            "overdue_invoices",
            _DUE,
            "Due before today, of all invoices. (`overdue` are opportunities.)",
        ),
    )
}

_TZ = {**TIME_ZONE, "description": "The zone at whose midnight days begin."}

_FISCAL = {
    "year": {**TEXT, "description": "The fiscal year, as 2026 or 2025–2026."},
    "quarter": {"type": "integer", "minimum": 1, "maximum": 4},
}

_BEFORE = {
    **nullable(
        obj(
            **{"from": TIME, "until": TIME},
            **_FISCAL,
            **_CLOSED,
            own=obj(**_CLOSED),
            team=obj(**_CLOSED),
        )
    ),
    "description": (
        "What was closed in the period before, in as much of it as has passed of this"
        " one."
    ),
}

_PERIOD = {
    **nullable(
        obj(
            name=nullable(TEXT),
            **{"from": nullable(TIME), "until": nullable(TIME)},
            **_FISCAL,
        )
    ),
    "description": "The period asked for; null for any time.",
}

#: ``{field: schema}`` of what each answer of the past rests on (``past/certainty.py``)
CERTAINTY = {
    "recorded_since": {
        **nullable(TIME),
        "description": "The first event; earlier moments are reconstructed.",
    },
    "reconstructed": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": (
            "The share of the opportunities behind the figures that is reconstructed"
            " from what Odoo has tracked."
        ),
    },
    "missing": {
        **array({"type": "string", "enum": list(MISSING)}),
        "description": (
            "What is not known before recording began: deleted opportunities, so that"
            " totals may be too low; probabilities and closing dates, so that figures"
            " which need them are null."
        ),
    },
}

_COUNTS = obj(total=COUNT, own=COUNT, subordinates=COUNT)

_METRICS = {
    "user_id": INTEGER,
    "currency": CURRENCY,
    **_FIGURES,
    **_DATED,
    "own": ref("DatedFigures"),
    "team": ref("DatedFigures"),
    "tz": _TZ,
    "period": _PERIOD,
    "before": _BEFORE,
    "amounts": {
        **array(
            obj(
                currency=CURRENCY,
                rate={"type": "number", "description": "Of today, into `currency`."},
                pipeline_value=_known(MONEY),
                weighted_pipeline=_known(MONEY),
                won_revenue=MONEY,
                exact=_EXACT,
            )
        ),
        "description": "What was converted, in each currency.",
    },
    "computed_at": TIME,
}


def _with_documents(schema: dict) -> dict:
    """Return the schema of an object that may have ``_ORDERS_AND_INVOICES``."""
    return {**schema, "properties": schema["properties"] | _ORDERS_AND_INVOICES}


_NODE = obj(
    id=UUID,
    user_id=INTEGER,
    name=TEXT,
    email=nullable(TEXT),
    is_manager=BOOLEAN,
    reports_count=COUNT,
)
_NODE["properties"]["is_former"] = {
    **BOOLEAN,
    "description": "With `former=true`: archived, or no employee any more.",
}
_NODE["properties"]["metrics"] = {
    **obj(currency=CURRENCY, **_SCOPES),
    "description": "With `metrics=true`.",
}

#: An opportunity on the dashboard
_ITEM = obj(**{name: OPPORTUNITY[name] for name in DASHBOARD_FIELDS})

_NAMED = nullable(obj(id=INTEGER, name=nullable(TEXT)))
_SALESPERSON = nullable(
    obj(id=nullable(UUID), user_id=INTEGER, name=nullable(TEXT), email=nullable(TEXT))
)
_MONTH = {"type": ["string", "null"], "pattern": "^[0-9]{4}-[0-9]{2}$"}

_NEXT = {
    "type": ["string", "null"],
    "description": "The `cursor` of the next page; null on the last one.",
}

_EVENT = obj(
    specversion={"const": "1.0"},
    id=UUID,
    source=TEXT,
    type={**TEXT, "description": "As `crm_cqrs.OpportunityWon`."},
    subject={**TEXT, "description": "The record, as `crm.lead/42`."},
    time=TIME,
    datacontenttype=TEXT,
    schemaversion=INTEGER,
    streamversion=INTEGER,
    position=TEXT,
    epoch=INTEGER,
    cursor={**TEXT, "description": "To go on after this event."},
    origin=TEXT,
    moduleversion=TEXT,
    hash={**TEXT, "description": "SHA-256 of the event and those before it."},
    data=obj(
        version=INTEGER,
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
    "userid": {**INTEGER, "description": "Made as this user."},
    "actinguserid": {**INTEGER, "description": "Who was logged in."},
    "companyid": INTEGER,
    "erased": {
        "const": True,
        "description": "The personal values of this event have been erased.",
    },
    "correlationid": {
        **TEXT,
        "description": "Of the request that made it: the client's own, if it sent an"
        " `X-Correlation-ID`.",
    },
}

_CURSOR = {**TEXT, "description": "To go on after this message."}
_NOTICE = {"specversion": {"const": "1.0"}, "id": UUID, "source": TEXT}
_REMOVED = obj(
    **_NOTICE,
    type={"const": "crm_cqrs.removed"},
    subject={**TEXT, "description": "The opportunity that has left your view."},
    cursor=_CURSOR,
)
_RESYNC = obj(**_NOTICE, type={"const": "crm_cqrs.resync"}, cursor=_CURSOR)

_EXACTLY = {"type": "number", "description": "The amount, unrounded."}
_FIGURE = {"amount": MONEY, "exact": _EXACTLY, "count": COUNT}

#: ``{field: schema}`` of the window of an answer
_WINDOW = {
    "from": TIME,
    "to": TIME,
    "currency": CURRENCY,
    "settled": {
        **BOOLEAN,
        "description": "No transaction that began before the end is open. Until then"
        " the past may still change.",
    },
}
_CHANGER = nullable(
    obj(id=nullable(UUID), user_id=INTEGER, name=nullable(TEXT)),
)
_STATE = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "value": MONEY,
        "currency": CURRENCY,
        "stage": _NAMED,
        "closing_date": OPPORTUNITY["closing_date"],
        "salesperson": _CHANGER,
        "status": {
            "enum": [
                *("pending", "won", "lost"),
                *("elsewhere", "left", "deleted", "merged"),
            ],
            "description": "Of one that was not seen there is nothing else: it was"
            " `elsewhere`, or has `left`; nor of one that is `deleted` or `merged`.",
        },
        "archived": BOOLEAN,
        "type": {"enum": ["lead", "opportunity"]},
    },
}

_UNTIL = {
    **TIME,
    "description": "Its end, at the zone's midnight, or now: the moment of the levels.",
}

_SERIES = {
    "user_id": INTEGER,
    "currency": CURRENCY,
    "tz": _TZ,
    "before": _BEFORE,
    "recorded_since": {
        **nullable(TIME),
        "description": "The time of the first event.",
    },
    "computed_at": TIME,
}

COMPONENTS = {
    "Changes": obj(
        **_WINDOW,
        start=obj(**_FIGURE),
        changes={
            **array(obj(kind={"enum": [*CHANGES]}, **_FIGURE)),
            "description": "Signed: what leaves is negative. `start` and all of these"
            " add up to `end`, as they are rounded and as they are exact. Kinds without"
            " opportunities are left out.",
        },
        end=obj(**_FIGURE),
        **CERTAINTY,
    ),
    "ChangedOpportunities": obj(
        kind={"enum": [*CHANGES]},
        **_WINDOW,
        total={**COUNT, "description": "Of all pages."},
        amount={**MONEY, "description": "Of all pages."},
        exact=_EXACTLY,
        items=array(
            obj(
                odoo_id=INTEGER,
                name=nullable(TEXT),
                before=nullable(_STATE),
                after=_STATE,
                change={**MONEY, "description": "What it adds to the amount."},
                exact=_EXACTLY,
                changed_by=_CHANGER,
                changed_at=nullable(TIME),
            )
        ),
        next=_NEXT,
        **CERTAINTY,
    ),
    "Person": _PERSON,
    "Hierarchy": _HIERARCHY,
    "Profile": _PROFILE,
    "Figures": obj(**_FIGURES),
    "DatedFigures": _with_documents(obj(**_FIGURES, **_DATED)),
    "Metrics": _with_documents(obj(**_METRICS)),
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
            position=INTEGER,
            left_out={
                **COUNT,
                "description": "Records that could not be applied to the read models,"
                " and are neither listed nor counted until they can be.",
            },
            generated_at=TIME,
        ),
    ),
    "Opportunities": obj(
        total={**COUNT, "description": "Of all pages."},
        items=array(ref("Opportunity")),
        next=_NEXT,
    ),
    "Invoice": obj(
        odoo_id=INTEGER,
        number=nullable(TEXT),
        type={"enum": ["invoice", "credit_note", "receipt"]},
        status={"enum": ["draft", "open", "overdue", "paid", "cancelled"]},
        payment_state={
            **nullable(TEXT),
            "description": "As Odoo has it, of a posted one: `not_paid`, `in_payment`,"
            " `partial`, `paid`, `reversed` and so on.",
        },
        account={**_NAMED, "description": "The customer's company."},
        salesperson=_SALESPERSON,
        team_id=nullable(INTEGER),
        company_id=nullable(INTEGER),
        date=nullable(DAY),
        due_date={**nullable(DAY), "description": "Of its last instalment."},
        overdue_days={
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "Since the first unpaid part was due, if it was.",
        },
        currency=CURRENCY,
        total={**MONEY, "description": "With taxes; of a credit note negative."},
        open={**MONEY, "description": "What is still to be paid of it."},
        booked={
            **obj(
                currency=CURRENCY, untaxed=MONEY, total=MONEY, open=MONEY, overdue=MONEY
            ),
            "description": "The amounts in the company's currency, as booked.",
        },
        version=COUNT,
        changed_at={**TIME, "description": "Of its last event."},
    ),
    "Invoices": obj(
        total={**COUNT, "description": "Of all pages, as all amounts beside it."},
        currency=CURRENCY,
        invoiced={**_DUE, "description": "Untaxed, less credit notes; posted ones."},
        open={**_DUE, "description": "What is still to be paid."},
        overdue={**_DUE, "description": "The part of it that was due before today."},
        ageing={
            **obj(**dict.fromkeys(AGES, _DUE)),
            "description": "What is open, by the days for which each part is overdue."
            " The ages add up to it; an invoice in instalments may be in several.",
        },
        items=array(ref("Invoice")),
        next=_NEXT,
    ),
    "Level": obj(
        parent=ref("Node"),
        total={**COUNT, "description": "Of the parent's reports."},
        items=array(ref("Node")),
        former={
            **nullable(
                {
                    **obj(count=COUNT),
                    "properties": {
                        "count": COUNT,
                        "metrics": _NODE["properties"]["metrics"],
                    },
                }
            ),
            "description": "Former salespeople below the parent, and who reported to"
            " them: whose opportunities count in the parent's team and in no report's."
            " Null if there are none, and among these people themselves.",
        },
        next=_NEXT,
    ),
    "MetricsBy": {
        **obj(**_METRICS, opportunities=_COUNTS),
        "properties": {
            **_METRICS,
            **_ORDERS_AND_INVOICES,
            "opportunities": _COUNTS,
            "document_groups": {
                **array(
                    {
                        "type": "object",
                        "properties": {
                            "salesperson": _SALESPERSON,
                            "sales_team": _NAMED,
                            "month": _MONTH,
                            **_ORDERS_AND_INVOICES,
                        },
                    }
                ),
                "description": (
                    "With `by` as `salesperson`, `team` or `month`: the orders and"
                    " invoices of each, which add up to those of all. The month is that"
                    " of ordering, or of the invoice."
                ),
            },
            "groups": {
                **array(
                    {
                        **obj(**_SCOPES),
                        "properties": {
                            **_SCOPES,
                            **{
                                member(name): _NAMED
                                for name in GROUPINGS
                                if name not in ("salesperson", "month")
                            },
                            "salesperson": _SALESPERSON,
                            "month": _MONTH,
                        },
                    }
                ),
                "description": (
                    "With `by`: the figures of each stage, salesperson and so on, which"
                    " stands beside them under its name (a team as `sales_team`), null"
                    " for those without one."
                    " Without `sort` all of them in order of their labels, null last."
                    " Groups of tags overlap: they add up to more than the whole."
                ),
            },
            "group_count": {**COUNT, "description": "With pages: of all pages."},
            "next": _NEXT,
        },
    },
    "MetricsSeries": {
        **obj(**_SERIES),
        "properties": {
            **_SERIES,
            "months": {
                **array(
                    obj(
                        month={"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
                        until=_UNTIL,
                        **_SCOPES,
                    )
                ),
                "description": "Without `every`.",
            },
            "every": {
                "enum": ["day", "week", "month", "quarter"],
                "description": "With `every`: the same.",
            },
            "periods": {
                **array(obj(**{"from": DAY}, until=_UNTIL, **_SCOPES)),
                "description": "With `every`: the periods, each from its first day on.",
            },
        },
    },
    "Flow": {
        **obj(
            user_id=INTEGER,
            **{"from": TIME},
            until={**TIME, "description": "The moment after the last one."},
            currency=CURRENCY,
            tz=_TZ,
            settled={
                **BOOLEAN,
                "description": "No transaction that began in the period is open.",
            },
            **_FLOW,
            **CERTAINTY,
            computed_at=TIME,
        ),
    },
    "Attention": obj(
        user_id=INTEGER,
        currency=CURRENCY,
        kinds={
            **array(obj(kind={"enum": list(KINDS)}, **_AT_STAKE)),
            "description": "Each kind once. An opportunity may be of several.",
        },
        any={**obj(**_AT_STAKE), "description": "Of one kind or several."},
        computed_at=TIME,
    ),
    "Access": obj(
        user_id=INTEGER,
        accessible_opportunities={**COUNT, "description": "Not archived."},
        is_manager=BOOLEAN,
        subordinate_count={**COUNT, "description": "Of all levels below."},
        opportunity_id=INTEGER,
        visible=BOOLEAN,
        reasons={**array(TEXT), "description": "In words, for a person to read."},
    ),
    "Event": {**_EVENT, "description": "A CloudEvent (1.0, structured)."},
    "Message": {"anyOf": [ref("Event"), ref("Removed"), ref("Resync")]},
    "Removed": _REMOVED,
    "Resync": _RESYNC,
    "Events": obj(
        events=array(ref("Message")),
        next={
            **TEXT,
            "description": "The `cursor` to go on with, also once the log has grown.",
        },
        more={**BOOLEAN, "description": "There is more to read already."},
    ),
    **ACCOUNT_SCHEMAS,
    **SCHEMAS,
    "Problem": {
        **obj(type={"type": "string", "format": "uri-reference"}, status=INTEGER),
        "properties": {
            "type": {
                "type": "string",
                "format": "uri-reference",
                "description": "Which kind of problem; stays the same.",
            },
            "title": TEXT,
            "status": INTEGER,
            "detail": TEXT,
            "parameter": {**TEXT, "description": "The parameter to blame."},
            "groups": {
                **array(TEXT),
                "description": "Groups of Odoo, one of which is missing.",
            },
            "since": {
                **nullable(TIME),
                "description": "From when on there is history.",
            },
            "scope": {**TEXT, "description": "The scope that the API key lacks."},
            "trace_id": {**TEXT, "description": "Also stands in the server's log."},
        },
    },
}

COMPONENTS["Flow"]["properties"]["groups"] = {
    **array(
        {
            **obj(**_FLOW),
            "properties": {
                **_FLOW,
                "sales_team": _NAMED,
                "salesperson": _SALESPERSON,
                "month": _MONTH,
            },
        }
    ),
    "description": "With `by`: the flow of each, which stands beside its figures under"
    " its name (a team as `sales_team`), null for those without one.",
}

#: The members by which an answer with `as_of` tells of its moment
_PAST = {
    "as_of": {**TIME, "description": "With `as_of`: the moment."},
    "settled": {
        **BOOLEAN,
        "description": "With `as_of`: no transaction that began before the moment is"
        " open. Until then the past may still change.",
    },
    **CERTAINTY,
}
for _name in ("Dashboard", "MetricsBy", "Opportunities", "Level"):
    COMPONENTS[_name]["properties"] |= _PAST
