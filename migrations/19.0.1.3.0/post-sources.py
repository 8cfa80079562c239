"""The sources on record were those of the code; a table says now what joins later."""

from dataclasses import replace

from odoo import SUPERUSER_ID, api

# Fields that no version declared before this one
_NEW = {"crm.lead": {"color", "lead_properties"}}


def migrate(cr, version):
    env = api.Environment(cr, SUPERUSER_ID, {})
    cr.execute("SELECT stream_model FROM cqrs_reconciliation")
    recorded = {model for (model,) in cr.fetchall()}
    declared = env["cqrs.event"]._declared_sources()
    for model, source in env["cqrs.event"]._wanted_sources().items():
        if model in recorded:
            __, declaration = declared[model]
            paths = source.paths.intersection(declaration.fields)
            former = replace(source, paths=paths - _NEW.get(model, set()))
            env["cqrs.source"]._begin(former, is_built=True)
