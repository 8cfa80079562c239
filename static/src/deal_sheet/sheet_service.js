import {browser} from "@web/core/browser/browser";
import {router, routerBus} from "@web/core/browser/router";
import {registry} from "@web/core/registry";

import {reactive} from "@odoo/owl";

import {dealOf, differsByDeal} from "./deal_address";
import {DealList} from "./deal_list";
import {loadDealForm} from "./deal_form";
import {DealSheet} from "./deal_sheet";

/** Milliseconds after which the form is loaded in advance: figures come first */
const LATER = 1500;

/**
 * The sheet beside a list, in which one opportunity at a time is open.
 *
 * - `state`: reactive, with the `list` (`DealList`), null while there is no sheet
 * - `open(owner, id, ids, rest)`: opens an opportunity of a list of the component `owner`,
 *  arguments as of `DealList`; in `rest`, `onChange` is called once it may have changed, and
 *  `preview` is what is shown at once: `{id, name, facts: [{label, text}]}`
 * - `prepare()`: loads what a sheet needs, once the page is idle
 * - `show(owner, id, onChange)`: opens an opportunity that an address has: one of the list
 *  that is open, or alone; without an id, closes the sheet
 * - `place(ids, rest)`: a list has been read: if it has the opportunity that is open alone,
 *  that one is walked from in it
 * - `follow(goTo)`, `unfollow(goTo)`: `goTo` is called with the id, or undefined, once the
 *  browser has gone to an address of the same screen that differs by the opportunity alone
 * - `close(owner)`: closes the sheet that this component has opened
 */
export const dealSheetService = {
    dependencies: ["action", "overlay", "view"],
    start(env, {action, overlay, view}) {
        const state = reactive({list: null, preview: null});
        let isPrepared = false;
        let owner = null;
        let remove = null;
        let leave = null;
        let goTo = null;

        // Before the web client, which would load the whole screen anew.
        routerBus.addEventListener("ROUTE_CHANGE", (ev) => {
            const {current} = router;
            if (goTo && differsByDeal(action.currentController?.state, current)) {
                ev.stopImmediatePropagation();
                goTo(dealOf(current));
            }
        });

        function follow(callback) {
            goTo = callback;
        }

        function unfollow(callback) {
            if (goTo === callback) {
                goTo = null;
            }
        }

        function close(component) {
            if (owner === component && remove) {
                remove();
                state.list = owner = remove = leave = null;
            }
        }

        function prepare() {
            if (!isPrepared) {
                isPrepared = true;
                const whenIdle = window.requestIdleCallback || browser.setTimeout;
                browser.setTimeout(
                    // Whoever may not read it is told so where it is opened.
                    () => whenIdle(() => loadDealForm(env, view).catch(() => null)),
                    LATER
                );
            }
        }

        async function open(component, id, ids, {onChange, preview, ...rest} = {}) {
            if (leave && !(await leave())) {
                return;
            }
            owner = component;
            state.preview = preview || null;
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

        async function show(component, id, onChange) {
            if (id) {
                const {ids = [], total, more} = state.list || {};
                const rest = {
                    total,
                    more,
                    onChange: state.list ? state.onChange : onChange,
                };
                await open(component, id, ids, rest);
            } else if (!leave || (await leave())) {
                close(owner);
            }
        }

        function place(ids, {onChange, ...rest} = {}) {
            const {list} = state;
            if (list && !list.isPlaced && ids.includes(list.id)) {
                state.list = new DealList(list.id, ids, rest);
                state.onChange = onChange || state.onChange;
            }
        }

        return {state, prepare, open, show, place, follow, unfollow, close};
    },
};

registry.category("services").add("crm_cqrs.deal_sheet", dealSheetService);
