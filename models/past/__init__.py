from . import certainty
