from . import stream, event, capture
