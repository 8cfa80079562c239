"""The form of a seal: a JSON text that is signed, and a digest of each stream.

>>> content = {"number": 1, "database": "", "made_at": "", "start": None, "total": 1}
>>> content |= {"end": [1, 3, 7], "events": 1, "root": "", "streams": ""}
>>> seal = SealDocument.make({**content, "previous": None, "key": None}, streams=b"")
>>> SealDocument.parse(seal.line()) == seal
True
>>> seal.text[:35]
'{"database":"","end":[1,3,7],"event'
>>> SealDocument.make({"number": 1}, streams=b"").is_well_formed
False
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from .key import Predecessor, SealKey, is_signature

#: Bytes of the digest of a stream
DIGEST = 8
_ID = 4

_TEXTS = ("database", "made_at", "root", "streams")


@dataclass(frozen=True)
class SealDocument:
    """A seal, as it is stored and handed out.

    ``text`` is a JSON object: ``number`` from 1; ``database``, its uuid; ``made_at``;
    ``start`` and ``end``, each ``[epoch, txid, position]``, of the last event before
    the sealed ones (None before the first) and of the last one; ``events``, their
    number, and ``total`` with those of the seals before; ``root`` of the Merkle tree;
    ``streams``, the hash of the digests; ``previous``, the hash of the seal before;
    ``key``, None if it is not signed; ``follows``, the signature of the key before.

    :ivar signature: of the text, None if it is not signed
    :ivar streams: the digests of the sealed streams, see ``digests_of``
    """

    text: str
    signature: bytes | None
    streams: bytes

    @classmethod
    def make(cls, content: dict, streams: bytes, key: SealKey | None = None):
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return cls(text, key and key.sign(text.encode()), streams)

    @classmethod
    def parse(cls, line: str) -> "SealDocument":
        """Return the seal that ``line()`` wrote.

        :raise ValueError: the text is none
        """
        try:
            parts = json.loads(line)
            signature = parts["signature"] and bytes.fromhex(parts["signature"])
            seal = cls(parts["seal"], signature, b64decode(parts["streams"]))
            is_seal = seal.is_well_formed
        except (KeyError, TypeError, ValueError):
            is_seal = False
        if not is_seal:
            raise ValueError(f"{line[:60]!r} is not a seal")
        return seal

    def line(self) -> str:
        """Return the seal as one line of JSON."""
        return json.dumps(
            {
                "seal": self.text,
                "signature": self.signature and self.signature.hex(),
                "streams": b64encode(self.streams).decode(),
            }
        )

    @cached_property
    def content(self) -> dict:
        return json.loads(self.text)

    @property
    def hash(self) -> str:
        return sha256(self.text.encode()).hexdigest()

    @property
    def is_well_formed(self) -> bool:
        """Whether its text has everything that a seal says."""
        content = self.content
        try:
            return (
                all(
                    type(content[name]) is int for name in ("number", "events", "total")
                )
                and all(type(content[name]) is str for name in _TEXTS)
                and isinstance(content["previous"], str | None)
                and isinstance(content["key"], str | None)
                and (content["start"] is None or _is_place(content["start"]))
                and _is_place(content["end"])
                and (self.predecessor is None or self.predecessor.is_well_formed)
            )
        except (KeyError, TypeError):
            return False

    @property
    def is_genuine(self) -> bool:
        """Whether the key that it names has signed it; an unsigned one names none."""
        key = self.content["key"]
        if key is None or self.signature is None:
            return key is self.signature
        return is_signature(key, self.signature, self.text.encode())

    @property
    def predecessor(self) -> Predecessor | None:
        follows = self.content.get("follows")
        return Predecessor(**follows) if follows else None

    def digests(self) -> dict[tuple[str, int], bytes] | None:
        """Return the digest of each stream, None if they are not those sealed."""
        if sha256(self.streams).hexdigest() != self.content["streams"]:
            return None
        return dict(digests_of(self.streams))


def _is_place(value) -> bool:
    """Return whether a value is the place of an event, which PostgreSQL can hold."""
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(type(each) is int for each in value)
        and all(
            abs(each) < 2**bits for each, bits in zip(value, (31, 63, 63), strict=True)
        )
    )


def digests_of(streams: bytes) -> Iterator[tuple[tuple[str, int], bytes]]:
    """Yield ``((model, id), digest)`` of each stream.

    For each model there are its name, a zero byte, the number of streams, and of each
    its id and digest; numbers have four bytes, the first one the highest.

    >>> digests = b"crm.lead\\0" + bytes([0, 0, 0, 1, 0, 0, 0, 42]) + b"8 bytes."
    >>> list(digests_of(digests))
    [(('crm.lead', 42), b'8 bytes.')]
    """
    at = 0
    while at < len(streams):
        end = streams.index(b"\0", at)
        model = streams[at:end].decode()
        at = end + 1
        count = int.from_bytes(streams[at : at + _ID], "big")
        at += _ID
        for __ in range(count):
            id_ = int.from_bytes(streams[at : at + _ID], "big", signed=True)
            at += _ID
            yield (model, id_), streams[at : at + DIGEST]
            at += DIGEST
