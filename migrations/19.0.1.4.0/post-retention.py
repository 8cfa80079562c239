"""Retention of each company is a parameter: it was two columns of the company."""

from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    cr.execute(
        "SELECT FROM pg_attribute WHERE attrelid = 'res_company'::regclass"
        " AND attname = 'cqrs_retention_months' AND NOT attisdropped"
    )
    if not cr.rowcount:
        return
    env = api.Environment(cr, SUPERUSER_ID, {})
    cr.execute(
        "SELECT id, cqrs_retention_months, cqrs_retention_mode FROM res_company"
        " WHERE cqrs_retention_months > 0"
    )
    for id_, months, mode in cr.fetchall():
        env["res.company"].browse(id_).write(
            {"cqrs_retention_months": months, "cqrs_retention_mode": mode}
        )
    cr.execute(
        "ALTER TABLE res_company"
        " DROP COLUMN cqrs_retention_months, DROP COLUMN IF EXISTS cqrs_retention_mode"
    )
