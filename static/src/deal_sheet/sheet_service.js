import {registry} from "@web/core/registry";

import {reactive} from "@odoo/owl";

import {DealList} from "./deal_list";
import {DealSheet} from "./deal_sheet";

/**
 * The sheet beside a list, in which one opportunity at a time is open.
 *
 * - `state`: reactive, with the `list` (`DealList`), null while there is no sheet
 * - `open(owner, id, ids, rest)`: opens an opportunity of a list of the component `owner`,
 *  arguments as of `DealList`; in `rest`, `onChange` is called once it may have changed
 * - `close(owner)`: closes the sheet that this component has opened
 */
export const dealSheetService = {
    dependencies: ["overlay"],
    start(env, {overlay}) {
        const state = reactive({list: null});
        let owner = null;
        let remove = null;
        let leave = null;

        function close(component) {
            if (owner === component && remove) {
                remove();
                state.list = owner = remove = leave = null;
            }
        }

        async function open(component, id, ids, {onChange, ...rest} = {}) {
            if (leave && !(await leave())) {
                return;
            }
            owner = component;
            state.list = new DealList(id, ids, rest);
            state.onChange = onChange || (() => null);
            if (!remove) {
                // Below the dialogs and menus that it opens itself.
                remove = overlay.add(
                    DealSheet,
                    {
                        state,
                        onReady: (leaving) => {
                            leave = leaving;
                        },
                        close: () => close(owner),
                    },
                    {sequence: 10}
                );
            }
        }

        return {state, open, close};
    },
};

registry.category("services").add("crm_cqrs.deal_sheet", dealSheetService);
