import {browser} from "@web/core/browser/browser";

import {onWillUnmount, useState} from "@odoo/owl";

/** Milliseconds after which the user is told that something takes its time */
const PATIENCE = 2000;

/**
 * Tell a component that what it waits for takes longer than two seconds.
 *
 *     const waiting = useSlow();
 *     const data = await waiting.during(api.read("dashboard/changes"));
 *
 * @returns {{isSlow: boolean, during: (promise: Promise) => Promise}} reactive; `during`
 *  gives what the promise gives
 */
export function useSlow() {
    let count = 0;
    let timer = null;
    const state = useState({
        isSlow: false,
        async during(promise) {
            count++;
            browser.clearTimeout(timer);
            timer = browser.setTimeout(() => {
                state.isSlow = true;
            }, PATIENCE);
            try {
                return await promise;
            } finally {
                count--;
                if (!count) {
                    browser.clearTimeout(timer);
                    state.isSlow = false;
                }
            }
        },
    });
    onWillUnmount(() => browser.clearTimeout(timer));
    return state;
}
