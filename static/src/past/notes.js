/**
 * Sentences that say how far an answer about the past is to be trusted.
 *
 *     pastNotes({ settled: false, reconstructed: 0, recorded_since: null }, format);
 *     // ["Some changes from before this time are still being saved: …"]
 *
 * Pure: takes values and returns values, and costs a few comparisons.
 */

import {_t} from "@web/core/l10n/translation";

import {formatPercent} from "../core/formats";

/**
 * @param {Object} answer of the API, with `settled`, `recorded_since` and `reconstructed`
 * @param {(time: string) => string} formatDay of a time of the API
 * @returns {string[]}
 */
export function pastNotes(answer, formatDay) {
    const {settled, recorded_since, reconstructed} = answer;
    const notes = [];
    if (settled === false) {
        notes.push(
            _t(
                "Some changes from before this time are still being saved: the figures may change in a moment."
            )
        );
    }
    if (Number(reconstructed) > 0) {
        const part = formatPercent(Math.max(Number(reconstructed), 0.01));
        notes.push(
            recorded_since
                ? _t(
                      "%(part)s of the opportunities behind these figures are reconstructed from before %(day)s, when recording began: probability and expected closing of then are not known, and deleted opportunities are missing.",
                      {part, day: formatDay(recorded_since)}
                  )
                : _t(
                      "%s of the opportunities behind these figures are reconstructed from before recording began: deleted opportunities are missing.",
                      part
                  )
        );
    }
    return notes;
}
