"""Models and fields that are never recorded: secrets, files, and the log itself.

A declaration may name a field all the same; nobody else can put one on record.
"""

import re

#: Models that hold secrets; those that extend them are never recorded either
SECRET_MODELS = (
    "auth.oauth.provider",
    "auth_totp.device",
    "certificate.certificate",
    "certificate.key",
    "fetchmail.server",
    "iap.account",
    "ir.config_parameter",
    "ir.mail_server",
    "payment.provider",
    "payment.token",
    "res.users.apikeys",
)

#: The log, its read models and its settings
_OWN = "cqrs."

#: Bookkeeping of writes, which would make an event of every no-op, and derived fields
_BOOKKEEPING = ("id", "write_date", "write_uid", "parent_path", "access_token")

_SECRET = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|passphrase|secrets?|tokens?|credentials?|otp|totp"
    r"|(?:api|private|secret|access|encryption)_?keys?|pin|cvv|iban_?key)(?:_|$)"
)


def recordable_models(env) -> set[str]:
    """Return the models that an administrator may put on record."""
    secret = env.registry.descendants(
        [name for name in SECRET_MODELS if name in env], "_inherit", "_inherits"
    )
    return {
        name
        for name, model in env.registry.items()
        if model._auto
        and not model._abstract
        and not model._transient
        and not name.startswith(_OWN)
        and name not in secret
    }


def is_never_recorded(field) -> bool:
    """Return whether a field is recorded only where it is declared."""
    return bool(
        field.type == "binary"
        or field.groups
        or field.name in _BOOKKEEPING
        or _SECRET.search(field.name.removeprefix("x_studio_").removeprefix("x_"))
    )
