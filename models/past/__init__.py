from . import certainty, changes, changed_deals, flow, attention
