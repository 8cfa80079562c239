import {after, describe, destroy, expect, test} from "@odoo/hoot";
import {advanceTime, animationFrame} from "@odoo/hoot-mock";
import {defineMailModels} from "@mail/../tests/mail_test_helpers";
import {mountWithCleanup} from "@web/../tests/web_test_helpers";

import {Component, onMounted, xml} from "@odoo/owl";

import {usePolling} from "@crm_cqrs/core/use_polling";

describe.current.tags("desktop");
defineMailModels();

/** Mount a component that polls with these pauses: before the first call, and after each. */
async function mountPoller(first, ...pauses) {
    class Poller extends Component {
        static template = xml`<div/>`;
        static props = {};
        setup() {
            this.polling = usePolling(async () => {
                expect.step("look");
                return pauses.shift();
            });
            onMounted(() => this.polling.plan(first));
        }
    }
    return mountWithCleanup(Poller);
}

async function wait(seconds) {
    await advanceTime(1000 * seconds);
    await animationFrame();
}

function setHidden(isHidden) {
    Object.defineProperty(document, "hidden", {
        configurable: true,
        get: () => isHidden,
    });
    document.dispatchEvent(new Event("visibilitychange"));
}

test("the callback is called after each pause, until it returns none", async () => {
    await mountPoller(60000, 600000);
    await wait(50);
    expect.verifySteps([]);
    await wait(20);
    expect.verifySteps(["look"]);
    await wait(500);
    expect.verifySteps([]);
    await wait(200);
    expect.verifySteps(["look"]);
    await wait(6000);
    expect.verifySteps([]);
});

test("a call in between sets the next one", async () => {
    const {polling} = await mountPoller(60000, 60000);
    await wait(50);
    await polling.look();
    expect.verifySteps(["look"]);
    await wait(50);
    expect.verifySteps([]);
    await wait(20);
    expect.verifySteps(["look"]);
});

test("nothing is called while the page is hidden", async () => {
    after(() => delete document.hidden);
    await mountPoller(60000);
    setHidden(true);
    await wait(600);
    expect.verifySteps([]);
    setHidden(false);
    await animationFrame();
    expect.verifySteps(["look"]);
    setHidden(false);
    expect.verifySteps([]);
});

test("nothing is called once the component is gone", async () => {
    destroy(await mountPoller(60000));
    await wait(600);
    expect.verifySteps([]);
});
