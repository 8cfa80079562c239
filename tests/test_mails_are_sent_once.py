"""Mailed dashboards: two senders at once, and a real server of SMTP."""

import socketserver
import threading
from email import message_from_bytes
from email.policy import SMTP

from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import INSTALLED, OwnDatabase, RealCursors


@tagged("post_install", "-at_install")
class TestSendersAtOnce(RealCursors):
    def due(self, *hours):
        """Return the ids of one person's subscriptions that are due, at these hours."""
        with self.transaction() as env:
            user = new_test_user(
                env,
                "cqrs_weekly",
                "sales_team.group_sale_salesman",
                email="w@x.example",
            )
            self.addCleanup(self.remove, user.id)
            values = {"user_id": user.id, "weekday": "0"}
            values |= {"address": {"scope": "all"}, "handled_at": "2020-01-01"}
            model = env["cqrs.subscription"]
            return model.create([values | {"hour": hour} for hour in hours]).ids

    def test_two_send_each_subscription_once(self):
        ids = self.due(1, 2)
        with self.registry.cursor() as one, self.registry.cursor() as other:
            envs = [self.environment(cr) for cr in (one, other)]
            for env in envs:
                # Both have begun before either has sent anything.
                env.cr.execute("SELECT 1 FROM cqrs_subscription")
            for env in envs:
                self.assertTrue(env["cqrs.subscription"]._send_next())
            self.assertFalse(envs[0]["cqrs.subscription"]._send_next())
            for env in envs:
                env.cr.commit()  # pylint: disable=invalid-commit
        with self.transaction() as env:
            found = env["cqrs.subscription"].browse(ids)
            self.assertEqual(len(found.mail_id), 2)
            self.assertFalse(env["cqrs.subscription"]._send_next())

    def test_who_unsubscribes_meanwhile_is_not_mailed(self):
        """The sender waits for nobody, fails, and begins anew."""
        [id_] = self.due(1)
        with self.registry.cursor() as sending:
            env = self.environment(sending)
            env.cr.execute("SELECT 1 FROM cqrs_subscription")
            with self.transaction() as other:
                other["cqrs.subscription"].browse(id_)._stop("recipient")
            with mute_logger("odoo.sql_db"):
                env["cqrs.subscription"]._send_due()
            found = env["cqrs.subscription"].browse(id_)
            self.assertEqual((found.stopped, found.outcome), ("recipient", False))
            self.assertFalse(found.mail_id)

    def remove(self, user_id):
        with self.transaction() as env:
            user = env["res.users"].browse(user_id)
            found = env["cqrs.subscription"].search([("user_id", "=", user_id)])
            found.mail_id.unlink()
            found.unlink()
            env["ir.cron.trigger"].search(
                [("cron_id", "=", env.ref("crm_cqrs.ir_cron_subscriptions").id)]
            ).unlink()
            partner = user.partner_id
            user.unlink()
            partner.unlink()


class Mailbox(socketserver.ThreadingTCPServer):
    """A server of SMTP that takes all mails.

    :ivar mails: as ``email`` reads them
    """

    allow_reuse_address = daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.mails = []

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return super().__enter__()

    def __exit__(self, *error):
        self.shutdown()
        return super().__exit__(*error)


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self):
        self.answer("220 mailbox")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"DATA":
                self.answer("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                text = b"".join(line.removeprefix(b".") for line in lines)
                self.server.mails.append(message_from_bytes(text, policy=SMTP))
            self.answer("221 bye" if verb == b"QUIT" else "250 fine")
            if verb == b"QUIT":
                return

    def answer(self, text):
        self.wfile.write(f"{text}\r\n".encode())


SEND_ALL = """
def send():
    env["cqrs.subscription"]._send_due()
    env["mail.mail"].process_email_queue()
    env.cr.commit()

server = env["ir.mail_server"].create(
    {{"name": "x", "smtp_host": "127.0.0.1", "smtp_port": {port}}})
admin = env.ref("base.user_admin")
admin.email = "monday@example.com"
admin.group_ids += env.ref("sales_team.group_sale_salesman_all_leads")
env.cr.commit()
model = env["cqrs.subscription"]
model.with_user(admin).action_subscribe({{"period": "this_year"}}, 0, 8, admin.ids)
one = model.search([])
one.handled_at = "2020-01-01"
for smtp_port in (1, {port}, {port}):
    server.smtp_port = smtp_port
    if one.retry_at:
        one.retry_at = env.cr.now()
    env.cr.commit()
    send()
    # Takes back what could not be sent.
    model._send_due()
    env.cr.commit()
    print(one.outcome, one.tries, bool(one.mail_id), *one.state.split()[:2])
"""


@tagged("post_install", "-at_install")
class TestOneMail(OwnDatabase):
    """Odoo's own queue, and a real server of SMTP."""

    template = INSTALLED

    def test_it_arrives_after_a_failure_and_is_whole(self):
        with Mailbox() as mailbox:
            port = mailbox.server_address[1]
            done = self.odoo("shell", script=SEND_ALL.format(port=port))
        self.assertEqual(
            done.stdout.splitlines(),
            [
                "failed 1 False Could not",
                "mailed 1 False Mailed on",
                "mailed 1 False Mailed on",
            ],
        )
        # What was sent is not sent again. Odoo's own have no such header.
        [mail] = [each for each in mailbox.mails if each["List-Unsubscribe"]]
        self.assertIn("monday@example.com", mail["To"])
        self.assertEqual(mail["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click")
        url = mail["List-Unsubscribe"].strip("<>")
        self.assertIn("/crm_cqrs/unsubscribe?token=", url)
        plain, rich = (
            mail.get_body([kind]).get_content() for kind in ("plain", "html")
        )
        for text in (plain, rich):
            self.assertIn("What Changed", text)
            self.assertIn("Needs Attention", text)
            self.assertIn(url, text)
