"""The key that signs seals: a file outside the database.

A new key is signed by the one before it, so that whoever trusts the first can follow
to the last::

    >>> first = SealKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    >>> second = SealKey.generate(follows=first)
    >>> second.predecessor.key == first.id
    True
    >>> second.predecessor.signed(second.id)
    True
    >>> second.predecessor.signed(first.id)
    False
    >>> is_signature(first.id, first.sign(b"seal"), b"seal")
    True
    >>> is_signature(first.id, first.sign(b"seal"), b"forged")
    False
"""

import os
import re
import stat
from dataclasses import dataclass
from logging import getLogger

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

_logger = getLogger(__name__)

#: Begins the text that a key signs to name its successor; no seal begins so
SUCCESSION = b"seal key of crm_cqrs: "

_FILE = """\
Key that signs the seals of crm_cqrs. Keep a copy: a lost key cannot sign the next one.
Key: {id}
{follows}{pem}"""

_FOLLOWS = re.compile(r"^Follows: ([0-9a-f]{64}) ([0-9a-f]{128})$", re.MULTILINE)
_PEM = re.compile(r"-----BEGIN PRIVATE KEY-----.*", re.DOTALL)


class UnusableKey(ValueError):
    """A key file cannot be read or written, or has no Ed25519 key."""


@dataclass(frozen=True)
class Predecessor:
    """The key before a key, and its signature, both in hexadecimal."""

    key: str
    signature: str

    @property
    def is_well_formed(self) -> bool:
        try:
            return bool(bytes.fromhex(self.key) and bytes.fromhex(self.signature))
        except (TypeError, ValueError):
            return False

    def signed(self, successor: str) -> bool:
        message = SUCCESSION + successor.encode()
        return is_signature(self.key, bytes.fromhex(self.signature), message)


@dataclass(frozen=True)
class SealKey:
    """A private key; its id is the public key, in hexadecimal."""

    private: Ed25519PrivateKey
    predecessor: Predecessor | None = None

    @property
    def id(self) -> str:
        public = self.private.public_key()
        return public.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)

    @classmethod
    def generate(cls, follows: "SealKey | None" = None) -> "SealKey":
        """Return a new key, signed by the key that it follows."""
        new = cls(Ed25519PrivateKey.generate())
        if not follows:
            return new
        signature = follows.sign(SUCCESSION + new.id.encode()).hex()
        return cls(new.private, Predecessor(follows.id, signature))

    @classmethod
    def load(cls, path: str) -> "SealKey":
        """Read a key file.

        :raise UnusableKey: there is no such file, or no key in it
        """
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
                mode = os.fstat(file.fileno()).st_mode
            pem = _PEM.search(text)
            private = load_pem_private_key(pem[0].encode(), None) if pem else None
        except (OSError, ValueError) as error:
            raise UnusableKey(f"{path}: {error}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise UnusableKey(f"{path}: there is no Ed25519 private key in it")
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            _logger.warning("Others than its owner may use the seal key %s", path)
        follows = _FOLLOWS.search(text)
        return cls(private, Predecessor(*follows.groups()) if follows else None)

    def save(self, path: str):
        """Write a new file that its owner alone may read.

        :raise UnusableKey: the file exists, or cannot be written
        """
        pem = self.private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode()
        former = self.predecessor
        follows = f"Follows: {former.key} {former.signature}\n" if former else ""
        try:
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(number, "w", encoding="utf-8") as file:
                file.write(_FILE.format(id=self.id, follows=follows, pem=pem))
                file.flush()
                os.fsync(number)
        except OSError as error:
            raise UnusableKey(f"{path}: {error}") from error


def is_signature(key: str, signature: bytes, message: bytes) -> bool:
    """Return whether a signature of a message was made with the key of that id."""
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(signature, message)
    except (ValueError, InvalidSignature):
        return False
    return True
