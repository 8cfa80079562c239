from . import position, quota, settings, usage, v1
