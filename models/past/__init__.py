from . import certainty, flow, attention
