import {browser} from "@web/core/browser/browser";

import {onWillUnmount, useExternalListener} from "@odoo/owl";

/**
 * Repeat a callback with a pause after each call, for as long as the component lives.
 * Nothing is called while the page is hidden; it is made up for once it is seen again.
 *
 *     const polling = usePolling(async () => {
 *         await this.load();
 *         return this.isRunning ? 1000 : 10000;
 *     });
 *     polling.plan(1000);
 *
 * @param {() => Promise<number|false|undefined>} look returns the milliseconds until the
 *  next call; false or undefined ends it
 * @returns {{plan: (pause: number|false|undefined) => void, look: () => Promise<void>}}
 *  to set the time of the next call, and to call now
 */
export function usePolling(look) {
    let timer = null;
    let isOn = false;
    let isGone = false;

    function plan(pause) {
        browser.clearTimeout(timer);
        isOn = Boolean(pause) && !isGone;
        if (isOn) {
            timer = browser.setTimeout(lookNow, pause);
        }
    }

    async function lookNow() {
        if (!isGone && !document.hidden) {
            plan(false);
            plan(await look());
        }
    }

    useExternalListener(document, "visibilitychange", () => isOn && lookNow());
    onWillUnmount(() => {
        isGone = true;
        plan(false);
    });
    return {plan, look: lookNow};
}
