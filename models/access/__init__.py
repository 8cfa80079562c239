from . import access, delegation, explanation, record_rules, options
