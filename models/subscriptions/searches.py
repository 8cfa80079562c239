"""The search of a view, as the dashboard's address has it, for whoever reads it when.

An address has what Odoo's search bar shows: names of filters (``"mine"``), periods
(``"closing/month"``), conditions of fields (``["user_id", "=", 7]``), and domains of
favorites and custom filters (``{"domain": [...]}``). So a search is each reader's own,
and of the day of reading: *mine* are the reader's opportunities, *this month* moves on.

>>> facets_of('["mine", ["user_id", "=", 7], 5, {"domain": "x"}]')
('mine', ['user_id', '=', 7])
>>> facets_of("Anna"), facets_of("")
((['search_text', 'ilike', 'Anna'],), ())

What holds together follows from the search view, as in Odoo's own ``SearchModel``:
filters between two separators hold one or another, and so do the values of a field.
"""

import json
import re
from datetime import date, datetime, timezone
from typing import NamedTuple
from zoneinfo import ZoneInfo

import babel.dates
from dateutil.relativedelta import relativedelta
from lxml import etree

from odoo.fields import Domain
from odoo.tools import safe_eval
from odoo.tools.misc import babel_locale_parse, get_lang

from ..opportunities.domains import MODEL, canonical
from ..opportunities.filters import MAX_TEXT
from ..support.periods import midnight

VIEW = "crm_cqrs.dashboard_view_search"
#: Facets of a search
MAX_FACETS = 50

_QUARTERS = ("first_quarter", "second_quarter", "third_quarter", "fourth_quarter")
_OFFSET = re.compile(r"(month|year)([+-]\d{1,3})?")


def facets_of(text: str) -> tuple:
    """Return the facets of an address; anybody may have written it."""
    try:
        given = json.loads(text) if text else []
    except (ValueError, RecursionError):
        # Addresses of former versions have words.
        given = text
    if not isinstance(given, list):
        return (["search_text", "ilike", text[:MAX_TEXT]],)
    return tuple(facet for facet in given if _is_facet(facet))[:MAX_FACETS]


def _is_facet(facet) -> bool:
    if isinstance(facet, list):
        return (
            len(facet) == 3
            and all(isinstance(each, str) for each in facet[:2])
            and isinstance(facet[2], (str, int, float, bool))
        )
    if isinstance(facet, dict):
        return facet.keys() == {"domain"} and isinstance(facet["domain"], list)
    return isinstance(facet, str)


class Search(NamedTuple):
    """A search as one reader reads it on one day.

    :ivar domain: as of ``Filters``; None finds everything
    :ivar texts: its facets in the reader's language, which hold together
    """

    domain: str | None
    texts: list[str]


class _Item(NamedTuple):
    """A part of the search view.

    :ivar group: parts of the same one hold one or another
    """

    group: object
    node: etree.Element


class _Part(NamedTuple):
    label: str | None
    text: str
    domain: Domain


def search_of(env, facets: tuple, today: date, zone: ZoneInfo) -> Search:
    """Return what facets ask for.

    :param env: of the reader
    :param today: the reader's day, in the ``zone``
    :raise ValueError: the search bar has a facet no more, or the reader may not ask it
    """
    if not facets:
        return Search(None, [])
    reading, groups, filters = _Reading(env, today, zone), {}, {}
    found = []
    for facet in facets:
        if isinstance(facet, dict):
            part = _Part(None, env._("Custom Filter"), Domain(facet["domain"]))
            found.append((len(found), part))
        elif isinstance(facet, list):
            found.append(reading.condition(*facet))
        else:
            name, __, option = facet.partition("/")
            filters.setdefault(name, []).append(option)
    found += [reading.filter(name, options) for name, options in filters.items()]
    for group, part in found:
        groups.setdefault(group, []).append(part)
    domain = Domain.AND(
        Domain.OR(part.domain for part in parts) for parts in groups.values()
    )
    text = json.dumps([*domain], default=_plain)
    return Search(canonical(env, text), [_told(env, each) for each in groups.values()])


class _Reading:
    """The search view, as a reader has it."""

    def __init__(self, env, today: date, zone: ZoneInfo):
        self._env, self._today, self._zone = env, today, zone
        view_id = env.ref(VIEW).id
        arch = env[MODEL].get_view(view_id, "search")["arch"]
        self._filters: dict[str, _Item] = {}
        self._fields: dict[str, _Item] = {}
        self._read(etree.fromstring(arch), 0)

    def _read(self, parent, group: int) -> int:
        for node in parent.iterchildren("field", "filter", "separator", "group"):
            is_filter = node.tag == "filter" and "group_by" not in node.get(
                "context", ""
            )
            if is_filter:
                self._filters[node.get("name")] = _Item(f"filters {group}", node)
                continue
            group += 1
            if node.tag == "field":
                self._fields[node.get("name")] = _Item(f"field {group}", node)
            elif node.tag == "group":
                group = self._read(node, group) + 1
        return group

    def condition(self, name: str, operator: str, value) -> tuple[object, _Part]:
        """Return the group of a condition on a field, and what it is."""
        item = self._known(self._fields, name)
        field = self._env[MODEL]._fields[name]
        label = item.node.get("string") or field._description_string(self._env)
        if filter_domain := item.node.get("filter_domain"):
            values = {"self": str(value), "raw_value": value}
            domain = Domain(self._evaluated(filter_domain, values))
        else:
            domain = Domain(name, operator, value)
        return item.group, _Part(label, self._value(field, value), domain)

    def filter(self, name: str, options: list[str]) -> tuple[object, _Part]:
        """Return the group of a filter, and what it is.

        :param options: of a filter by periods
        """
        item = self._known(self._filters, name)
        label, field_name = item.node.get("string"), item.node.get("date")
        domain = Domain(self._evaluated(item.node.get("domain") or "[]"))
        if not field_name:
            return item.group, _Part(None, label, domain)
        ranges = [*self._ranges(item.node, options)]
        field = self._env[MODEL]._fields[field_name]
        within = Domain.OR(
            custom if custom is not None else self._within(field, *days)
            for __, custom, days in ranges
        )
        text = " / ".join(text for text, *__ in ranges)
        if ranges:
            domain &= within
        return item.group, _Part(label, text, domain)

    def _ranges(self, node, options: list[str]):
        """Yield of each period its name, and its domain or its first and last day."""
        for each in node.iterchildren("filter"):
            if f"custom_{each.get('name')}" in options:
                domain = Domain(self._evaluated(each.get("domain") or "[]"))
                yield each.get("string"), domain, None
                return
        years, starts = [], []
        for option in options:
            if option in _QUARTERS:
                starts.append((1 + 3 * _QUARTERS.index(option), 3))
            elif match := _OFFSET.fullmatch(option):
                unit, offset = match[1], int(match[2] or 0)
                day = self._today + relativedelta(**{f"{unit}s": offset})
                if unit == "year":
                    years.append(day.year)
                else:
                    starts.append((day.month, 1))
            else:
                raise self._unknown(option)
        for year in sorted(years):
            for month, length in sorted(starts) or [(1, 12)]:
                first = date(year, month, 1)
                until = first + relativedelta(months=length)
                yield self._period_name(first, length), None, (first, until)

    def _within(self, field, first: date, until: date) -> Domain:
        bounds = (first.isoformat(), until.isoformat())
        if field.type == "datetime":
            bounds = (_utc(midnight(day, self._zone)) for day in (first, until))
        start, end = bounds
        return Domain(field.name, ">=", start) & Domain(field.name, "<", end)

    def _period_name(self, first: date, length: int) -> str:
        if length == 12:
            return str(first.year)
        locale = babel_locale_parse(get_lang(self._env).code)
        form = "LLLL yyyy" if length == 1 else "QQQ yyyy"
        return babel.dates.format_date(first, form, locale=locale)

    def _value(self, field, value) -> str:
        """Return a value of a condition as people read it."""
        if value is False:
            return self._env._("None")
        if field.relational and type(value) is int:
            records = self._env[field.comodel_name].with_context(active_test=False)
            # Nothing is told of a record that the reader may not see.
            return records.search([("id", "=", value)]).display_name or "–"
        if field.type == "selection":
            return dict(field._description_selection(self._env)).get(value, str(value))
        return str(value)

    def _evaluated(self, expression: str, values: dict | None = None) -> list:
        return safe_eval.safe_eval(
            expression,
            {
                "uid": self._env.uid,
                "allowed_company_ids": self._env.companies.ids,
                "context_today": lambda: self._today,
                "current_date": self._today.isoformat(),
                "datetime": safe_eval.datetime,
                "relativedelta": relativedelta,
                "time": safe_eval.time,
                **(values or {}),
            },
        )

    def _known(self, items: dict[str, _Item], name: str) -> _Item:
        if name not in items:
            raise self._unknown(name)
        return items[name]

    def _unknown(self, name: str) -> ValueError:
        return ValueError(
            self._env._(
                "There is no filter “%s” any more. Search again, and subscribe again.",
                name,
            )
        )


def _told(env, parts: list[_Part]) -> str:
    """Return the text of parts of which one or another holds."""
    label = parts[0].label
    if {part.label for part in parts} == {label}:
        text = env._(" or ").join(part.text for part in parts)
        return env._("%(label)s: %(text)s", label=label, text=text) if label else text
    return env._(" or ").join(_told(env, [part]) for part in parts)


def _utc(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _plain(value):
    return value.isoformat() if hasattr(value, "isoformat") else [*value]
