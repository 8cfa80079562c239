import {describe, expect, test} from "@odoo/hoot";
import {advanceTime, animationFrame} from "@odoo/hoot-mock";
import {defineMailModels} from "@mail/../tests/mail_test_helpers";
import {contains, mountWithCleanup, onRpc} from "@web/../tests/web_test_helpers";

import {SyncButton} from "@crm_cqrs/dashboard/sync_button";

describe.current.tags("desktop");
defineMailModels();

test("where nothing performs runs, it says why and waits no longer", async () => {
    onRpc("cqrs.run", "action_reconcile", () => ({res_id: 7}));
    onRpc("cqrs.run", "read", () => {
        expect.step("read");
        return [
            {id: 7, state: "pending", progress: 0, waits_for: "No server runs any."},
        ];
    });
    await mountWithCleanup(SyncButton, {props: {onDone: () => null}});
    await contains(".o_cqrs_sync").click();
    await advanceTime(1000);
    await animationFrame();
    expect(".o_notification").toHaveText(/No server runs any\./);
    expect(".o_cqrs_sync").toHaveText("Sync");
    await advanceTime(5000);
    expect.verifySteps(["read"]);
});
