/**
 * Return the profile of the person as whom a question is asked, null for oneself. It is read
 * where it is not known yet.
 *
 * @param {Object} api of `useApi`
 * @param {{viewAs: string}} question with the person's uuid
 * @param {{person: Object}} state with the profile that is known
 */
export async function personOf(api, {viewAs}, {person}) {
    if (!viewAs) {
        return null;
    }
    return person?.id === viewAs
        ? person
        : (await api.read("users/profile", {user: viewAs})).data;
}
