"""The job that seals the events since the last seal."""

import logging
import zlib
from dataclasses import asdict
from functools import partial
from hashlib import sha256

from odoo import api, models
from odoo.tools import SQL, config

from ..event_store.reader import ENDED
from ..support.transactions import committed
from . import merkle
from .document import SealDocument
from .key import Predecessor, SealKey, UnusableKey
from .leaves import Leaves, after, read_leaves

_logger = logging.getLogger(__name__)

#: Option of Odoo's configuration: the path of the key file
KEY_OPTION = "cqrs_seal_key"
#: Option: public keys, separated by commas, that need no signature of the one before
TRUSTED_OPTION = "cqrs_seal_trusted_keys"
DATABASE_UUID = "database.uuid"
#: Events of one seal at most
BATCH_SIZE = 10_000
#: Advisory lock of the job
LOCK = zlib.crc32(b"cqrs.seal")


def configured_key() -> SealKey | None:
    """Return the key that the configuration names, None if it names none.

    :raise UnusableKey: it cannot be used
    """
    path = config.get(KEY_OPTION)
    return SealKey.load(path) if path else None


def is_followed(former: str | None, key: str, predecessor: Predecessor | None) -> bool:
    """Return whether a key may sign the seal after those of a former key.

    It is that key, is signed by it, or is one that the configuration vouches for.

    :param predecessor: the key that has signed it, if one has
    """
    if former in (None, key):
        return True
    if predecessor and predecessor.key == former and predecessor.signed(key):
        return True
    trusted = (config.get(TRUSTED_OPTION) or "").split(",")
    return key in map(str.strip, trusted)


class CqrsSeal(models.Model):
    _inherit = "cqrs.seal"

    @api.model
    def _seal(self):
        """Seal the events below the readers' fence, and hand the seals out; commits.

        Without a key the seals are unsigned. With one that cannot be used none are
        made, since seals that are meant to be signed would go unsigned.
        """
        try:
            key = configured_key()
        except UnusableKey as error:
            _logger.error("The event log is not sealed, the key is unusable: %s", error)
            return
        while committed(self.env, partial(self._seal_batch, key)) == BATCH_SIZE:
            pass
        self._hand_out()

    def _seal_batch(self, key: SealKey | None) -> int:
        """Make a seal, unless another transaction does; return its number of events."""
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not self.env.cr.fetchone()[0]:
            return 0
        last = self._last_seal()
        former = last.content if last else {"number": 0, "end": None, "total": 0}
        leaves = read_leaves(
            self.env, SQL("%s AND %s", ENDED, after(former["end"])), BATCH_SIZE
        )
        if not leaves.count:
            return 0
        self._insert(self._make(last, former, leaves, key))
        return leaves.count

    def _make(
        self,
        last: SealDocument | None,
        former: dict,
        leaves: Leaves,
        key: SealKey | None,
    ) -> SealDocument:
        content = {
            "format": 1,
            "number": former["number"] + 1,
            "database": self.env["ir.config_parameter"].sudo().get_param(DATABASE_UUID),
            "made_at": f"{self.env.cr.now().isoformat()}Z",
            "start": former["end"],
            "end": leaves.end,
            "events": leaves.count,
            "total": former["total"] + leaves.count,
            "root": merkle.root(leaves.split()).hex(),
            "streams": sha256(leaves.streams).hexdigest(),
            "previous": last and last.hash,
            "key": key and key.id,
        }
        former_key = self._last_key()
        if key and former_key not in (None, key.id):
            if key.predecessor:
                content["follows"] = asdict(key.predecessor)
            if not is_followed(former_key, key.id, key.predecessor):
                _logger.warning(
                    "The seal key %s is not signed by the one before, %s: make keys"
                    " with 'odoo-bin cqrs seal-key' while the configuration names the"
                    " one before.",
                    key.id,
                    former_key,
                )
        return SealDocument.make(content, leaves.streams, key)

    def _last_key(self) -> str | None:
        """Return the id of the key of the last seal that is signed."""
        rows = self.env.execute_query(
            SQL(
                "SELECT content ->> 'key' FROM cqrs_seal"
                " WHERE content ->> 'key' IS NOT NULL ORDER BY number DESC LIMIT 1"
            )
        )
        return rows[0][0] if rows else None

    def _insert(self, seal: SealDocument):
        # If another job has made a seal of that number since this snapshot was taken,
        # it is a conflict of transactions rather than of keys, and is tried again.
        self.env.cr.execute(
            SQL(
                "INSERT INTO cqrs_seal (number, content, signature, streams)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                seal.content["number"],
                seal.text,
                seal.signature,
                seal.streams,
            )
        )
