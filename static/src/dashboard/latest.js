/**
 * Changes of the tiles' figures that nobody has seen yet: whose deal it was, who did it.
 *
 *     const told = tell(null, "pipeline", news);
 *     latestOf(-1340000, told, short, exact);
 *     // { amount: "−$ 1.34M", text: ", Tramontana Glass, Mitchell Admin", … }
 *
 * The amount is that by which the tile differs. News says of which opportunities there are
 * events that the reader may know, so it may say less, and never more, than what happened.
 *
 * Pure: takes values and returns values, in time linear in the news.
 */

import {_t} from "@web/core/l10n/translation";
import {user} from "@web/core/user";

import {direction} from "./figures";
import {withSign} from "./formats";

/** Recorded fields by which an opportunity comes into the open figures, or leaves them */
const OPEN = ["won_status", "active", "type", "user_id", "team_id", "company_id"];
const CLOSED = [...OPEN, "date_closed"];
/** Recorded fields of an opportunity that each tile's figure follows from */
const FIELDS = {
    pipeline: [...OPEN, "expected_revenue"],
    weighted: [...OPEN, "expected_revenue", "probability"],
    won: [...CLOSED, "expected_revenue"],
    active: OPEN,
    win_rate: CLOSED,
};
/** Opportunities that are remembered of a tile; a sentence names one */
const REMEMBERED = 20;

/**
 * @typedef {Object} News
 * @property {{id: number, fields: string[]|null, deal: string, customer: string,
 *  person: string}[]} changes one an opportunity, the last one first; `fields` are those
 *  that changed, null if it came or went
 * @property {boolean} hasLeft whether opportunities have left the reader's view
 * @property {boolean} isPart whether there is more to tell
 */

/**
 * Return what there is to say of a tile, once there is news.
 *
 * @param {News|null} told what there was to say before, and nobody has seen
 * @param {string} name of the tile
 * @param {News} news
 * @returns {News}
 */
export function tell(told, name, {changes, hasLeft, isPart}) {
    const earlier = told || {changes: [], hasLeft: false, isPart: false};
    const concerned = changes.filter(
        ({fields}) => !fields || fields.some((field) => FIELDS[name].includes(field))
    );
    const ids = concerned.map(({id}) => id);
    const all = [...concerned, ...earlier.changes.filter(({id}) => !ids.includes(id))];
    return {
        changes: all.slice(0, REMEMBERED),
        hasLeft: hasLeft || earlier.hasLeft,
        isPart: isPart || earlier.isPart || all.length > REMEMBERED,
    };
}

/**
 * Return the properties of a tile that say what has changed it.
 *
 * @param {number|null} difference of the figure; null where it was or is not known
 * @param {News|null} told null while there is nothing to say
 * @param {(amount: number) => string} format at a glance
 * @param {(amount: number) => string} exact whole
 */
export function latestOf(difference, told, format, exact) {
    const amount = difference === null ? "" : withSign(difference, format);
    const whole = difference === null ? "" : withSign(difference, exact);
    return {
        tone: direction(difference).tone,
        amount,
        text: told ? listed([amount, ...words(told, false)]).slice(amount.length) : "",
        title: listed([whole, ...(told ? words(told, true) : [])]),
    };
}

/** Name the last opportunity, and say that there are others. */
function words({changes, hasLeft, isPart}, isWhole) {
    const [last, ...others] = changes;
    if (!last) {
        return hasLeft ? [_t("an opportunity that left your view")] : [];
    }
    const names = isWhole ? [last.deal, last.customer] : [last.customer || last.deal];
    const more = isPart || hasLeft ? _t("and others") : _t("%s more", others.length);
    const isMore = isPart || hasLeft || others.length;
    return [...names, last.person]
        .filter(Boolean)
        .map((name) => `\u2068${name}\u2069`)
        .concat(isMore ? [String(more)] : []);
}

/** Return texts one after the other, as the user's language lists them. */
function listed(texts) {
    return new Intl.ListFormat(user.lang, {type: "unit", style: "short"}).format(
        texts.filter(Boolean).map(String)
    );
}
