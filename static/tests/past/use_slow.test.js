import {describe, expect, test} from "@odoo/hoot";
import {advanceTime, Deferred} from "@odoo/hoot-mock";
import {defineMailModels} from "@mail/../tests/mail_test_helpers";
import {mountWithCleanup} from "@web/../tests/web_test_helpers";

import {Component, xml} from "@odoo/owl";

import {useSlow} from "@crm_cqrs/past/use_slow";

describe.current.tags("desktop");
defineMailModels();

class Waiting extends Component {
    static template = xml`<div/>`;
    static props = {};
    setup() {
        this.waiting = useSlow();
    }
}

test("what takes longer than two seconds is said to, until it is there", async () => {
    const {waiting} = await mountWithCleanup(Waiting);
    const answer = new Deferred();
    const read = waiting.during(answer);
    await advanceTime(1900);
    expect(waiting.isSlow).toBe(false);
    await advanceTime(200);
    expect(waiting.isSlow).toBe(true);
    answer.resolve(7);
    expect(await read).toBe(7);
    expect(waiting.isSlow).toBe(false);
});

test("a failure ends it, and what is fast is never said to be slow", async () => {
    const {waiting} = await mountWithCleanup(Waiting);
    const failing = new Deferred();
    const read = waiting.during(failing).catch((error) => error.message);
    await advanceTime(2100);
    expect(waiting.isSlow).toBe(true);
    failing.reject(new Error("No"));
    expect(await read).toBe("No");
    expect(waiting.isSlow).toBe(false);
    await waiting.during(Promise.resolve());
    await advanceTime(5000);
    expect(waiting.isSlow).toBe(false);
});
