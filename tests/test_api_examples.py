import json
import os
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import jsonschema_rs

from odoo.tests import tagged
from odoo.tools import config

from ..controllers.contract.document import examples, specification
from ..models.api.ir_http import WEBHOOKS_SCOPE
from ..models.support.exact_json import dumps
from .api import ApiCase, closed
from .common import administrator
from .receiver import Receiver, answering

#: To record them anew: CRM_CQRS_RECORD=1 ./dev test -k api_examples
RECORD = os.environ.get("CRM_CQRS_RECORD")
FILE = Path(__file__).parents[1] / "static" / "api_docs" / "examples.json"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)")
#: Of which only the kind of value is the same each time
_VARIES = re.compile(
    r"(^|_)(ids?|position|userid|companyid|actinguserid|cursor|next|hash|epoch|subject"
    r"|correlationid|moduleversion|month|duration_ms|lag_seconds|generated_at|computed_at|probability|first|last)$"
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
        allowed = {"cqrs_webhook_allowed": "127.0.0.1"}
        cls.enterClassContext(patch.dict(config._runtime_options, allowed))

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
            "opportunity": (manager, f"{v2}opportunities/{self.fleet.id}"),
            "sparse_opportunities": (
                manager,
                f"{v2}sparse/opportunities?fields=name,pushes,converted_value&limit=1",
            ),
            "sparse_opportunity": (
                manager,
                f"{v2}sparse/opportunities/{self.fleet.id}?fields=name,value,stage",
            ),
            "access": (manager, f"{v2}access/{self.fleet.id}?user={seller}"),
            "accounts": (
                manager,
                f"{v2}accounts?text=blue%20nile&sort=-won_revenue&totals=true",
            ),
            "sparse_accounts": (
                manager,
                f"{v2}sparse/accounts?text=blue%20nile&fields=name,won_revenue",
            ),
            "account": (manager, f"{v2}accounts/{self.fleet.partner_id.id}"),
            "account_timeline": (
                manager,
                f"{v2}accounts/{self.fleet.partner_id.id}/timeline",
            ),
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
        with Receiver(answering("200 OK", b"thanks")) as receiver:
            answers |= self.answers_about_webhooks(receiver.url)
        return answers

    def answers_about_webhooks(self, receiver: str):
        self.authenticate(None, None)
        tomorrow = self.env.cr.now() + timedelta(days=1)
        keys = self.env["res.users.apikeys"].with_user(self.admin).sudo()
        key = keys._generate(WEBHOOKS_SCOPE, "example", tomorrow)
        headers = {"Authorization": f"Bearer {key}"}
        named = {
            "name": "Data warehouse",
            "url": "https://hooks.example.com/crm",
            "user_id": self.manager.id,
            "event_types": ["OpportunityWon", "OpportunityStage*"],
        }
        path, answers = "/api/v2/webhooks", {}

        def ask(name, method, url, body=None):
            response = self.url_open(url, method=method, json=body, headers=headers)
            self.assertIn(response.status_code, (200, 201), f"{url}: {response.text}")
            found = json.loads(response.text, parse_float=Decimal)
            answers[name] = {"url": url, "method": method, "body": _masked(found)}
            return found

        one = f"{path}/{ask('create_webhook', 'POST', path, named)['id']}"
        ask("webhooks", "GET", path)
        ask("change_webhook", "PATCH", one, {"url": receiver})
        ask("test_webhook", "POST", f"{one}/test")
        ask("webhook_messages", "GET", f"{one}/messages")
        ask("webhook_attempts", "GET", f"{one}/attempts?limit=1")
        ask("rotate_webhook", "POST", f"{one}/rotate", {"overlap_hours": 48})
        ask("pause_webhook", "POST", f"{one}/pause")
        ask("webhook", "GET", one)
        ask("resume_webhook", "POST", f"{one}/resume", {"backlog": "send"})
        since = {"since": f"{self.env.cr.now().isoformat()}Z"}
        ask("resend_webhook", "POST", f"{one}/resend", since)
        ask("delete_webhook", "DELETE", one)
        return answers

    def test_they_still_come_out(self):
        assert_still_come_out(self, self.answers(), FILE)

    def test_every_operation_has_one_that_the_contract_allows(self):
        document = json.loads(dumps(specification()))
        names = set()
        for path in document["paths"].values():
            for operation in path.values():
                names.add(operation["operationId"])
                with self.subTest(operation["operationId"]):
                    self.check_example(operation, document["components"])
        self.assertEqual(names, set(examples()))

    def check_example(self, operation, components):
        [answered] = operation["responses"].keys() & {"200", "201"}
        [(media_type, content), *__] = operation["responses"][answered][
            "content"
        ].items()
        self.assertEqual(media_type, "application/json")
        value = content["examples"]["recorded"]["value"]
        schema = closed({**content["schema"], "components": components})
        validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
        errors = [
            f"{error.instance_path}: {error.message}"
            for error in validator.iter_errors(value)
        ]
        self.assertEqual(errors, [])


def assert_still_come_out(case, answers, file):
    """Check answers against the recorded ones of a file, or record them."""
    if RECORD:
        file.write_text(f"{dumps(answers, indent=2)}\n")
        examples.cache_clear()
        specification.cache_clear()
    case.maxDiff = None
    recorded = json.loads(file.read_text(), parse_float=Decimal)
    case.assertEqual(list(answers), list(recorded))
    for name, answer in answers.items():
        with case.subTest(name):
            case.assertEqual(_settled(answer), _settled(recorded[name]))


def _masked(value):
    """Return an answer without what is secret, or of this machine."""
    if isinstance(value, dict):
        return {key: _masked(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if not isinstance(value, str):
        return value
    value = re.sub(r"whsec_\S+", "whsec_…", value)
    value = re.sub(r"v1,[\w+/=]+", "v1,…", value)
    value = re.sub(r"webhook-timestamp: \d+", "webhook-timestamp: …", value)
    return re.sub(r"http://127\.0\.0\.1:\d+/", "https://hooks.example.com/crm", value)


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
