/**
 * Definitions of the numbers on our screens, each `{name, text}`, by a short name. They are
 * those of the API's document; a text says what is counted, in what, and as of when.
 *
 *     DEFINITIONS.pipeline.name; // "Pipeline"
 */

import {_t} from "@web/core/l10n/translation";

export const DEFINITIONS = {
    pipeline: {
        name: _t("Pipeline"),
        text: _t(
            "Expected revenue of all open opportunities: neither won, lost nor archived. Converted at today's rates."
        ),
    },
    weighted: {
        name: _t("Weighted Pipeline"),
        text: _t(
            "Expected revenue of each open opportunity multiplied by its probability, added up."
        ),
    },
    won: {
        name: _t("Won"),
        text: _t(
            "Expected revenue of the opportunities that were won in the period, by the day on which they were closed."
        ),
    },
    active: {
        name: _t("Active Opportunities"),
        text: _t("Number of open opportunities: neither won, lost nor archived."),
    },
    win_rate: {
        name: _t("Win Rate"),
        text: _t(
            "Opportunities won in the period, as a part of those won or lost in it. Each counts once, whatever its value."
        ),
    },
    stages: {
        name: _t("Pipeline by Stage"),
        text: _t(
            "Expected revenue of the open opportunities in each stage, in full and multiplied by the probability."
        ),
    },
    months: {
        name: _t("Won by Month"),
        text: _t(
            "Expected revenue of the opportunities that were won in each of the last twelve months."
        ),
    },
    changes: {
        name: _t("Pipeline Changes"),
        text: _t(
            "The pipeline at the first time, each reason for which it changed since, and the pipeline at the last time. Each opportunity counts by its state at both times, once, and changes of its value beside that. All at today's rates, so the bars add up exactly."
        ),
    },
    days: {
        name: _t("Days by Stage"),
        text: _t(
            "Days that opportunities had spent in a stage when they left it in the period: moved, won or lost. Half of them left within the median, nine in ten within the 90th percentile. Days to win are those for which the won ones had been open, on average. Velocity is an amount a day: opportunities closed × average value × win rate ÷ days to win."
        ),
    },
    attention: {
        name: _t("Needs Attention"),
        text: _t(
            "Open opportunities that are overdue, stuck, pushed, idle or without a planned activity, the most valuable first. One may be here for several reasons, and counts once in the total."
        ),
    },
    overdue: {
        name: _t("Overdue"),
        text: _t("The expected closing is before today."),
    },
    stuck: {
        name: _t("Stuck"),
        text: _t(
            "Longer in its stage than nine in ten of the opportunities were that the company has won."
        ),
    },
    pushed: {
        name: _t("Pushed"),
        text: _t("The expected closing was moved to a later day, twice or more often."),
    },
    idle: {
        name: _t("Idle"),
        text: _t("Nobody has changed it for 14 days."),
    },
    no_activity: {
        name: _t("No Activity"),
        text: _t("No activity is planned for it in Odoo."),
    },
    start: {
        name: _t("At the Beginning"),
        text: _t("The open pipeline at the first time."),
    },
    end: {
        name: _t("At the End"),
        text: _t("The open pipeline at the last time."),
    },
    created: {
        name: _t("Created"),
        text: _t("Created since the first time, at the value at the last time."),
    },
    reassigned_in: {
        name: _t("Reassigned In"),
        text: _t("Came from another salesperson, sales team or company."),
    },
    from_lead: {
        name: _t("Converted Leads"),
        text: _t("Was a lead at the first time and is an opportunity at the last."),
    },
    restored: {
        name: _t("Restored"),
        text: _t("Was archived at the first time and is not any more."),
    },
    reopened: {
        name: _t("Reopened"),
        text: _t("Was won or lost at the first time and is open again."),
    },
    stage_in: {
        name: _t("Moved Into Stage"),
        text: _t("Came from another stage than the one that is shown."),
    },
    pulled_in: {
        name: _t("Pulled In"),
        text: _t("The expected closing was moved into the period that is shown."),
    },
    increased: {
        name: _t("Value Increased"),
        text: _t(
            "The expected revenue of opportunities that are there at both times rose."
        ),
    },
    decreased: {
        name: _t("Value Decreased"),
        text: _t(
            "The expected revenue of opportunities that are there at both times fell."
        ),
    },
    won_since: {
        name: _t("Won"),
        text: _t("Won since the first time, at the revenue that was won."),
    },
    lost: {
        name: _t("Lost"),
        text: _t("Lost since the first time, at the value when it was lost."),
    },
    archived: {
        name: _t("Archived"),
        text: _t("Archived since the first time, neither won nor lost."),
    },
    to_lead: {
        name: _t("Turned Into Leads"),
        text: _t("Was an opportunity at the first time and is a lead at the last."),
    },
    merged: {
        name: _t("Merged"),
        text: _t("Merged into another opportunity, at the value before."),
    },
    deleted: {
        name: _t("Deleted"),
        text: _t("Deleted since the first time, at the value before."),
    },
    reassigned_out: {
        name: _t("Reassigned Out"),
        text: _t(
            "Went to another salesperson, sales team or company, at the value before."
        ),
    },
    stage_out: {
        name: _t("Moved Out of Stage"),
        text: _t("Went to another stage than the one that is shown."),
    },
    pushed_out: {
        name: _t("Pushed Out"),
        text: _t("The expected closing was moved out of the period that is shown."),
    },
};
