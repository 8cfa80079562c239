import {_t} from "@web/core/l10n/translation";

import {PERIODS} from "./choices";
import {
    change,
    lastMonths,
    levels,
    linePoints,
    periodName,
    periodRange,
    scoped,
} from "./figures";
import {formatMoney, formatMoneyShortly, formatNumber, formatPercent} from "./formats";

/** Return the label of each tile; `period` is the name of the period, if there is one. */
export function tileLabels(period) {
    return {
        pipeline: _t("Pipeline"),
        weighted: _t("Weighted Pipeline"),
        won: period ? _t("Won, %s", period) : _t("Won"),
        active: _t("Active Opportunities"),
        win_rate: period ? _t("Win Rate, %s", period) : _t("Win Rate"),
    };
}

/** Texts of the tiles: each figure, and how it came about. */
export class Tiles {
    /**
     * @param {Object} read `{byStage, byMonth, closing, series, before}`, the API's
     *  metrics, each null until it is known; `closing` are those of the period, `before`
     *  those as of its beginning
     * @param {Object} view `{scope, period}`
     * @param {luxon.DateTime} now
     * @param {boolean} hasOthers whether the figures differ between all and the own
     */
    constructor(read, {scope, period}, now, hasOthers) {
        const {byStage, byMonth, closing, series, before} = read;
        Object.assign(this, {byStage, byMonth, closing, series, before});
        Object.assign(this, {scope, now, hasOthers});
        // Until the figures of another period are there, those shown have their name.
        this.period = closing ? closing.period?.name || "all" : period;
        this.range = closing && periodRange(closing.period, closing.tz);
    }

    get labels() {
        return tileLabels(this.periodLabel);
    }

    /** The name of the period; false for any time. */
    get periodLabel() {
        return this.range
            ? periodName(this.period, this.range, this.closing.period)
            : this.period !== "all" && PERIODS[this.period];
    }

    /** The number of each tile, by its name. */
    get values() {
        const figures = scoped(this.byStage, this.scope);
        const closed = this.closed;
        return {
            pipeline: figures.pipeline_value,
            weighted: figures.weighted_pipeline,
            won: closed.won_revenue,
            active: figures.active_opportunities,
            win_rate: closed.win_rate,
        };
    }

    /** Properties of each `Tile`, in their order. */
    get list() {
        const tiles = this.byMonth ? this.tiles : {};
        return Object.entries(this.labels).map(([name, label]) => ({
            name,
            label,
            ...(tiles[name] || {
                value: "",
                parts: name === "pipeline" ? [] : undefined,
            }),
        }));
    }

    get tiles() {
        const {pipeline, weighted, won, active, win_rate} = this.values;
        const {own, team} = this.byStage;
        const {closed, closedTrend} = this;
        const expected = closed.pipeline_value;
        const now = this.now.setZone(this.byMonth.tz);
        const months = lastMonths(this.byMonth.groups, now, this.scope);
        const isOfBoth = this.scope === "all" && this.hasOthers;
        return {
            pipeline: {
                value: this.money(pipeline),
                note: this.pipelineNote(expected),
                share:
                    this.range && pipeline && expected !== null
                        ? expected / pipeline
                        : null,
                parts: this.dueParts,
                ...this.level("pipeline_value", pipeline),
            },
            weighted: {
                value: this.money(weighted),
                note: this.weightedNote(weighted, pipeline),
                share: pipeline && weighted !== null ? weighted / pipeline : null,
                ...this.level("weighted_pipeline", weighted),
            },
            won: {
                value: this.money(won),
                note:
                    closed.won === 1
                        ? _t("1 opportunity")
                        : _t("%s opportunities", formatNumber(closed.won)),
                trend: closedTrend.won,
                points: linePoints(months.map((month) => month.won_revenue)),
            },
            active: {
                value: formatNumber(active),
                note: isOfBoth
                    ? _t("%(own)s own, %(others)s others", {
                          own: formatNumber(own.active_opportunities),
                          others: formatNumber(team.active_opportunities),
                      })
                    : "",
                share: isOfBoth && active ? own.active_opportunities / active : null,
                ...this.level("active_opportunities", active),
            },
            win_rate: {
                value: win_rate === null ? "–" : formatPercent(win_rate, 1),
                note: _t("%(won)s won, %(lost)s lost", {
                    won: formatNumber(closed.won),
                    lost: formatNumber(closed.lost),
                }),
                trend: closedTrend.win_rate,
                points: linePoints(months.map((month) => month.win_rate)),
            },
        };
    }

    /** Figures of the opportunities that close in the period. */
    get closed() {
        return scoped(this.closing, this.scope);
    }

    /** Parts of the pipeline: due, and overdue. */
    get dueParts() {
        const {due, overdue} = scoped(this.byStage, this.scope);
        if (!due || !overdue) {
            // Of the past, where a closing date was not recorded.
            return [];
        }
        return [
            {
                name: "due",
                text: _t("%s due", formatNumber(due.count)),
                title: _t(
                    "%s expected to close today or later",
                    this.money(due.amount)
                ),
            },
            {
                name: "overdue",
                text: _t("%s overdue", formatNumber(overdue.count)),
                title: _t(
                    "%s expected to close before today",
                    this.money(overdue.amount)
                ),
                isAlert: overdue.count > 0,
            },
        ];
    }

    weightedNote(weighted, pipeline) {
        if (weighted === null) {
            return _t("The probabilities of then are not known");
        }
        return pipeline
            ? _t("%s of the pipeline", formatPercent(weighted / pipeline))
            : _t("No open opportunities");
    }

    pipelineNote(expected) {
        const {average_value} = scoped(this.byStage, this.scope);
        if (average_value === null) {
            return _t("No open opportunities");
        }
        return this.range && expected !== null
            ? _t("%(amount)s expected, %(period)s", {
                  amount: this.short(expected),
                  period: periodName(this.period, this.range, this.closing.period),
              })
            : _t("%s on average", this.money(average_value));
    }

    get periodBefore() {
        const {before, tz} = this.closing;
        return periodName(this.period, periodRange(before, tz), before);
    }

    /** Trend of a level, such as the pipeline, since the period began; and its line. */
    level(name, value) {
        const isCount = name === "active_opportunities";
        return {
            trend: this.levelTrend(name, value, isCount),
            points: this.levelPoints(name, value),
        };
    }

    levelTrend(name, value, isCount) {
        const {before, range, scope} = this;
        if (!range || !before || before.currency !== this.byStage.currency) {
            return null;
        }
        const level = scoped(before, scope)[name] ?? null;
        const title =
            level !== null &&
            _t("%(before)s when %(period)s began. Show what changed since", {
                before: isCount ? formatNumber(level) : this.money(level),
                period: periodName(this.period, range, this.closing.period),
            });
        return this.trend(
            value,
            level,
            title,
            isCount ? (count) => formatNumber(count) : undefined
        );
    }

    levelPoints(name, value) {
        const {series, scope} = this;
        return series && series.currency === this.byStage.currency
            ? linePoints([...levels(series, scope, name).slice(0, -1), value])
            : undefined;
    }

    /** Trend of the closed figures, against an equal part of the previous period. */
    get closedTrend() {
        const {closed} = this;
        if (!this.closing.before) {
            return {};
        }
        const before = scoped(this.closing.before, this.scope);
        const title = (text) =>
            _t("%(before)s in the same part of %(period)s", {
                before: text,
                period: this.periodBefore,
            });
        const rates = change(closed.win_rate, before.win_rate);
        return {
            won: this.trend(
                closed.won_revenue,
                before.won_revenue,
                title(this.money(before.won_revenue))
            ),
            win_rate: rates && {
                ...direction(rates.difference),
                text: _t(
                    "%s points",
                    formatNumber(100 * Math.abs(rates.difference), 1)
                ),
                title: title(formatPercent(before.win_rate, 1)),
            },
        };
    }

    trend(value, before, title, format = (amount) => this.short(amount)) {
        const changed = change(value, before);
        if (!changed) {
            return null;
        }
        const {difference, ratio} = changed;
        return {
            ...direction(difference),
            text:
                ratio === null || !difference
                    ? format(Math.abs(difference))
                    : _t("%(amount)s (%(part)s)", {
                          amount: format(Math.abs(difference)),
                          part: formatPercent(Math.abs(ratio)),
                      }),
            title,
        };
    }

    money(amount) {
        return amount === null ? "–" : formatMoney(amount, this.byStage.currency);
    }

    short(amount) {
        return formatMoneyShortly(amount, this.byStage.currency);
    }
}

function direction(difference) {
    if (!difference) {
        return {tone: "text-muted", icon: "fa-minus"};
    }
    return difference > 0
        ? {tone: "text-success", icon: "fa-arrow-up"}
        : {tone: "text-danger", icon: "fa-arrow-down"};
}
