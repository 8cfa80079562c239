from . import changed, channel
