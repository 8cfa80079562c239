"""All that ./dev fetches before anything runs: Odoo, Python and node packages."""
