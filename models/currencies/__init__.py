from . import currencies
