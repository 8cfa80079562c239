import {useState} from "@odoo/owl";

import {useSlow} from "../past/use_slow";
import {isAborted, useApi} from "./api";
import {domainParameter, figureParameters, periodParameter} from "./choices";
import {beginningOf, foreseen} from "./foreseen";
import {tell} from "./latest";
import {Tiles} from "./tiles";
import {useLatest} from "./use_latest";

const {DateTime} = luxon;

/** Months of the series: those shown, and the one before a year's first */
const MONTHS_READ = 13;
/** The parameters of what is overdue in each stage */
const OVERDUE = {by: "stage", due: "overdue"};
const NOTHING = {
    person: null,
    byStage: null,
    byMonth: null,
    closing: null,
    series: null,
    before: null,
    overdue: null,
};

/**
 * Read the figures of a dashboard, and read them again.
 *
 * - `state`: `{me, person, byStage, byMonth, closing, series, before, overdue}`, answers of the
 *   API, null
 *   while they are not there, or where there was nothing before the period; `position` and `readAt` of the figures; `leftOut`, a count of
 *   records; `revision`, another number after each change; `changed`, `{before, told}` of
 *   each tile whose figure has changed since it was seen, by its name; `error`
 *   where nothing can be shown; `isBehind` and the `reason` where the figures shown are
 *   old
 * - `waiting`: `{isSlow}`, whether the figures take long
 * - `loadMe()`: reads the user's profile
 * - `load()`: clears all figures, and reads them
 * - `read()`: reads the figures; those shown stay until the new ones are there
 * - `see(name)`: a tile, or all of them, has been seen
 * - `look()`: the same, if there are any and they are of now; returns whether it could
 *
 * @param {Object} view of `choices.js`, as it is at the time of each reading
 */
export function useDashboardData(view) {
    const api = useApi();
    // Read on, whatever becomes of the figures.
    const ownApi = useApi();
    const waiting = useSlow();
    const state = useState({
        ...NOTHING,
        me: null,
        position: null,
        readAt: null,
        revision: 0,
        changed: {},
        error: null,
        isBehind: false,
        reason: "",
        leftOut: 0,
    });
    const latest = useLatest(view, () => state.person);
    let lastPosition = null;
    let askedMe = null;

    async function askMe() {
        try {
            state.me = (await ownApi.read("users/profile")).data;
        } catch (error) {
            askedMe = null;
            throw error;
        }
    }

    /** Return the profile of the user, who is asked for once, beside the figures. */
    async function ownProfile() {
        askedMe ||= askMe();
        await askedMe;
        return {data: state.me};
    }
    let lastDomain = null;

    async function loadMe() {
        try {
            await ownProfile();
        } catch (error) {
            if (!isAborted(error)) {
                state.error = error;
            }
        }
    }

    async function load() {
        Object.assign(state, {...NOTHING, error: null, changed: {}});
        await read();
        if (state.byMonth) {
            // Last: what has changed since the figures is told without.
            await latest.begin();
        }
    }

    async function look() {
        if (!state.error && state.byMonth && !view.day) {
            await read();
        }
        return !state.isBehind;
    }

    async function read() {
        api.abort();
        const {viewAs} = view;
        const period = periodParameter(view);
        const domain = domainParameter(view);
        const parameters = {user: viewAs, ...figureParameters(view), domain};
        const ask = (path, more) => api.read(path, {...parameters, ...more});
        const asked = {};
        const askMetrics = (more) =>
            (asked[JSON.stringify(more)] ||= ask("metrics", more));
        const numbers = Promise.all([
            viewAs ? api.read("users/profile", {user: viewAs}) : ownProfile(),
            askMetrics({by: "stage"}),
            askMetrics({by: "month"}),
            period && askMetrics({period}),
        ]);
        const late = view.day ? {data: null} : askMetrics(OVERDUE);
        // What follows from these is asked beside them, as far as it can be foreseen.
        const more = view.day ? undefined : foreseen(period, domain);
        const early = more && askMetrics(more);
        // The months before a past day are not asked for: its lines would be of now. Nor
        // are those of a search: what it would have found then is not known.
        const series =
            view.day || domain
                ? {data: null}
                : ask("metrics/series", {months: MONTHS_READ});
        // Awaited later, when the numbers stand.
        for (const later of [late, early, series]) {
            Promise.resolve(later).catch(() => null);
        }
        try {
            const [person, byStage, byMonth, closing] = await waiting.during(numbers);
            const marked = show(
                person.data,
                byStage,
                byMonth,
                closing || byStage,
                domain
            );
            const told = marked.length && explain(marked);
            const beginning = domain ? undefined : beginningOf(state.closing);
            const levels =
                beginning && askMetrics({as_of: beginning}).catch(withoutHistory);
            const [overdue, months, before] = await Promise.all([late, series, levels]);
            // At once: each is a rendering of all.
            Object.assign(state, {
                overdue: overdue.data,
                series: months.data,
                before: before?.data || null,
            });
            await told;
        } catch (error) {
            if (isAborted(error)) {
                return;
            }
            if (state.byMonth) {
                // Figures that were right a moment ago are better than none.
                state.isBehind = true;
                state.reason = error.status ? error.message : "";
            } else {
                state.error = error;
            }
        }
    }

    /** Return nothing where the history begins later. */
    function withoutHistory(error) {
        if (error.status === 404) {
            return null;
        }
        throw error;
    }

    function show(person, byStage, byMonth, closing, domain) {
        const isSame =
            lastDomain === (domain || null) &&
            state.byStage?.currency === byStage.data.currency &&
            state.closing?.period?.name === closing.data.period?.name;
        const before = isSame && state.byMonth && tileValues();
        Object.assign(state, {
            person,
            byStage: byStage.data,
            byMonth: byMonth.data,
            closing: closing.data,
            position: Math.min(
                ...[byStage, byMonth, closing].map((each) => each.position)
            ),
            readAt: DateTime.fromISO(byMonth.data.computed_at),
            leftOut: byMonth.leftOut,
            isBehind: false,
            reason: "",
        });
        if (!isSame) {
            see();
        }
        const isChanged = before && byMonth.position !== lastPosition;
        if (isChanged) {
            state.revision++;
        }
        lastPosition = byMonth.position;
        lastDomain = domain || null;
        return isChanged ? mark(before, tileValues()) : [];
    }

    function tileValues() {
        return new Tiles(state, view, state.readAt).values;
    }

    /** Mark the tiles that differ, until they are seen; return their names. */
    function mark(before, after) {
        const names = Object.keys(after).filter((name) => before[name] !== after[name]);
        for (const name of names) {
            state.changed[name] ||= {before: before[name], told: null};
        }
        return names;
    }

    /** Have the marks say what has changed the figures. */
    async function explain(names) {
        const news = await latest.read();
        for (const name of news ? names : []) {
            const changed = state.changed[name];
            if (changed) {
                changed.told = tell(changed.told, name, news);
            }
        }
    }

    function see(name) {
        if (name) {
            delete state.changed[name];
        } else {
            state.changed = {};
        }
    }

    return {state, waiting, loadMe, load, read, look, see};
}
