"""A real browser that the test itself steers: from page to page, by real keys."""

import json
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from unittest.mock import patch
from urllib.parse import urljoin

from odoo.tests import HttpCase, common
from odoo.tests.common import (
    ChromeBrowser,
    ChromeBrowserException,
    _registry_test_lock,
    release_test_lock,
)

from odoo.addons.bus.websocket import CloseCode, WebsocketConnectionHandler, _kick_all

from ..devtools.console import Failure
from ..devtools.web.page import TIMEOUT, Page

FOLLOW = """
(() => {
    document.querySelector(".o_action").dataset.former = true;
    const link = document.createElement("a");
    link.href = %s;
    document.body.append(link);
    link.click();
    link.remove();
})()
"""


class BrowserCase(HttpCase):
    """Where ``browser_js`` runs one script on one page, this goes on to others.

    Usage::

        with self.browse():
            self.enter(self.env.user)
            self.visit("/odoo/crm", until="document.querySelector('.o_kanban_view')")
            self.page.press("Tab")
            self.assertEqual(self.js("document.activeElement.tagName"), "BUTTON")

    An error in the browser's console fails the test, at the next step. So does it
    to ask the database within the block: what the page asks is asked through the
    same cursor, and one would now and then get the other's answer.

    The tests of a class share a browser: to start one takes a second, and it keeps the
    scripts that all pages have.
    """

    #: Messages of the console that are to be expected, in part
    expected_errors: tuple[str, ...] = ()

    #: The browser that a former test of the class has left, with nothing in it
    left_browser: ChromeBrowser | None = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(lambda: cls.left_browser and cls.left_browser.stop())

    def take_browser(self):
        """Return a browser as a new one is."""
        cls = type(self)
        browser, cls.left_browser = cls.left_browser or ChromeBrowser(self), None
        browser.test_case = self
        browser._result, browser.error_checker = Future(), None
        self.browser, self.page = browser, Page(self.cdp)
        return browser

    def leave_browser(self, failure: type[BaseException] | None, *_details):
        """Leave the browser to the next test, unless this one has failed with it."""
        if failure or self.browser._result.done():
            self.browser.stop()
            return
        self.empty_browser()

    def empty_browser(self):
        self.browser.navigate_to("about:blank", wait_stop=True)
        self.page.call("Network.clearBrowserCookies")
        self.page.call(
            "Storage.clearDataForOrigin", origin=self.base_url(), storageTypes="all"
        )
        type(self).left_browser = self.browser

    @contextmanager
    def browse(self):
        """Have a browser within the block."""
        self.take_browser()
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
            stack.push(self.leave_browser)
            execute = self.cr.execute

            def execute_alone(*args, **kwargs):
                if not _registry_test_lock._is_owned():
                    self.fail("a page may be asking through this cursor as well")
                return execute(*args, **kwargs)

            stack.enter_context(patch.object(self.cr, "execute", execute_alone))
            yield

    def browser_js(self, *args, **options):
        """As Odoo's, which starts a browser each time, in the one that is shared."""

        def shared(_test_case, success_signal, **_options):
            browser = self.take_browser()
            browser.success_signal = success_signal
            browser.stop = leave
            return browser

        def leave():
            browser = self.browser
            del browser.stop
            result = browser._result
            if result.done() and not result.exception() and not browser.had_failure:
                self.empty_browser()
            else:
                browser.stop()

        # What is pending is written while this thread alone has the cursor: Odoo writes
        # it when requests are let in, and one that a former page has left would come
        # between the savepoints.
        with release_test_lock():
            self._wait_remaining_requests()
        self.cr.flush()
        with patch.object(common, "ChromeBrowser", shared):
            return super().browser_js(*args, **options)

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

    def follow(self, path: str, until: str):
        """Go on to another screen, by a link on the present one; no page is loaded."""
        self.js(FOLLOW % json.dumps(path))
        self.until(f"!document.querySelector('[data-former]') && ({until})")

    def js(self, expression: str):
        """Return the value of an expression, awaited if it is a promise."""
        return self.page.evaluate(expression)

    def until(self, condition: str):
        """Wait for an expression to hold."""
        try:
            self.page.wait_for(condition)
        except Failure as failure:
            self.browser.take_screenshot()
            self.fail(str(failure))

    def cdp(self, method: str, parameters: dict) -> dict:
        """Send a command of the Chrome DevTools Protocol; return its answer."""
        failed = self.browser._result
        if failed.done():
            failed.result()
        try:
            return self.browser._websocket_request(
                method, params=parameters, timeout=TIMEOUT
            )
        except ChromeBrowserException as error:
            raise Failure(str(error)) from error
