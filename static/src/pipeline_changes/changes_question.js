/**
 * The question of *Pipeline Changes*: of whom, from when to when, by which hierarchy; the
 * parameters of an address that say it, and those of the API that follow from it.
 *
 *     const question = changesQuestion({ since: "month", team: "then" }, {}, offer);
 *     // { since: "month", from: undefined, to: undefined, team: "then", scope: "all", … }
 *     changesAddress(question); // { since: "month", team: "then", scope: "all", … }
 *
 * Pure: takes values and returns values, and costs a few comparisons.
 */

import {_t} from "@web/core/l10n/translation";

import {isId, isPersonId} from "../dashboard/choices";
import {KINDS} from "./waterfall";

const {DateTime} = luxon;

export const PRESETS = ["yesterday", "week", "month", "quarter"];
export const TEAMS = {now: _t("Team of Today"), then: _t("Team of Then")};
export const SCOPES = {all: _t("All"), own: _t("Own")};

const DEFAULT_PRESET = "week";

/**
 * Return the question that an address gives. Anybody may have written it: unknown choices
 * are dropped.
 *
 * @param {Object} address
 * @param {{company: string|undefined, currencies: string[], ownCurrency: string}} offer as
 *  for `initialView`
 */
export function changesQuestion(address, offer) {
    const from = dayOf(address.from);
    const to = dayOf(address.to);
    const hasDays = from && (!to || from <= to);
    const stage = Number(address.stage);
    const {currencies} = offer;
    return {
        since: hasDays ? undefined : presetOf(address.since),
        from: hasDays ? from : undefined,
        to: hasDays ? to : undefined,
        team: Object.hasOwn(TEAMS, address.team) ? address.team : "now",
        scope: Object.hasOwn(SCOPES, address.scope) ? address.scope : "all",
        viewAs: isPersonId(address.view_as) ? address.view_as : undefined,
        stage: isId(stage) ? stage : undefined,
        kind: KINDS.includes(address.kind) ? address.kind : undefined,
        company: offer.company,
        currency: currencies.includes(address.currency)
            ? address.currency
            : currencies.length
              ? offer.ownCurrency
              : undefined,
    };
}

function presetOf(text) {
    return PRESETS.includes(text) ? text : DEFAULT_PRESET;
}

function dayOf(text) {
    const day = DateTime.fromISO(String(text));
    return day.isValid && /^\d{4}-\d\d-\d\d$/.test(text) ? String(text) : undefined;
}

/** Return the parameters of the address that give a question. */
export function changesAddress({viewAs, ...question}) {
    return {...question, view_as: viewAs};
}

/**
 * Return the parameters of the API for the changes of a question. Days are the user's: from
 * the midnight at which the first begins to that at which the last ends.
 *
 * @param {Object} question
 * @param {string} person uuid of the person with the figures
 */
export function changesParameters(question, person) {
    const {viewAs, company, currency, team, scope, stage, since, from, to} = question;
    return {
        user: viewAs,
        salesperson: scope === "own" ? person : undefined,
        company,
        currency,
        stage,
        team: team === "then" ? team : undefined,
        since,
        from,
        to,
    };
}

/**
 * Return the choices that show what changed in a period of the dashboard.
 *
 * @param {{name: string, from: string, until: string}|null} [period] of the API; null: any
 *  time
 * @param {string} [zone] of the answer
 * @param {string} [day] past one, as of which the dashboard is shown
 */
export function changesOfPeriod(period, zone, day) {
    const preset = period?.name?.replace("this_", "");
    if (!period || (!day && PRESETS.includes(preset))) {
        return {since: PRESETS.includes(preset) ? preset : DEFAULT_PRESET};
    }
    const days = (text) => DateTime.fromISO(text, {zone});
    const from = days(period.from).toISODate();
    const last = days(period.until).minus({days: 1}).toISODate();
    const isPast = period.name.startsWith("previous_") || period.name === "yesterday";
    return {from, to: isPast ? last : day};
}

/**
 * Return the day on which a preset begins, as far as the screen knows it: that of the
 * fiscal quarter is the server's to say.
 *
 * @param {string} preset of `PRESETS`
 * @param {luxon.DateTime} now in the user's zone
 * @param {number} weekStart 1 is Monday, 7 is Sunday
 */
export function presetDay(preset, now, weekStart) {
    const today = now.startOf("day");
    const days = {
        yesterday: () => today.minus({days: 1}),
        week: () => today.minus({days: (today.weekday - weekStart + 7) % 7}),
        month: () => today.startOf("month"),
        quarter: () => today.startOf("quarter"),
    };
    return days[preset]();
}

/** Return the name of each preset; that of the week is the day on which it begins. */
export function presetLabels(now, weekStart) {
    return {
        yesterday: _t("Since Yesterday"),
        week: _t("Since %s", presetDay("week", now, weekStart).toFormat("cccc")),
        month: _t("This Month"),
        quarter: _t("This Quarter"),
    };
}
