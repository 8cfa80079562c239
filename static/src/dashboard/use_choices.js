import { browser } from "@web/core/browser/browser";
import { user } from "@web/core/user";

import { useState } from "@odoo/owl";

import { addressOf, initialView, rememberedChoices } from "./choices";
import { activeCurrencies, ownCurrency } from "./formats";

/**
 * Keep the choices of a dashboard in its address, and in the browser for the next visit.
 *
 * - `view`: the choices, reactive
 * - `offer`: options that depend on the user; none where there is but one
 * - `remembered()`: returns the choices of the last visit, and the figures it had
 * - `publish(figures)`: puts the choices into the address, and remembers them
 *
 * @param {Object} props of a client action
 */
export function useChoices(props) {
    const choosable = (options) => (options.length > 1 ? options : []);
    const offer = {
        companies: choosable(user.allowedCompanies),
        currencies: choosable(activeCurrencies()),
        ownCurrency: ownCurrency(),
    };
    const key = `crm_cqrs.dashboard.${user.userId}`;

    function remembered() {
        try {
            return JSON.parse(browser.localStorage.getItem(key)) || {};
        } catch {
            // Another program's, or unreadable.
            return {};
        }
    }

    const view = useState(
        props.state?.view || initialView(props.action.params || {}, remembered(), offer)
    );

    function publish(figures) {
        props.updateActionState?.(addressOf(view, offer));
        const choices = { ...rememberedChoices(view), ...figures };
        browser.localStorage.setItem(key, JSON.stringify(choices));
    }

    return { view, offer, remembered, publish };
}
