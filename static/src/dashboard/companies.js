/**
 * Odoo's company switcher, and the companies of an address. A text such as `3,1` is that
 * of some companies: the current one first, then the others that are switched on.
 */

import {browser} from "@web/core/browser/browser";
import {router, routerBus} from "@web/core/browser/router";
import {registry} from "@web/core/registry";
import {user} from "@web/core/user";

/** Paths of the client actions whose addresses say the companies */
export const PATHS = {
    dashboard: "sales-dashboard",
    records: "sales-records",
    changes: "pipeline-changes",
    customers: "sales-customers",
    customer: "sales-customer",
};

/** Return the text of the companies switched on; undefined where there is but one. */
export function activeCompanies() {
    return user.allowedCompanies.length > 1
        ? user.activeCompanies.map(({id}) => id).join()
        : undefined;
}

/** Return the ids in a text that are among the allowed ones, each once. */
export function companyIds(text, allowed) {
    const ids = String(text).split(",").map(Number);
    return [...new Set(ids)].filter((id) => allowed.includes(id));
}

/**
 * Switch on the companies that the present address says, as far as the user may work in
 * them.
 *
 * @returns {boolean} whether other ones were switched on before
 */
function followAddress() {
    const {action, company} = router.current;
    const before = activeCompanies();
    if (Object.values(PATHS).includes(action)) {
        const ids = companyIds(
            company,
            user.allowedCompanies.map(({id}) => id)
        );
        if (ids.length) {
            user.activateCompanies(ids, {includeChildCompanies: false, reload: false});
        }
    }
    return activeCompanies() !== before;
}

/** Switches companies before anything is shown, and again where a link leads on. */
export const addressCompaniesService = {
    start() {
        followAddress();
        routerBus.addEventListener("ROUTE_CHANGE", () => {
            // As when the user switches companies, nothing of the page stays.
            if (followAddress()) {
                browser.location.assign(router.stateToUrl(router.current));
            }
        });
    },
};

registry
    .category("services")
    .add("crm_cqrs.address_companies", addressCompaniesService);
