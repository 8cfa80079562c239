from . import webhook, secret, rotation, message
