import {browser} from "@web/core/browser/browser";
import {AlertDialog} from "@web/core/confirmation_dialog/confirmation_dialog";
import {SessionExpiredDialog} from "@web/core/errors/error_dialogs";
import {_t} from "@web/core/l10n/translation";
import {rpc} from "@web/core/network/rpc";
import {registry} from "@web/core/registry";
import {user} from "@web/core/user";

const EXPIRED = "odoo.http.SessionExpiredException";

/**
 * The session that the page was opened in. It may end, or somebody else may log in in
 * another tab; then answers are refused, or are another person's.
 *
 *     const session = useService("crm_cqrs.session");
 *     if (await session.isOver()) {
 *         return; // The user is told, and the page is loaded again.
 *     }
 *
 * Loaded again, the address leads to the login and back, or shows what the other person
 * sees there.
 */
export const sessionService = {
    dependencies: ["dialog"],
    async: ["isOver"],
    start(env, {dialog}) {
        let isTold = false;

        function tell(Dialog, props) {
            if (!isTold) {
                isTold = true;
                dialog.add(Dialog, props, {onClose: () => browser.location.reload()});
            }
            return true;
        }

        /** Return whether the session is no longer that of the page; ask after a doubt. */
        async function isOver() {
            let session = null;
            try {
                session = await rpc(
                    "/web/session/get_session_info",
                    {},
                    {silent: true}
                );
            } catch (error) {
                return (
                    error.exceptionName === EXPIRED && tell(SessionExpiredDialog, {})
                );
            }
            return (
                session.uid !== user.userId &&
                tell(AlertDialog, {
                    title: _t("Logged in as somebody else"),
                    body: _t(
                        "%s has logged in from this browser. The page is about to be refreshed.",
                        session.name
                    ),
                    confirmLabel: _t("Refresh"),
                })
            );
        }

        return {isOver};
    },
};

registry.category("services").add("crm_cqrs.session", sessionService);
