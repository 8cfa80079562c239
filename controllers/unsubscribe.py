"""The page behind the link of a mailed dashboard, by which one unsubscribes."""

from odoo.http import Controller, request, route

from ..models.subscriptions.mail import UNSUBSCRIBE_PATH


class Unsubscribe(Controller):
    """A link's signature stands for its recipient: nobody needs to log in.

    Scanners of mails follow links, so to open one changes nothing: the page asks. If it
    is opened in a browser in which the recipient is logged in, it asks no more: then it
    is the recipient who has clicked, and the page itself unsubscribes. Programs of mail
    have a button of their own, which sends what the page sends (RFC 8058).
    """

    @route(
        UNSUBSCRIBE_PATH,
        type="http",
        auth="public",
        methods=["GET"],
        readonly=True,
        save_session=False,
    )
    def ask(self, token="", **_others):
        return _page(_found(token))

    # A form that nobody but a bearer of the link can send, and from anywhere.
    @route(
        UNSUBSCRIBE_PATH,
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,
        save_session=False,
    )
    def unsubscribe(self, token="", again="", **_others):
        subscription = _found(token)
        # Of what is gone nothing is left to do, and that is what was asked for.
        if subscription and again:
            subscription._start()
        elif subscription:
            subscription._stop("recipient")
        return _page(subscription, is_resumed=bool(again))


def _found(token: str):
    return request.env["cqrs.subscription"]._of_token(token)


def _page(subscription, is_resumed: bool = False):
    """Return the page of a subscription, in the language of its recipient.

    :param subscription: none that is gone, None for a link that is none
    """
    is_link = subscription is not None
    subscription = subscription or request.env["cqrs.subscription"]
    user = subscription.user_id
    subscription = subscription.with_context(lang=user.lang or request.env.lang)
    lang = subscription.env["res.lang"]._get_data(code=subscription.env.lang)
    request.update_context(lang=subscription.env.lang)
    response = request.render(
        "crm_cqrs.unsubscribe_page",
        {
            "subscription": subscription,
            "is_link": is_link,
            "lang_code": (lang.code or "en_US").replace("_", "-"),
            "direction": lang.direction or "ltr",
            "is_resumed": is_resumed,
            "is_recipient": bool(user) and request.env.user == user,
        },
        status=200 if is_link else 404,
    )
    # The address has the signature.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response
