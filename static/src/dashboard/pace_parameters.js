/**
 * Parameters of the API for what needs attention and for the days by stage.
 *
 * Pure: takes choices and answers, and returns parameters.
 */

import {domainParameter} from "./choices";

const {DateTime} = luxon;

/** Return the parameters of what needs attention, of the person with the figures. */
export function paceParameters(view, me) {
    const {viewAs, scope, company, currency} = view;
    return {
        user: viewAs,
        // Known before the figures are.
        salesperson: scope === "own" ? viewAs || me.id : undefined,
        company,
        currency,
        domain: domainParameter(view),
    };
}

/**
 * Return the parameters of the days by stage: of the period, until the day that is shown.
 *
 * @param {{period: {from: string, until: string}|null, tz: string}} closing of the API
 */
export function flowParameters(view, me, {period, tz}) {
    const {day} = view;
    const days = (text) => DateTime.fromISO(text, {zone: tz});
    const last = period && days(period.until).minus({days: 1}).toISODate();
    return {
        ...paceParameters(view, me),
        from: period ? days(period.from).toISODate() : undefined,
        to: day && (!last || day < last) ? day : last || undefined,
    };
}
