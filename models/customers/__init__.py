from . import accounts, account, timeline
