import json
import os
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import jsonschema_rs

from odoo.tests import tagged

from ..controllers.contract.document import examples, specification
from ..models.support.exact_json import dumps
from .api import ApiCase
from .common import administrator

#: To record them anew: CRM_CQRS_RECORD=1 ./dev test -k api_examples
RECORD = os.environ.get("CRM_CQRS_RECORD")
FILE = Path(__file__).parents[1] / "static" / "api_docs" / "examples.json"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)")
#: Of which only the kind of value is the same each time
_VARIES = re.compile(
    r"(^|_)(ids?|position|userid|companyid|actinguserid|cursor|next|hash|epoch|subject"
    r"|correlationid|moduleversion|month|generated_at|computed_at|probability)$"
)


@tagged("post_install", "-at_install")
class TestApiExamples(ApiCase):
    """The examples of the documentation are answers, and still come out."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        second, __ = cls.person("second", cls.manager_employee)
        people = {
            cls.head: "Helen Marsh",
            cls.manager: "Mina Costa",
            cls.seller: "Sam Okafor",
            second: "Tess Lindqvist",
        }
        for user, name in people.items():
            user.name = name
            user.email = f"{name.split()[0].lower()}@example.com"
        partner = cls.env["res.partner"].create({"name": "Blue Nile Trading"})
        cls.fleet = cls.opportunity(
            cls.seller,
            100_000,
            name="Fleet renewal",
            partner_id=partner.id,
            date_deadline="2027-03-31",
        )
        cls.opportunity(cls.manager, 48_250.5, name="Warehouse scanners")
        won = cls.opportunity(second, 17_999.99, name="Service contract")
        won.action_set_won()
        cls.fleet.expected_revenue = 120_000
        cls.env.cr.flush()
        cls.admin = administrator(cls.env)

    def answers(self):
        """Return ``{operation: {url, body}}`` as they come out at present."""
        self.end_epoch()
        v2, manager, seller = "/api/v2/dashboard/", self.manager, self.uuid(self.seller)
        before = (self.env.cr.now() - timedelta(seconds=1)).isoformat() + "Z"
        asked = {
            "dashboard": (manager, v2),
            "metrics": (manager, f"{v2}metrics?by=stage"),
            "metrics_series": (
                manager,
                f"{v2}metrics/series?months=1&compare=quarter",
            ),
            "flow": (manager, f"{v2}flow"),
            "attention": (manager, f"{v2}attention"),
            "changes": (manager, f"{v2}changes?from={before}"),
            "changed_opportunities": (
                manager,
                f"{v2}changes/opportunities?kind=won&from={before}",
            ),
            "profile": (manager, f"{v2}users/profile"),
            "hierarchy": (manager, f"{v2}users/hierarchy?metrics=true"),
            "opportunities": (
                manager,
                f"{v2}opportunities?status=pending&sort=-value&limit=1",
            ),
            "opportunity": (
                manager,
                f"{v2}opportunities/{self.fleet.id}?fields=name,value,currency,stage",
            ),
            "access": (manager, f"{v2}access/{self.fleet.id}?user={seller}"),
            "events": (
                manager,
                f"/api/v2/events?stream=crm.lead/{self.fleet.id}&limit=2",
            ),
            "dashboard_real": (manager, "/api/sales/dashboard/real"),
            "opportunities_v1": (manager, "/api/opportunities?limit=1"),
        }
        answers = {}
        for name, (user, url) in asked.items():
            self.authenticate(user.login, user.login)
            response = self.url_open(url)
            self.assertEqual(response.status_code, 200, f"{url}: {response.text}")
            body = json.loads(response.text, parse_float=Decimal)
            answers[name] = {"url": url, "body": body}
        return answers

    def test_they_still_come_out(self):
        answers = self.answers()
        if RECORD:
            FILE.write_text(f"{dumps(answers, indent=2)}\n")
            examples.cache_clear()
            specification.cache_clear()
        self.maxDiff = None
        self.assertEqual(list(answers), list(examples()))
        for name, answer in answers.items():
            with self.subTest(name):
                self.assertEqual(_settled(answer), _settled(examples()[name]))

    def test_every_operation_has_one_that_the_contract_allows(self):
        document = json.loads(dumps(specification()))
        names = set()
        for path in document["paths"].values():
            operation = path["get"]
            names.add(operation["operationId"])
            [(media_type, content), *__] = operation["responses"]["200"][
                "content"
            ].items()
            self.assertEqual(media_type, "application/json")
            value = content["examples"]["recorded"]["value"]
            schema = _closed(
                {**content["schema"], "components": document["components"]}
            )
            validator = jsonschema_rs.Draft202012Validator(
                schema, validate_formats=True
            )
            with self.subTest(operation["operationId"]):
                errors = [
                    f"{error.instance_path}: {error.message}"
                    for error in validator.iter_errors(value)
                ]
                self.assertEqual(errors, [])
        self.assertEqual(names, set(examples()))


def _settled(value, name=""):
    """Return an answer without what is another one each time."""
    if isinstance(value, dict):
        return {key: _settled(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_settled(each, name) for each in value]
    if value is not None and not isinstance(value, dict) and _VARIES.search(name):
        return type(value).__name__
    if isinstance(value, str):
        value = _TIME.sub("time", _UUID.sub("uuid", value))
        return re.sub(r"(?<=/)\d+", "id", value) if name == "url" else value
    return value


def _closed(schema):
    """Return a schema in which an object has nothing but what is said of it."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(each) for key, each in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        closed["additionalProperties"] = False
    return closed
