from . import webhook, secret, rotation
