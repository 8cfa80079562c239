import {user, userBus} from "@web/core/user";
import {useBus, useService} from "@web/core/utils/hooks";
import {useSetupAction} from "@web/search/action_hook";

import {onMounted, onWillUnmount, useComponent, useEffect, useState} from "@odoo/owl";

import {DEAL, dealOf} from "./deal_address";

/**
 * Keep the opportunity in the sheet in the address of a client action, so that it is shared,
 * loaded again and gone back to with the screen.
 *
 * @param {() => void} [onChange] called once the opportunity that the address opened may have
 *  changed
 */
export function useDealInAddress(onChange) {
    const sheets = useService("crm_cqrs.deal_sheet");
    const opened = useState(sheets.state);
    const component = useComponent();
    const {props} = component;
    const given = dealOf(props.state || props.action.params);

    const publish = (id) => component.props.updateActionState?.({[DEAL]: id});

    /** The browser has changed the address itself. */
    async function goTo(id) {
        publish(id);
        await sheets.show(component, id, onChange);
        // What could not be saved has kept the sheet.
        publish(opened.list?.id);
    }

    let companies = activeIds();
    useBus(userBus, "ACTIVE_COMPANIES_CHANGED", () => {
        const before = companies;
        companies = activeIds();
        // Odoo would switch on again a company whose opportunity the address has.
        if (before.some((id) => !companies.includes(id))) {
            goTo(undefined);
        }
    });

    publish(given);
    useSetupAction({getLocalState: () => ({[DEAL]: opened.list?.id})});
    onMounted(() => {
        if (given) {
            sheets.show(component, given, onChange);
        }
    });
    useEffect(
        (id) => publish(id),
        () => [opened.list?.id]
    );
    onMounted(() => sheets.follow(goTo));
    onWillUnmount(() => {
        sheets.unfollow(goTo);
        sheets.close(component);
    });
}

function activeIds() {
    return user.activeCompanies.map(({id}) => id);
}
