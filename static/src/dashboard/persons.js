/**
 * The persons shown on the dashboard, and the parts that there is room for.
 *
 *     const persons = personsOf({me, person, byStage}, view, () => false);
 *     [persons.hasPeople, persons.hasOthers]; // [true, true]
 *
 * - `hasPeople`: whether there are people below the user
 * - `hasOthers`: whether the figures differ between all and the own
 * - `hasDay`: whether what is to be done comes first: for who has no team, now
 * - `dayUserId`: the id of the user whose activities are shown
 * - `showsOwners`: whether opportunities may be of several people
 * - `shown`: `{id, userId}` of the person with the list; null while that is not known
 *
 * Pure: takes answers of the API and choices.
 *
 * @param {{me: Object|null, person: Object|null, byStage: Object|null}} state
 * @param {{scope: string, viewAs: string|undefined, day: string|undefined}} view
 * @param {() => boolean} hadOthers whether there were others on the last visit
 */
export function personsOf({me, person, byStage}, view, hadOthers) {
    const hasPeople = Boolean(me?.hierarchy.is_manager);
    const countsOthers = byStage?.opportunities.subordinates > 0;
    const hasOthers =
        hasPeople ||
        view.scope !== "all" ||
        // Until it is known, there is room for it if there was.
        (byStage ? countsOthers : hadOthers());
    const isKnown = person && byStage && !person.hierarchy.is_manager;
    // The own list need not wait for the figures.
    const listed = person || (view.viewAs ? null : me);
    return {
        hasPeople,
        hasOthers,
        hasDay: Boolean(me && !hasPeople && !view.day),
        // The person looked as, once that is known.
        dayUserId: (person || me)?.odoo.user_id,
        showsOwners: view.scope !== "own" && (isKnown ? countsOthers : hasOthers),
        shown: listed && {id: listed.id, userId: listed.odoo.user_id},
    };
}
