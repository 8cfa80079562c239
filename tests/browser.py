"""A real browser that the test itself steers: from page to page, by real keys."""

import json
from contextlib import ExitStack, contextmanager
from unittest.mock import patch
from urllib.parse import urljoin

from odoo.tests import HttpCase
from odoo.tests.common import ChromeBrowser, _registry_test_lock

from odoo.addons.bus.websocket import CloseCode, WebsocketConnectionHandler, _kick_all

#: Seconds until what is waited for must be so
PATIENCE = 30

#: ``{name: (DOM code, Windows' code, text)}``
KEYS = {
    "Tab": ("Tab", 9, ""),
    "Enter": ("Enter", 13, "\r"),
    "Space": ("Space", 32, " "),
    "Escape": ("Escape", 27, ""),
    "ArrowLeft": ("ArrowLeft", 37, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "ArrowRight": ("ArrowRight", 39, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
    "Home": ("Home", 36, ""),
    "End": ("End", 35, ""),
}
SHIFT = 8

UNTIL = """
(async () => {
    for (const end = Date.now() + %d; ; ) {
        const value = Boolean(await (%s));
        if (value || Date.now() > end) {
            return value;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
})()
"""


class BrowserCase(HttpCase):
    """Where ``browser_js`` runs one script on one page, this goes on to others.

    Usage::

        with self.browse():
            self.enter(self.env.user)
            self.visit("/odoo/crm", until="document.querySelector('.o_kanban_view')")
            self.press("Tab")
            self.assertEqual(self.js("document.activeElement.tagName"), "BUTTON")

    An error in the browser's console fails the test, at the next step. So does it
    to ask the database within the block: what the page asks is asked through the
    same cursor, and one would now and then get the other's answer.
    """

    #: Messages of the console that are to be expected, in part
    expected_errors: tuple[str, ...] = ()

    @contextmanager
    def browse(self):
        """Have a browser within the block."""
        self.browser = ChromeBrowser(self)
        self.browser.error_checker = lambda message: (
            not any(each in message for each in self.expected_errors)
        )
        with ExitStack() as stack:
            stack.enter_context(self.allow_requests(browser=self.browser))
            stack.callback(self._wait_remaining_requests)
            stack.callback(_kick_all, CloseCode.KILL_NOW)
            stack.enter_context(
                patch.object(
                    WebsocketConnectionHandler, "websocket_allowed", return_value=True
                )
            )
            stack.callback(self.browser.stop)
            execute = self.cr.execute

            def execute_alone(*args, **kwargs):
                if not _registry_test_lock._is_owned():
                    self.fail("a page may be asking through this cursor as well")
                return execute(*args, **kwargs)

            stack.enter_context(patch.object(self.cr, "execute", execute_alone))
            yield

    def enter(self, user, **values):
        """Go on as a user, with these values written, from an empty page."""
        self.browser.navigate_to("about:blank", wait_stop=True)
        self._wait_remaining_requests()
        with _registry_test_lock:
            user.write(values)
            self.authenticate(user.login, user.login, browser=self.browser)
            self.cr.flush()
            self.cr.clear()

    def visit(self, path: str, until: str):
        """Load a page, and wait for an expression to hold on it."""
        # What is asked next must not be answered by the page before.
        self.browser.navigate_to("about:blank", wait_stop=True)
        self.browser.navigate_to(urljoin(self.base_url(), path))
        self.until(until)

    def js(self, expression: str):
        """Return the value of an expression, awaited if it is a promise."""
        answer = self.cdp(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        if error := answer.get("exceptionDetails"):
            self.fail(f"{expression[:2000]}: {json.dumps(error)[:2000]}")
        return answer["result"].get("value")

    def until(self, condition: str):
        """Wait for an expression to hold."""
        if not self.js(UNTIL % (1000 * PATIENCE, condition)):
            self.browser.take_screenshot()
            self.fail(f"never: {condition}")

    def press(self, key: str, times: int = 1, shift: bool = False):
        """Press a key as a person does, which goes to whatever has the focus."""
        code, number, text = KEYS[key]
        event = {
            "key": " " if key == "Space" else key,
            "code": code,
            "windowsVirtualKeyCode": number,
            "modifiers": SHIFT if shift else 0,
        }
        kind = "keyDown" if text else "rawKeyDown"
        for _time in range(times):
            down = {**event, "type": kind, **({"text": text} if text else {})}
            self.cdp("Input.dispatchKeyEvent", **down)
            self.cdp("Input.dispatchKeyEvent", type="keyUp", **event)

    def write_text(self, text: str):
        self.cdp("Input.insertText", text=text)

    def resize(self, width: int, height: int):
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def cdp(self, method: str, **parameters) -> dict:
        """Send a command of the Chrome DevTools Protocol; return its answer."""
        failed = self.browser._result
        if failed.done():
            failed.result()
        return self.browser._websocket_request(
            method, params=parameters, timeout=2 * PATIENCE
        )
