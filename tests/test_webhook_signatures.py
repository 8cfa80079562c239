"""Signatures, as the published libraries judge them in Python and in JavaScript."""

import json
import os
import subprocess
import time
import unittest
from base64 import b64encode
from datetime import datetime, timezone

import standardwebhooks
import svix.webhooks

from odoo.tests import BaseCase, tagged

from ..models.webhooks.signing import PREFIX, headers, sign

MODULES = os.environ.get("CRM_CQRS_NODE_MODULES")

BODY = '{"specversion": "1.0", "subject": "crm.lead/42", "name": "Zoë 🎉"}'.encode()
ID = "0b6e6f9e-8a52-4d0c-9d7c-6a2f4b1f3c11"

NEW, OLD, OTHER = (PREFIX + b64encode(os.urandom(32)).decode() for __ in range(3))

#: Seconds by which both libraries let a time differ
TOLERANCE = 300

# Reads a list of cases and prints the judgements of both libraries on each of them.
JUDGE = """
const libraries = ["standardwebhooks", "svix"].map((name) => require(name).Webhook);
const cases = JSON.parse(require("fs").readFileSync(0));
const judgements = cases.map(([secret, headers, body]) =>
    libraries.map((Webhook) => {
        try {
            new Webhook(secret).verify(body, headers);
            return true;
        } catch (error) {
            if (error.constructor.name !== "WebhookVerificationError") {
                throw error;
            }
            return false;
        }
    })
);
console.log(JSON.stringify(judgements));
"""


def signed(secrets, message_id=ID, age=0, body=BODY):
    return headers(secrets, message_id, int(time.time()) - age, body)


def cases():
    """Return ``{name: (is right, the receiver's secret, headers, body)}``."""
    right = signed([NEW])
    in_overlap = signed([NEW, OLD])
    moved = {**right, "webhook-timestamp": str(int(right["webhook-timestamp"]) + 1)}
    return {
        "right": (True, NEW, right, BODY),
        "new secret in the overlap": (True, NEW, in_overlap, BODY),
        "old secret in the overlap": (True, OLD, in_overlap, BODY),
        "old secret after the overlap": (False, OLD, right, BODY),
        "other body": (False, NEW, right, BODY.replace(b"42", b"43")),
        "no body": (False, NEW, right, b""),
        "other id": (False, NEW, {**right, "webhook-id": "another"}, BODY),
        "other time": (False, NEW, moved, BODY),
        "stale": (False, NEW, signed([NEW], age=TOLERANCE + 60), BODY),
        "nearly stale": (True, NEW, signed([NEW], age=TOLERANCE - 60), BODY),
        "of the future": (False, NEW, signed([NEW], age=-TOLERANCE - 60), BODY),
        "other endpoint's secret": (False, OTHER, right, BODY),
        "signed by another endpoint": (False, NEW, signed([OTHER]), BODY),
        "no signature": (False, NEW, {**right, "webhook-signature": ""}, BODY),
        "empty body": (True, NEW, signed([NEW], body=b"{}"), b"{}"),
        "a body on two lines": (True, NEW, signed([NEW], body=b"[1,\n2]"), b"[1,\n2]"),
    }


def judged(Webhook, secret, sent, body) -> bool:
    try:
        Webhook(secret).verify(body, sent)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


@tagged("post_install", "-at_install")
class TestWebhookSignatures(BaseCase):
    def assert_judged(self, judge):
        """Assert that each case is judged as it should be.

        :param judge: takes secret, headers and body of all cases
        """
        all_cases = cases()
        judgements = judge([each[1:] for each in all_cases.values()])
        found = dict(zip(all_cases, judgements, strict=True))
        expected = {name: each[0] for name, each in all_cases.items()}
        self.assertEqual(found, expected)

    def test_python_libraries_judge_alike(self):
        for Webhook in (standardwebhooks.Webhook, svix.webhooks.Webhook):
            with self.subTest(Webhook.__module__):
                self.assert_judged(
                    lambda all_cases, Webhook=Webhook: [
                        judged(Webhook, *case) for case in all_cases
                    ]
                )

    @unittest.skipUnless(MODULES, "needs ./dev test, which provides the libraries")
    def test_javascript_libraries_judge_alike(self):
        def judgements(all_cases):
            done = subprocess.run(
                ["node", "-e", JUDGE],
                input=json.dumps([[s, h, body.decode()] for s, h, body in all_cases]),
                env={**os.environ, "NODE_PATH": MODULES},
                check=False,
                capture_output=True,
                text=True,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)

        for library in range(2):
            with self.subTest(["standardwebhooks", "svix"][library]):
                self.assert_judged(
                    lambda all_cases, library=library: [
                        each[library] for each in judgements(all_cases)
                    ]
                )

    def test_a_library_signs_as_we_do(self):
        moment = datetime(2026, 11, 29, 20, 0, tzinfo=timezone.utc)
        theirs = standardwebhooks.Webhook(NEW).sign(ID, moment, BODY.decode())
        self.assertEqual(sign([NEW], ID, int(moment.timestamp()), BODY), theirs)

    def test_each_secret_signs_once(self):
        signatures = sign([NEW, OLD], ID, 1, BODY).split(" ")
        self.assertEqual(signatures[0], sign([NEW], ID, 1, BODY))
        self.assertEqual(signatures[1], sign([OLD], ID, 1, BODY))

    def test_nothing_is_sent_without_a_signature(self):
        with self.assertRaisesRegex(ValueError, "no secret to sign with"):
            headers([], ID, 1, BODY)

    def test_further_headers_take_the_place_of_none(self):
        further = {"X-Tenant": "7", "Webhook-Signature": "v1,x", "Content-Type": "text"}
        sent = headers([NEW], ID, 1, BODY, further)
        self.assertEqual(sent.pop("X-Tenant"), "7")
        self.assertEqual(sent, headers([NEW], ID, 1, BODY))
