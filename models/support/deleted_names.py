from odoo import api, models


class CqrsDeletedNames(models.AbstractModel):
    """Names deleted records by their ids, for models that refer to them without a key.

    Odoo has no name for a deleted record: group-by, export and forms fail on it, and
    each name takes queries of its own.
    """

    _name = "cqrs.deleted.names"
    _description = "Names of Deleted Records"

    def _fetch_query(self, query, fields):
        fetched = super()._fetch_query(query, fields)
        referred = {}
        for field in fields:
            if field.type == "many2one":
                found = referred.setdefault(field.comodel_name, set())
                found.update(fetched.mapped(field.name)._ids)
        for model, ids in referred.items():
            self._name_deleted(self.env[model].browse(ids))
        return fetched

    def _read_group_postprocess_groupby(self, groupby_spec, raw_values):
        values = list(super()._read_group_postprocess_groupby(groupby_spec, raw_values))
        field = self._fields.get(groupby_spec)
        if field and field.type == "many2one":
            self._name_deleted(self.env[field.comodel_name].concat(*values))
        return values

    @api.model
    def _name_deleted(self, records):
        """Name the deleted ones of the records for the rest of the transaction."""
        records = records.sudo()
        name = records._fields["display_name"]
        for deleted in records - records.exists():
            text = self.env._("#%(id)s (deleted)", id=deleted.id)
            name._update_cache(deleted, text)
