import {describe, expect, test} from "@odoo/hoot";

import {flowParameters, paceParameters} from "@crm_cqrs/dashboard/pace_parameters";

describe.current.tags("headless");

const VIEW = {viewAs: undefined, scope: "all", company: "1", currency: "EUR"};
const ME = {id: "uuid-1"};
const CLOSING = {
    tz: "Europe/Paris",
    period: {from: "2026-09-30T22:00:00+00:00", until: "2026-12-31T23:00:00+00:00"},
};

test("the own of a person are asked by salesperson", () => {
    expect(paceParameters(VIEW, ME).salesperson).toBe(undefined);
    expect(paceParameters({...VIEW, scope: "own"}, ME).salesperson).toBe("uuid-1");
    const other = {...VIEW, scope: "own", viewAs: "uuid-2"};
    expect(paceParameters(other, ME).salesperson).toBe("uuid-2");
});

test("days by stage are those of the period, in the zone of the figures", () => {
    const days = (view, closing = CLOSING) => {
        const {from, to} = flowParameters({...VIEW, ...view}, ME, closing);
        return [from, to];
    };
    expect(days({})).toEqual(["2026-10-01", "2026-12-31"]);
    // Until the past day that is shown, if it is in the period.
    expect(days({day: "2026-11-02"})).toEqual(["2026-10-01", "2026-11-02"]);
    expect(days({day: "2027-01-02"})).toEqual(["2026-10-01", "2026-12-31"]);
    const anyTime = {tz: "UTC", period: null};
    expect(days({}, anyTime)).toEqual([undefined, undefined]);
    expect(days({day: "2026-11-02"}, anyTime)).toEqual([undefined, "2026-11-02"]);
});
