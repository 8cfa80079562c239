import {formatDate} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";

import {PERIODS} from "./choices";
import {
    change,
    direction,
    lastMonths,
    levels,
    linePoints,
    periodName,
    periodRange,
    scoped,
} from "./figures";
import {
    formatMoney,
    formatMoneyShortly,
    formatNumber,
    formatPercent,
    withSign,
} from "./formats";
import {latestOf} from "./latest";

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
     *  those as of its beginning; and `changed` of `use_dashboard_data.js`
     * @param {Object} view `{scope, period}`
     * @param {luxon.DateTime} now
     * @param {boolean} hasOthers whether the figures differ between all and the own
     */
    constructor(read, {scope, period}, now, hasOthers) {
        const {byStage, byMonth, closing, series, before, changed} = read;
        Object.assign(this, {byStage, byMonth, closing, series, before, changed});
        Object.assign(this, {scope, now, hasOthers});
        // Until the figures of another period are there, those shown have their name.
        this.period = closing ? closing.period?.name || "all" : period;
        this.range = closing && periodRange(closing.period, closing.tz);
    }

    /** The label of each tile, with the period that it is of. */
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
        // The period is in the note: it is known later, and would change what is read.
        return Object.entries(tileLabels()).map(([name, label]) => ({
            name,
            label,
            ...(tiles[name] || {
                value: "",
                parts: name === "pipeline" ? [] : undefined,
            }),
        }));
    }

    /** Return the unseen change of a tile, as `Tile` takes it. */
    latest(name) {
        const changed = this.byMonth && this.changed?.[name];
        if (!changed) {
            return undefined;
        }
        const [format, exact] = {
            active: [formatNumber, formatNumber],
            win_rate: [points, points],
        }[name] || [(amount) => this.short(amount), (amount) => this.money(amount)];
        const difference =
            change(this.values[name], changed.before)?.difference ?? null;
        return latestOf(difference, changed.told, format, exact);
    }

    get tiles() {
        const {pipeline, weighted, won, active, win_rate} = this.values;
        const {own, team} = this.byStage;
        const {closed, closedTrend} = this;
        // What is overdue is told apart.
        const expected = closed.due ? closed.due.amount : closed.pipeline_value;
        const now = this.now.setZone(this.byMonth.tz);
        const months = lastMonths(this.byMonth.groups, now, this.scope);
        const isOfBoth = this.scope === "all" && this.hasOthers;
        return {
            pipeline: {
                ...this.amount(pipeline),
                note: this.pipelineNote(expected),
                shares: this.dueShares(pipeline),
                parts: this.dueParts,
                ...this.level("pipeline_value", pipeline),
            },
            weighted: {
                ...this.amount(weighted),
                note: this.weightedNote(weighted, pipeline),
                shares: shareOf("weighted", weighted, pipeline),
                ...this.level("weighted_pipeline", weighted),
            },
            won: {
                ...this.amount(won),
                note: this.inPeriod(
                    closed.won === 1
                        ? _t("1 opportunity")
                        : _t("%s opportunities", formatNumber(closed.won))
                ),
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
                shares: isOfBoth
                    ? shareOf("open", own.active_opportunities, active)
                    : undefined,
                ...this.level("active_opportunities", active),
            },
            win_rate: {
                value: win_rate === null ? "–" : formatPercent(win_rate, 1),
                note: this.inPeriod(
                    _t("%(won)s won, %(lost)s lost", {
                        won: formatNumber(closed.won),
                        lost: formatNumber(closed.lost),
                    })
                ),
                trend: closedTrend.win_rate,
                points: linePoints(months.map((month) => month.win_rate)),
            },
        };
    }

    /** A note with the period that it is of. */
    inPeriod(note) {
        return this.periodLabel ? `${this.periodLabel} · ${note}` : String(note);
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
                text: _t("%s due", this.short(due.amount)),
                title: this.dueTitle(
                    due,
                    _t("%s expected to close today or later", this.money(due.amount))
                ),
            },
            {
                name: "overdue",
                text: _t("%s overdue", this.short(overdue.amount)),
                title: this.dueTitle(
                    overdue,
                    _t("%s expected to close before today", this.money(overdue.amount))
                ),
                isAlert: overdue.count > 0,
            },
        ];
    }

    dueTitle({count}, text) {
        return count === 1
            ? _t("1 opportunity, %s", text)
            : _t("%(count)s opportunities, %(text)s", {
                  count: formatNumber(count),
                  text,
              });
    }

    /** Parts of the pipeline: due, and overdue. */
    dueShares(pipeline) {
        const {due, overdue} = scoped(this.byStage, this.scope);
        return pipeline && due && overdue
            ? [
                  {name: "open", share: due.amount / pipeline},
                  {name: "overdue", share: overdue.amount / pipeline},
              ]
            : undefined;
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
            : _t("%s on average", this.short(average_value));
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
        const exact = isCount ? formatNumber : (amount) => this.money(amount);
        return this.trend(value, level, {
            format: isCount ? formatNumber : (amount) => this.short(amount),
            exact,
            since: _t("since %s", formatDate(range.from)),
            title: () =>
                _t("%(before)s when %(period)s began", {
                    before: exact(level),
                    period: periodName(this.period, range, this.closing.period),
                }),
        });
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
        const told = (format) => (value) => ({
            since: _t("on %s", this.periodBefore),
            title: () =>
                _t("%(before)s in the same part of %(period)s", {
                    before: format(value),
                    period: this.periodBefore,
                }),
        });
        const exact = (amount) => this.money(amount);
        return {
            won: this.trend(closed.won_revenue, before.won_revenue, {
                format: (amount) => this.short(amount),
                exact,
                ...told(exact)(before.won_revenue),
            }),
            win_rate: this.trend(closed.win_rate, before.win_rate, {
                format: points,
                exact: points,
                ...told((rate) => formatPercent(rate, 1))(before.win_rate),
            }),
        };
    }

    /**
     * @param {Object} words `{format, exact, since, title}`: of the change at a glance
     *  and whole, of the time from which on it counts, and of what there was
     */
    trend(value, before, {format, exact, since, title}) {
        const changed = change(value, before);
        if (!changed) {
            return null;
        }
        const {difference, ratio} = changed;
        const whole = withSign(difference, exact);
        return {
            ...direction(difference),
            text: withSign(difference, format),
            since,
            title:
                ratio === null || !difference
                    ? _t("%(change)s: %(before)s. Show what changed", {
                          change: whole,
                          before: title(),
                      })
                    : _t("%(change)s (%(part)s): %(before)s. Show what changed", {
                          change: whole,
                          part: withSign(ratio, formatPercent),
                          before: title(),
                      }),
        };
    }

    /** An amount as a tile has it: at a glance, and whole. */
    amount(amount) {
        return amount === null
            ? {value: "–"}
            : {value: this.short(amount), exact: this.money(amount)};
    }

    money(amount) {
        return amount === null ? "–" : formatMoney(amount, this.byStage.currency);
    }

    short(amount) {
        return formatMoneyShortly(amount, this.byStage.currency);
    }
}

/** A part of a whole, as a bar; none where there is no whole. */
function shareOf(name, part, whole) {
    return whole && part !== null ? [{name, share: part / whole}] : undefined;
}

function points(rate) {
    return _t("%s points", formatNumber(100 * rate, 1));
}
