from . import subscription, contents, mail, sending
