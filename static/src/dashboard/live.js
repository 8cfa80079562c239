import {WEBSOCKET_CLOSE_CODES} from "@bus/workers/websocket_worker";
import {useBus, useService} from "@web/core/utils/hooks";

import {browser} from "@web/core/browser/browser";

import {onMounted, onWillUnmount, useState} from "@odoo/owl";

const CHANNEL = "crm_cqrs.dashboard";
const CHANGED = "crm_cqrs/changed";

/** Milliseconds between two looks, however much changes */
const PAUSE = 1500;
/** Milliseconds until the next look without a change, and after a failure */
const RECHECK = 30000;
const RETRY = 5000;

/**
 * Call back soon after a change in the database, with a pause between two calls. While
 * the page is hidden nothing is called; it is made up for once the page is seen again.
 *
 * @param {() => Promise<boolean>} look returns whether it succeeded; does not reject
 * @returns {{isConnected: boolean}} reactive
 */
export function useLive(look) {
    const bus = useService("bus_service");
    const state = useState({isConnected: navigator.onLine});
    let isMounted = false;
    let isLooking = false;
    let isDue = false;
    let timer = null;

    async function tell() {
        isDue = true;
        if (isLooking || !isMounted || document.hidden) {
            return;
        }
        isLooking = true;
        isDue = false;
        const hasLooked = await look();
        browser.clearTimeout(timer);
        timer = browser.setTimeout(() => {
            isLooking = false;
            if (isDue) {
                tell();
            } else {
                timer = browser.setTimeout(tell, hasLooked ? RECHECK : RETRY);
            }
        }, PAUSE);
    }

    const connect = () => {
        // Changes in between were not announced.
        if (!state.isConnected) {
            state.isConnected = true;
            tell();
        }
    };
    const disconnect = ({detail}) => {
        state.isConnected = false;
        if (detail.code === WEBSOCKET_CLOSE_CODES.SESSION_EXPIRED) {
            tell();
        }
    };
    const whenSeen = () => {
        if (!document.hidden) {
            tell();
        }
    };
    useBus(bus, "BUS:CONNECT", connect);
    useBus(bus, "BUS:RECONNECT", connect);
    useBus(bus, "BUS:DISCONNECT", disconnect);
    useBus(bus, "BUS:RECONNECTING", disconnect);
    onMounted(() => {
        isMounted = true;
        bus.subscribe(CHANGED, tell);
        bus.addChannel(CHANNEL);
        document.addEventListener("visibilitychange", whenSeen);
        timer = browser.setTimeout(tell, RECHECK);
    });
    onWillUnmount(() => {
        isMounted = false;
        bus.unsubscribe(CHANGED, tell);
        bus.deleteChannel(CHANNEL);
        document.removeEventListener("visibilitychange", whenSeen);
        browser.clearTimeout(timer);
    });
    return state;
}
