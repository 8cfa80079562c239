import {describe, expect, test} from "@odoo/hoot";

import {personsOf} from "@crm_cqrs/dashboard/persons";

describe.current.tags("headless");

const ALL = {scope: "all", viewAs: undefined, day: undefined};
const person = (id, isManager) => ({
    id: `uuid-${id}`,
    odoo: {user_id: id},
    hierarchy: {is_manager: isManager},
});
const counted = (subordinates) => ({opportunities: {subordinates}});
const MANAGER = person(1, true);
const SELLER = person(2, false);
const never = () => false;

test("who has people is shown theirs, and no day", () => {
    const state = {me: MANAGER, person: MANAGER, byStage: counted(0)};
    expect(personsOf(state, ALL, never)).toEqual({
        hasPeople: true,
        hasOthers: true,
        hasDay: false,
        dayUserId: 1,
        showsOwners: true,
        shown: {id: "uuid-1", userId: 1},
    });
    expect(personsOf(state, {...ALL, scope: "own"}, never).showsOwners).toBe(false);
});

test("who has none begins with the day, and may see others all the same", () => {
    const state = {me: SELLER, person: SELLER, byStage: counted(0)};
    const alone = personsOf(state, ALL, never);
    expect([alone.hasOthers, alone.hasDay, alone.showsOwners]).toEqual([
        false,
        true,
        false,
    ]);
    const lent = personsOf({...state, byStage: counted(3)}, ALL, never);
    expect([lent.hasOthers, lent.showsOwners]).toEqual([true, true]);
    expect(personsOf(state, {...ALL, day: "2026-11-01"}, never).hasDay).toBe(false);
});

test("until it is known, there is room for what there was", () => {
    const state = {me: SELLER, person: null, byStage: null};
    expect(personsOf(state, ALL, () => true).hasOthers).toBe(true);
    expect(personsOf(state, ALL, never).hasOthers).toBe(false);
    // The own list need not wait; another one's must.
    expect(personsOf(state, ALL, never).shown).toEqual({id: "uuid-2", userId: 2});
    expect(personsOf(state, {...ALL, viewAs: "uuid-1"}, never).shown).toBe(null);
    const nobody = personsOf({me: null, person: null, byStage: null}, ALL, never);
    expect([nobody.hasDay, nobody.dayUserId, nobody.shown]).toEqual([
        false,
        undefined,
        null,
    ]);
});

test("a manager who is looked as has owners, a salesperson has not", () => {
    const state = {me: MANAGER, person: SELLER, byStage: counted(0)};
    const asSeller = {...ALL, viewAs: "uuid-2"};
    const seen = personsOf(state, asSeller, never);
    expect([seen.showsOwners, seen.dayUserId, seen.shown.userId]).toEqual([
        false,
        2,
        2,
    ]);
});
