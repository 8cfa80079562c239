from odoo.http import Controller, request, route


class Floor(Controller):
    @route("/cqrs_floor", type="http", auth="user", methods=["GET"], readonly=True)
    def floor(self):
        """Answer with as little work as an authenticated JSON route can have."""
        return request.make_json_response({"user": request.env.uid})
