"""Odoo's own ways to erase a person: its privacy lookup, and a portal account's end.

The module ``privacy_lookup`` may be installed before this addon, after it or never, and
a class cannot inherit a model that is not there. So its methods are extended once the
registry is ready, as ``base_automation`` does it.
"""

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL, email_normalize

from .finder import EVENT_TEXT, Found, address_pattern, find, merged_into
from .forget import forget
from .removal import DELETE
from .subject import Subject

LOOKUP = "privacy.lookup.wizard"
LINE = "privacy.lookup.wizard.line"

#: Models whose streams a lookup offers
STREAM = "cqrs.stream"


class CqrsForgetting(models.Model):
    _inherit = "cqrs.forgetting"

    def _register_hook(self):
        super()._register_hook()
        if LOOKUP in self.env:
            _extend(self.env.registry[LOOKUP], "_get_query", _get_query)
            _extend(self.env.registry[LINE], "action_unlink", _action_unlink)


def _extend(model_class, name: str, make):
    """Put a method of its own before the one that the class has, once."""
    present = getattr(model_class, name)
    if not hasattr(present, "cqrs_origin"):
        method = make(present)
        method.cqrs_origin = present
        setattr(model_class, name, method)


def _get_query(origin):
    def _get_query(self):
        """Add the streams whose events tell of the person, for administrators."""
        query = origin(self)
        # Odoo has refused an address that is none.
        address = address_pattern(email_normalize(self.email.strip()))
        return SQL(
            """
            %(query)s
            UNION ALL
            SELECT %(model)s AS res_model_id, stream.id::integer AS res_id,
                   state IS NOT NULL AS is_active
            FROM cqrs_stream stream
            WHERE (stream_model, stream_id) IN (
                SELECT event.stream_model, event.stream_id FROM cqrs_event event
                WHERE %(text)s ~ %(address)s OR strpos(%(text)s, lower(%(name)s)) > 0)
            """,
            query=query,
            model=self.env["ir.model"]._get_id(STREAM),
            text=EVENT_TEXT,
            address=address,
            name=self.name.strip(),
        )

    return _get_query


def _action_unlink(origin):
    def action_unlink(self):
        """Erase the events as well, which Odoo's deletion leaves."""
        self.ensure_one()
        if self.is_unlinked:
            return origin(self)
        env, model = self.env, self.res_model
        streams = {}
        if model == STREAM:
            stream = env[STREAM].sudo().browse(self.res_id)
            streams = {stream.stream_model: [stream.stream_id]}
            held = (
                env["cqrs.legal.hold"]
                .sudo()
                ._held(stream.stream_model, [stream.stream_id])
            )
        else:
            held = env["cqrs.legal.hold"].sudo()._held(model, [self.res_id])
        if held:
            [reason] = held.values()
            raise UserError(env._("This record is under a legal hold: %s", reason))
        if model == "crm.lead":
            streams = {model: sorted(merged_into(env, [self.res_id]))}
        elif model in env["cqrs.event"]._captured():
            streams = {model: [self.res_id]}
        if model == STREAM:
            self.execution_details = env._(
                "Erased the events of %(model)s #%(id)s",
                model=stream.stream_model,
                id=stream.stream_id,
            )
            self.is_unlinked = True
            result = None
        else:
            result = origin(self)
        if streams:
            reason = env._("Privacy lookup")
            forget(env, Found(streams=streams), reason, DELETE, is_searched=False)
        return result

    return action_unlink


class ResUsersDeletion(models.Model):
    _inherit = "res.users.deletion"

    @api.model
    def _gc_portal_users(self, batch_size=50):
        result = super()._gc_portal_users(batch_size)
        self._forget_deleted_users()
        return result

    @api.model
    def _forget_deleted_users(self):
        """Erase the events of the portal accounts that have been deleted on request.

        Leads stay as Odoo leaves them; of a contact that is gone, their events lose the
        personal values as well.
        """
        rows = self.env.execute_query(SQL(_DELETED_USERS))
        users = [user for user, __ in rows]
        partners = {partner for __, each in rows for partner in each or ()}
        partners -= set(self.env["res.partner"].browse(partners).exists().ids)
        if users:
            found = find(self.env, Subject(partner_ids=tuple(sorted(partners))))
            streams = {**found.streams}
            streams["res.users"] = sorted({*streams.get("res.users", ()), *users})
            reason = self.env._("The users deleted their portal accounts")
            found = Found(streams=streams)
            forget(self.env, found, reason, DELETE, is_searched=False)


# Deleted users of whom nobody has erased the events yet, with their contacts.
_DELETED_USERS = """
    SELECT stream_id, array_agg(DISTINCT partner::text::integer)
    FROM res_users_deletion
    JOIN cqrs_stream stream ON stream_model = 'res.users' AND stream_id = user_id_int
    JOIN cqrs_event event USING (stream_model, stream_id)
    LEFT JOIN LATERAL (
        SELECT COALESCE(after -> 'partner_id', before -> 'partner_id')
    ) contact (partner) ON partner IS NOT NULL
    WHERE res_users_deletion.state = 'done' AND stream.state IS NULL
      AND NOT EXISTS (
          SELECT FROM cqrs_event erasure
          WHERE erasure.stream_model = 'res.users'
            AND erasure.stream_id = stream.stream_id
            AND erasure.type = 'PersonalDataErased')
    GROUP BY stream_id
"""
