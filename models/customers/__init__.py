from . import accounts, places, account, timeline, account_view
