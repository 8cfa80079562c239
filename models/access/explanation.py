"""The reasons, in words, why a user sees an opportunity or does not."""

from odoo import api, models
from odoo.tools import SQL

from . import policy
from .policy import Viewer
from .viewers import LEADS


class CqrsAccess(models.AbstractModel):
    _inherit = "cqrs.access"

    @api.model
    def _explain(self, user, opportunity_id: int) -> dict:
        """Return ``{visible: bool, reasons: [sentence]}``, in the caller's language.

        ``visible`` is the answer of ``_may_see``. The sentences give all the reasons
        why the user sees the opportunity, or the obstacles if the user does not.
        """
        viewers = self._viewers(user)
        if not viewers:
            return {"visible": False, "reasons": [self._why_nothing(user)]}
        found = self._judged(viewers, opportunity_id)
        if found is None:
            sentence = self.env._("This opportunity does not exist.")
            return {"visible": False, "reasons": [sentence]}
        row, holding = found
        name = {viewer.id: self._user_name(viewer.id) for viewer in viewers}
        reasons = []
        for viewer, (in_company, names) in zip(viewers, holding, strict=True):
            if in_company and names:
                if viewer.id != user.id:
                    reasons.append(
                        self.env._(
                            "%(lender)s has lent %(user)s their view.",
                            lender=name[viewer.id],
                            user=name[user.id],
                        )
                    )
                reasons += [self._because(viewer, each, row) for each in names]
        if reasons:
            return {"visible": True, "reasons": reasons}
        for viewer, (in_company, __) in zip(viewers, holding, strict=True):
            if viewer.id == user.id:
                reasons.append(self._why_not(viewer, in_company, row))
            else:
                reasons.append(
                    self.env._(
                        "%(lender)s, who has lent %(user)s their view, does not "
                        "see the opportunity either.",
                        lender=name[viewer.id],
                        user=name[user.id],
                    )
                )
        return {"visible": False, "reasons": reasons}

    def _judged(self, viewers: list[Viewer], opportunity_id: int):
        """Return the row, and the reasons of each viewer; None if there is no row.

        :return: ``({user_id, team_id, company_id}, [(in_company, [reason])])``
        """
        view, options = SQL("view"), self._options()
        asked, columns = [], []
        for viewer in viewers:
            reasons = policy.reasons(viewer, view, options)
            if viewer.sees_all:
                reasons = {"sees_all": SQL("TRUE"), **reasons}
            asked.append(list(reasons))
            columns += [policy.in_company(viewer, view), *reasons.values()]
        rows = self.env.execute_query(
            SQL(
                "SELECT user_id, team_id, company_id, %s"
                " FROM cqrs_opportunity_view view WHERE id = %s",
                SQL(", ").join(SQL("(%s) IS TRUE", column) for column in columns),
                opportunity_id,
            )
        )
        if not rows:
            return None
        user_id, team_id, company_id, *answers = rows[0]
        answer = iter(answers)
        holding = [
            (next(answer), [name for name in names if next(answer)]) for names in asked
        ]
        row = {"user_id": user_id, "team_id": team_id, "company_id": company_id}
        return row, holding

    def _why_nothing(self, user) -> str:
        name = self._user_name(user.id)
        if name is None:
            return self.env._("This internal user does not exist.")
        if not self._people_viewers(user):
            return self.env._("%(user)s is archived.", user=name)
        return self.env._(
            "%(user)s does not have access to opportunities. Add one of these "
            "groups: %(groups)s.",
            user=name,
            groups=", ".join(self._reading_groups()),
        )

    @api.model
    def _reading_groups(self, model: str = LEADS) -> list[str]:
        """Return the names of the groups that let their members read a model."""
        rights = self.env["ir.model.access"]
        return list(dict.fromkeys(rights.group_names_with_access(model, "read")))

    def _because(self, viewer: Viewer, reason: str, row: dict) -> str:
        names = {
            "user": self._user_name(viewer.id),
            "owner": self._user_name(row["user_id"]) or self.env._("The owner"),
        }
        if reason == "owner":
            return self.env._("%(user)s owns the opportunity.", **names)
        if reason == "sees_all":
            return self.env._(
                "%(user)s can see all documents of their companies.",
                **names,
            )
        if reason == "hierarchy":
            chain = self._chain(viewer.id, row)
            return self.env._(
                "%(owner)s reports to %(user)s: %(chain)s.",
                chain=" > ".join(chain),
                **names,
            )
        if reason == "department_managers":
            return self.env._(
                "%(user)s manages the department of %(owner)s or one of its "
                "parent departments.",
                **names,
            )
        if reason == "team_leaders":
            return self.env._(
                "%(user)s leads the sales team %(team)s.",
                team=self._stream_name("crm.team", row["team_id"]),
                **names,
            )
        return self.env._(
            "The opportunity is unassigned, and %(user)s sees unassigned "
            "opportunities as a salesperson.",
            **names,
        )

    def _why_not(self, viewer: Viewer, in_company: bool, row: dict) -> str:
        user = self._user_name(viewer.id)
        company = self._stream_name("res.company", row["company_id"])
        if not in_company:
            return self.env._(
                "The opportunity belongs to %(company)s, a company that %(user)s "
                "does not have access to.",
                company=company,
                user=user,
            )
        if row["user_id"] is None:
            return self.env._(
                "The opportunity is unassigned, and %(user)s does not see "
                "unassigned opportunities as a salesperson or through a sales "
                "team.",
                user=user,
            )
        owner = self._user_name(row["user_id"]) or self.env._(
            "somebody outside the hierarchy"
        )
        if row["company_id"] is None:
            return self.env._(
                "%(owner)s owns the opportunity and does not report to %(user)s "
                "in any company.",
                owner=owner,
                user=user,
            )
        return self.env._(
            "%(owner)s owns the opportunity and does not report to %(user)s in "
            "%(company)s.",
            owner=owner,
            user=user,
            company=company,
        )

    def _chain(self, viewer_id: int, row: dict) -> list[str]:
        """Return the names of the employees from the viewer down to the owner."""
        rows = self.env.execute_query(
            SQL(
                """
                WITH RECURSIVE chain AS (
                    SELECT parent_id, ARRAY[id] AS path,
                           NULL::integer AS viewer_id, false AS active
                    FROM cqrs_employee
                    WHERE user_id = %(owner)s
                      AND COALESCE(company_id = %(company)s, true)
                    UNION ALL
                    SELECT above.parent_id, above.id || path,
                           above.user_id, above.active
                    FROM chain JOIN cqrs_employee above ON above.id = chain.parent_id
                    WHERE above.id <> ALL(path)
                ),
                shortest AS (
                    SELECT path FROM chain
                    WHERE viewer_id = %(viewer)s AND active
                    ORDER BY cardinality(path), path LIMIT 1
                )
                SELECT state ->> 'name'
                FROM shortest
                CROSS JOIN unnest(path) WITH ORDINALITY AS employee (id, place)
                JOIN cqrs_stream
                  ON stream_model = 'hr.employee' AND stream_id = employee.id
                ORDER BY place
                """,
                owner=row["user_id"],
                company=SQL("%s::integer", row["company_id"]),
                viewer=viewer_id,
            )
        )
        return [name for (name,) in rows]

    def _user_name(self, user_id: int | None) -> str | None:
        rows = self.env.execute_query(
            SQL("SELECT name FROM cqrs_user_profile WHERE id = %s", user_id)
        )
        return rows[0][0] if rows else None

    def _stream_name(self, model: str, record_id: int | None) -> str:
        rows = self.env.execute_query(
            SQL(
                "SELECT state -> 'name' FROM cqrs_stream"
                " WHERE stream_model = %s AND stream_id = %s",
                model,
                record_id,
            )
        )
        name = rows[0][0] if rows else None
        if isinstance(name, dict):
            name = name.get(self.env.lang) or name.get("en_US")
        return name or self.env._("a deleted one")
