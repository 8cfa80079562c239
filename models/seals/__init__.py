from . import seal, sealing, handing_out
