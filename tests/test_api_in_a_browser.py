import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from odoo.tests import HttpCase, tagged

from .own_server import OwnServer

# What a developer of another frontend would write: sign in with a key, show figures.
PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Dashboard elsewhere</title>
<form><input name="key" type="password"><button>Sign in</button></form>
<p id="state">signed out</p>
<p id="name"></p>
<p id="pipeline"></p>
<p id="position"></p>
<script>
const show = (id, text) => { document.getElementById(id).textContent = text; };
document.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const key = event.target.elements.key.value;
    try {
        const answer = await fetch("API/api/v2/dashboard/", {
            headers: { Authorization: `Bearer ${key}` },
        });
        const body = await answer.json();
        if (!answer.ok) {
            show("state", `${answer.status} ${body.type}`);
            return;
        }
        show("name", body.user.name);
        show("pipeline", body.metrics.pipeline_value);
        show("position", answer.headers.get("X-Event-Position"));
        show("state", "signed in");
    } catch (error) {
        show("state", error.name);
    }
});
</script>
"""

SIGN_IN = """
document.querySelector("input").value = "%(key)s";
document.querySelector("button").click();
const timer = setInterval(() => {
    const text = (id) => document.getElementById(id).textContent;
    if (text("state") === "signed out") {
        return;
    }
    clearInterval(timer);
    const shown = ["state", "name", "pipeline", "position"].map(text).join("|");
    if (shown === "%(shown)s") {
        console.log("test successful");
    } else {
        console.error("shown: " + shown);
    }
}, 50);
"""
ALLOW = """
env["ir.config_parameter"].set_param("crm_cqrs.api_cors_origins", "%s")
env.cr.commit()
env.registry.signal_changes()
"""


@tagged("post_install", "-at_install")
class TestApiInABrowser(OwnServer, HttpCase):
    """Pages of two other origins, in a real browser; one of them is allowed."""

    def page(self, api):
        """Serve the page from an origin of its own; return that."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(PAGE.replace("API", api, 1).encode())

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def sign_in(self, origin, key, *shown):
        self.browser_js(
            origin,
            SIGN_IN % {"key": key, "shown": "|".join(shown)},
            # The browser itself says what it has blocked.
            error_checker=lambda message: message.startswith("shown:"),
        )

    def test_a_page_that_is_allowed_shows_the_dashboard_and_no_other(self):
        api = self.serve()
        key = self.keys["admin"]
        allowed, other = self.page(api), self.page(api)
        self.odoo("shell", script=ALLOW % allowed)
        [(position,)] = self.query("SELECT max(position) FROM cqrs_event")
        [(name, value)] = self.query(
            """
            SELECT profile.name, sum(value)::float::text
            FROM cqrs_opportunity_view view, cqrs_user_profile profile
            WHERE view.active AND view.status = 'pending' AND profile.id = 2
            GROUP BY profile.name
            """
        )
        self.sign_in(allowed, key, "signed in", name, value, str(position))
        unauthorized = "401 /api/v2/problems/unauthorized"
        self.sign_in(allowed, "wrong", unauthorized, "", "", "")
        # The browser lets it read neither the answer nor that there was one.
        self.sign_in(other, key, "TypeError", "", "", "")
        self.sign_in(other, "wrong", "TypeError", "", "", "")
