"""A sales organisation whose event log is sealed, with a key of its own."""

import os
import tempfile
from pathlib import Path

from odoo.tools import config

from ..models.maintenance.verify import verify
from ..models.seals.key import SealKey
from ..models.seals.sealing import KEY_OPTION, configured_key
from .common import SalesOrganisation, without_triggers


class Sealed(SalesOrganisation):
    """The events of a test can be sealed within its transaction."""

    def setUp(self):
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.key = self.configure_key("key")

    def configure(self, option, value):
        former = config.options.get(option)
        config[option] = value and os.fspath(value)
        self.addCleanup(config.__setitem__, option, former)

    def configure_key(self, name):
        """Make a key file as the command does, and configure it."""
        key = SealKey.generate(follows=configured_key())
        key.save(self.folder / name)
        self.configure(KEY_OPTION, self.folder / name)
        return key

    def seal(self):
        """Seal all events, those of this transaction too; return the last seal."""
        self.end_epoch()
        while self.env["cqrs.seal"]._seal_batch(configured_key()):
            pass
        return self.env["cqrs.seal"]._last_seal()

    def seals(self):
        return [seal for page in self.env["cqrs.seal"]._pages() for seal in page]

    def spoil(self, statement, *params):
        """Do what the owner of the database can, triggers or not."""
        with without_triggers(self.env.cr):
            self.env.cr.execute(statement, params)

    def found(self):
        """Return ``(kind, model, id)`` of each finding."""
        return self.triples(verify(self.env))

    def triples(self, findings):
        return [(each.kind, each.stream_model, each.stream_id) for each in findings]
