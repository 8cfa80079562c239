import {browser} from "@web/core/browser/browser";
import {user, userBus} from "@web/core/user";
import {useBus} from "@web/core/utils/hooks";

import {useState} from "@odoo/owl";

import {addressOf, initialView, rememberedChoices, switched} from "./choices";
import {activeCompanies} from "./companies";
import {activeCurrencies, ownCurrency} from "./formats";

/**
 * Keep the choices of a dashboard in its address, and in the browser for the next visit.
 *
 * - `view`: the choices, reactive
 * - `offer`: what depends on the user, as for `initialView`
 * - `remembered()`: returns the choices of the last visit, and the figures it had
 * - `publish(figures)`: puts the choices into the address, and remembers them
 *
 * @param {Object} props of a client action
 * @param {(choices: Object) => void} onSwitch called with the choices that follow when the
 *  user switches companies
 */
export function useChoices(props, onSwitch) {
    const offer = currentOffer();
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
        props.state
            ? {
                  ...props.state.view,
                  ...switched(props.state.view, props.state.offer, offer),
              }
            : initialView(props.action.params || {}, remembered(), offer)
    );

    useBus(userBus, "ACTIVE_COMPANIES_CHANGED", () => {
        const before = {...offer};
        Object.assign(offer, currentOffer());
        onSwitch(switched(view, before, offer));
    });

    function publish(figures) {
        props.updateActionState?.(addressOf(view));
        const choices = {...rememberedChoices(view, offer), ...figures};
        browser.localStorage.setItem(key, JSON.stringify(choices));
    }

    return {view, offer, remembered, publish};
}

/** Return what depends on the user, as for `initialView`. */
export function currentOffer() {
    const currencies = activeCurrencies();
    return {
        company: activeCompanies(),
        currencies: currencies.length > 1 ? currencies : [],
        ownCurrency: ownCurrency(),
        today: luxon.DateTime.now()
            .setZone(user.tz || "UTC")
            .toISODate(),
    };
}
