from lxml import etree

from odoo.tests import TransactionCase, tagged


@tagged("post_install", "-at_install")
class TestApiSettings(TransactionCase):
    def test_each_option_has_its_default_and_says_what_it_does(self):
        settings = self.env["res.config.settings"]
        arch = etree.fromstring(settings.get_view(view_type="form")["arch"])
        [block] = arch.xpath("//block[@name='cqrs_api_setting_container']")
        help_of = {
            setting.find("field").get("name"): setting.get("help")
            for setting in block.iter("setting")
        }
        defaults = {
            "cqrs_api_cors_origins": False,
            "cqrs_api_requests_per_minute": 0,
        }
        self.assertEqual(help_of.keys(), defaults.keys())
        shown = settings.create({})
        for name, default in defaults.items():
            self.assertEqual(shown[name], default, name)
            self.assertRegex(help_of[name], "[Bb]y default", name)
