from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import config

from ..access.viewers import DOCUMENTS, LEADS
from ..support.binding import identities, this_database
from .addresses import MAX_LENGTH, AddressProblem, parse
from .event_types import chosen, known_types, unknown
from .request_headers import MAX_HEADERS, HeaderProblem, parse_headers
from .settings import ALLOWED_OPTION, Settings, UnusableOption

#: Fields that methods set, and no form, import or RPC client
STATE_FIELDS = {"is_paused", "pause_reason", "failing_since", "bound_to"}


class CqrsWebhook(models.Model):
    """An endpoint: an address of an outside system that is told of changes.

    It gets what a user may see at the moment of sending (``user_id``), as signed
    messages, from the moment on at which it was created.
    """

    _name = "cqrs.webhook"
    _description = "Webhook"
    _inherit = ("mail.thread", "mail.activity.mixin")
    _order = "name, id"

    name = fields.Char(required=True, tracking=True)
    description = fields.Text()
    url = fields.Char(
        "Address",
        required=True,
        tracking=True,
        help="Messages are sent to this address by POST, for example "
        "https://hooks.example.com/crm.",
    )
    event_types = fields.Char(
        tracking=True,
        help="Names separated by commas, for example OpportunityWon, "
        "OpportunityStage*. * stands for any end of a name. Empty: all types.",
    )
    company_ids = fields.Many2many(
        "res.company",
        "cqrs_webhook_company_rel",
        "webhook_id",
        "company_id",
        string="Companies",
        help="Records of these companies, and those without a company. Empty: "
        "all companies of the user.",
    )
    user_id = fields.Many2one(
        "res.users",
        "Sees as",
        required=True,
        index=True,
        default=lambda self: self.env.user,
        ondelete="cascade",
        domain=[("share", "=", False)],
        tracking=True,
        help="The webhook is told what this user may see at the moment of sending, "
        "and nothing else.",
    )
    owner_id = fields.Many2one(
        "res.users",
        index="btree_not_null",
        default=lambda self: self.env.user,
        ondelete="set null",
        domain=[("share", "=", False)],
        tracking=True,
        help="The owner is told when the webhook is switched off.",
    )
    payload = fields.Selection(
        [("thin", "Ids and names of changed fields"), ("full", "Changed values too")],
        required=True,
        default="thin",
        tracking=True,
    )
    ordering = fields.Selection(
        [("record", "In the order of each record"), ("none", "None")],
        required=True,
        default="record",
        tracking=True,
        help="In order, the next message about a record waits until the one before "
        "was delivered. Messages about other records do not wait.",
    )
    headers = fields.Text(
        "Further Headers",
        groups="base.group_system",
        help="A JSON object of headers that each request has, for example "
        '{"X-Tenant": "acme"}. Whoever may manage webhooks can read them.',
    )
    is_paused = fields.Boolean("Paused", readonly=True, copy=False, tracking=True)
    pause_reason = fields.Selection(
        [
            ("person", "Paused by a person"),
            ("failing", "Switched off, since it failed"),
            ("gone", "Switched off, since the receiver is gone (410)"),
            ("copied", "This database is a copy"),
        ],
        readonly=True,
        copy=False,
    )
    failing_since = fields.Datetime(readonly=True, copy=False)
    bound_to = fields.Char("Database", readonly=True, copy=False)

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_no_state(vals)
        webhooks = super().create(vals_list)
        webhooks._set_state(bound_to=this_database(self.env))
        webhooks._new_secret()
        return webhooks

    def write(self, vals):
        self._check_no_state(vals)
        return super().write(vals)

    def _check_no_state(self, vals: dict):
        if not STATE_FIELDS.isdisjoint(vals):
            raise UserError(
                self.env._(
                    "A webhook is paused and resumed with its buttons, or over the API."
                )
            )

    def _set_state(self, **values):
        """Set some of ``STATE_FIELDS``."""
        return super().write(values)

    def _pause(self, reason: str = "person"):
        """Stop sending; the place in the log is kept.

        :param reason: one of ``pause_reason``
        """
        self._set_state(is_paused=True, pause_reason=reason)

    def _resume(self, send_backlog: bool):
        """Send again, the messages since the pause as well or from now on.

        In a copy it gets a new secret: by the former one a receiver knows the original.
        """
        copied = self.filtered(lambda webhook: not webhook._is_bound())
        self._set_state(
            is_paused=False,
            pause_reason=False,
            failing_since=False,
            # Whoever resumes it in a copy wants it to send from there.
            bound_to=this_database(self.env),
        )
        for webhook in self:
            # A neutralised database has none.
            if webhook in copied or not webhook._signing_secrets():
                webhook._new_secret()

    def _dialog(self, model: str, name: str):
        self.ensure_one()
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "res_model": model,
            "name": name,
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_webhook_id": self.id},
        }

    def _is_bound(self) -> bool:
        """Return whether the endpoint belongs to this database (``binding.py``)."""
        self.ensure_one()
        return self.bound_to in identities(self.env)

    def _chosen_types(self) -> tuple[str, ...]:
        """Return the event types that the endpoint asks for; () for all of them."""
        return chosen(self.event_types, self._known_types())

    @api.model
    def _known_types(self) -> tuple[str, ...]:
        return known_types(self.env["cqrs.event"]._sources())

    def _further_headers(self) -> dict[str, str]:
        return parse_headers(self.headers)

    @api.constrains("url")
    def _check_url(self):
        try:
            settings = Settings.from_config(config)
        except UnusableOption as error:
            raise ValidationError(str(error)) from error
        for webhook in self:
            try:
                target = parse(webhook.url or "")
            except AddressProblem as problem:
                raise ValidationError(self._address_sentence(problem)) from problem
            is_encrypted = target.scheme == "https"
            # The addresses of a name are checked when it is connected to.
            is_known = target.literal or not (is_encrypted or settings.networks)
            if is_known and not settings.allows(
                target.host, target.literal, is_encrypted
            ):
                raise ValidationError(self._refused_sentence(target.host))

    def _refused_sentence(self, host: str) -> str:
        return self.env._(
            "Webhooks are sent by https:// and to public addresses alone. If you trust "
            "%(host)s, the administrator of the server can list it in odoo.conf: "
            "%(option)s = %(host)s",
            host=host,
            option=ALLOWED_OPTION,
        )

    def _address_sentence(self, problem: AddressProblem) -> str:
        return {
            "characters": self.env._(
                "The address of a webhook has no spaces, no backslashes and no letters "
                "outside of ASCII. Write other letters of a host in Punycode (xn--…), "
                "and those of a path percent-encoded."
            ),
            "length": self.env._(
                "The address of a webhook has at most %s characters.", MAX_LENGTH
            ),
            "scheme": self.env._(
                "The address of a webhook begins with https://, for example "
                "https://hooks.example.com/crm."
            ),
            "credentials": self.env._(
                "The address of a webhook has no user and no password. Enter them as "
                'a header instead, for example {"Authorization": "Basic …"}.'
            ),
            "fragment": self.env._(
                "The address of a webhook has no #, which is never sent. Remove it "
                "and what follows."
            ),
            "host": self.env._(
                "The address of a webhook needs the name of a host or an IP address, "
                "for example https://hooks.example.com/crm."
            ),
            "port": self.env._(
                "The port in the address of a webhook is from 1 to 65535."
            ),
        }[problem.kind]

    @api.constrains("event_types")
    def _check_event_types(self):
        known = self._known_types()
        for webhook in self:
            if names := unknown(webhook.event_types, known):
                raise ValidationError(
                    self.env._(
                        "There is no event type %(names)s. Choose from %(known)s; * "
                        "stands for any end of a name.",
                        names=", ".join(names),
                        known=", ".join(known),
                    )
                )

    @api.constrains("headers")
    def _check_headers(self):
        for webhook in self:
            try:
                parse_headers(webhook.headers)
            except HeaderProblem as problem:
                raise ValidationError(self._header_sentence(problem)) from problem

    def _header_sentence(self, problem: HeaderProblem) -> str:
        header = problem.header
        match problem.kind:
            case "json":
                return self.env._(
                    "Enter the further headers as a JSON object, for example "
                    '{"X-Tenant": "acme"}.'
                )
            case "name":
                return self.env._(
                    "%s is not the name of a header. Names have letters, digits and "
                    "hyphens, for example X-Tenant.",
                    header or '""',
                )
            case "value":
                return self.env._(
                    "The header %s needs a text of visible ASCII characters, without "
                    "line breaks, and in quotation marks.",
                    header,
                )
            case "reserved":
                return self.env._(
                    "The header %s is set by the sender itself. Choose another name.",
                    header,
                )
            case "twice":
                return self.env._("The header %s is there twice. Keep one.", header)
        return self.env._(
            "The further headers have at most %s characters.", MAX_HEADERS
        )

    @api.constrains("user_id", "owner_id")
    def _check_people(self):
        access = self.env["cqrs.access"]
        for webhook in self:
            for person in webhook.user_id | webhook.owner_id:
                if not person.active or person.share:
                    raise ValidationError(
                        self.env._(
                            "%(name)s is not an active internal user. Choose one.",
                            name=person.name,
                        )
                    )
            models_told = (LEADS, *DOCUMENTS)
            if not any(access._may_read(webhook.user_id.id, m) for m in models_told):
                raise ValidationError(
                    self.env._(
                        "%(name)s may read no opportunities, so the webhook would be "
                        "told nothing. Choose another user to see as, or give this "
                        "one access to CRM.",
                        name=webhook.user_id.name,
                    )
                )
