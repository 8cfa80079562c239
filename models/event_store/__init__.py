from . import capture, stream, event
