from . import access, delegation, explain, rules, settings
