"""Signatures of Standard Webhooks 1.0 (``v1``: HMAC-SHA256 under a shared secret).

A receiver with any of the secrets can check a message, so that a secret can be replaced
while messages are on their way:

>>> secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
>>> sign([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"

#: The beginning of a secret; ``secret.py`` makes them
PREFIX = "whsec_"


def sign(secrets: Collection[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header ``webhook-signature``: a signature by each of the secrets.

    :param timestamp: seconds since 1970 in UTC, when the message is sent
    :raise ValueError: there is no secret, as in a neutralized database
    """
    if not secrets:
        raise ValueError("there is no secret to sign with; rotate the webhook's")
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    return " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets)


def _signature(secret: str, signed: bytes) -> str:
    key = b64decode(secret.removeprefix(PREFIX), validate=True)
    return b64encode(hmac.digest(key, signed, "sha256")).decode()


def headers(
    secrets: Collection[str],
    message_id: str,
    timestamp: int,
    body: bytes,
    further: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the headers of a request.

    :param further: the endpoint's own headers, which cannot take the place of these
    """
    own = {
        "content-type": CONTENT_TYPE,
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secrets, message_id, timestamp, body),
    }
    return {k: v for k, v in (further or {}).items() if k.lower() not in own} | own
