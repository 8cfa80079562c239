import {useService} from "@web/core/utils/hooks";

import {browser} from "@web/core/browser/browser";

import {onMounted, onWillUnmount} from "@odoo/owl";

const CHANGED = "crm_cqrs/changed";
/** Milliseconds between two looks, however much changes */
const PAUSE = 1500;

/**
 * Call back soon after a commit that the screen behind is told of: it has the channel,
 * which would end for both.
 *
 * @param {() => Promise<void>} look does not reject
 */
export function useChanged(look) {
    const bus = useService("bus_service");
    let timer = null;

    function tell() {
        timer ??= browser.setTimeout(async () => {
            if (!document.hidden) {
                await look();
            }
            timer = null;
        }, PAUSE);
    }

    onMounted(() => bus.subscribe(CHANGED, tell));
    onWillUnmount(() => {
        bus.unsubscribe(CHANGED, tell);
        browser.clearTimeout(timer);
    });
}
