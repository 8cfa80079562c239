import {deserializeDateTime, formatDateTime} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";
import {formatInteger} from "@web/views/fields/formatters";

import {formatUnit} from "../core/formats";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/** Return a length of time in words, the two largest units at most. */
export function duration(seconds) {
    const total = Math.max(0, Math.round(seconds));
    const [days, hours] = [Math.floor(total / 86400), Math.floor(total / 3600) % 24];
    const [minutes, rest] = [Math.floor(total / 60) % 60, total % 60];
    if (days) {
        return hours ? _t("%(days)s d %(hours)s h", {days, hours}) : _t("%s d", days);
    }
    if (hours) {
        return minutes
            ? _t("%(hours)s h %(minutes)s min", {hours, minutes})
            : _t("%s h", hours);
    }
    if (minutes) {
        return rest
            ? _t("%(minutes)s min %(seconds)s s", {minutes, seconds: rest})
            : _t("%s min", minutes);
    }
    return _t("%s s", rest);
}

/** Return the seconds between two times, both as the server gives them. */
export function secondsBetween(start, end) {
    return deserializeDateTime(end).diff(deserializeDateTime(start)).as("seconds");
}

/** Return a time of the server in the user's zone and format; "" for none. */
export function time(text) {
    return text ? formatDateTime(deserializeDateTime(text)) : "";
}

/** Return a time in ISO 8601 in the user's zone and format. */
export function isoTime(text) {
    return formatDateTime(luxon.DateTime.fromISO(text));
}

export function number(value) {
    return formatInteger(value);
}

/** Return a count that the server may have ended early. */
export function counted(value, isMore) {
    return isMore ? _t("%s or more", number(value)) : number(value);
}

/** Return a size on disk in the largest unit that it fills. */
export function bytes(value) {
    const power = Math.min(
        Math.floor(Math.log2(Math.max(value, 1)) / 10),
        UNITS.length - 1
    );
    const unit = {style: "unit", unit: UNITS[power]};
    return formatUnit(value / 1024 ** power, power > 2 ? 1 : 0, unit);
}
