import { _t } from "@web/core/l10n/translation";

import {
    change,
    closedIn,
    expectedIn,
    lastMonths,
    levelBefore,
    levels,
    linePoints,
    periodName,
    periodRange,
    scoped,
} from "./figures";
import { formatMoney, formatMoneyShortly, formatNumber, formatPercent } from "./formats";

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
     * @param {Object} read `{byStage, byMonth, series}`, the API's metrics, each null
     *  until it is known
     * @param {Object} view `{scope, period}`
     * @param {luxon.DateTime} now
     * @param {boolean} hasOthers whether the figures differ between all and the own
     */
    constructor({ byStage, byMonth, series }, { scope, period }, now, hasOthers) {
        Object.assign(this, { byStage, byMonth, series, scope, period, now, hasOthers });
        this.range = periodRange(period, now);
    }

    get labels() {
        return tileLabels(this.range && periodName(this.period, this.range));
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
            ...(tiles[name] || { value: "" }),
        }));
    }

    get tiles() {
        const { pipeline, weighted, won, active, win_rate } = this.values;
        const { own, team } = this.byStage;
        const { closed, closedTrend } = this;
        const due = expectedIn(this.byMonth.groups, this.range, this.scope);
        const months = lastMonths(this.byMonth.groups, this.now, this.scope);
        const isOfBoth = this.scope === "all" && this.hasOthers;
        return {
            pipeline: {
                value: this.money(pipeline),
                note: this.pipelineNote(due),
                share: this.range && pipeline ? due / pipeline : null,
                ...this.level("pipeline_value", pipeline),
            },
            weighted: {
                value: this.money(weighted),
                note: pipeline
                    ? _t("%s of the pipeline", formatPercent(weighted / pipeline))
                    : _t("No open opportunities"),
                share: pipeline ? weighted / pipeline : null,
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
                    ? _t("%(own)s own, %(team)s team", {
                          own: formatNumber(own.active_opportunities),
                          team: formatNumber(team.active_opportunities),
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

    get closed() {
        return closedIn(this.byMonth.groups, this.range, this.scope);
    }

    pipelineNote(due) {
        const { average_value } = scoped(this.byStage, this.scope);
        if (average_value === null) {
            return _t("No open opportunities");
        }
        return this.range
            ? _t("%(amount)s due in %(period)s", {
                  amount: this.short(due),
                  period: periodName(this.period, this.range),
              })
            : _t("%s on average", this.money(average_value));
    }

    get periodBefore() {
        return periodName(this.period, periodRange(this.period, this.now, 1));
    }

    /** Trend of a level, such as the pipeline, since the period began; and its line. */
    level(name, value) {
        const { series, range, scope } = this;
        if (!series || series.currency !== this.byStage.currency) {
            return {};
        }
        const before = range && levelBefore(series, range, scope, name);
        const isCount = name === "active_opportunities";
        const title =
            before !== null &&
            _t("%(before)s at the end of %(period)s", {
                before: isCount ? formatNumber(before) : this.money(before),
                period: this.periodBefore,
            });
        return {
            trend: this.trend(value, before, title, isCount ? (count) => formatNumber(count) : undefined),
            points: linePoints([...levels(series, scope, name).slice(0, -1), value]),
        };
    }

    /** Trend of the closed figures, against an equal part of the previous period. */
    get closedTrend() {
        const { series, closed } = this;
        const isOfThis =
            series?.period === this.period && series.currency === this.byStage.currency;
        if (!isOfThis || !series.before) {
            return {};
        }
        const before = scoped(series.before, this.scope);
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
                text: _t("%s points", formatNumber(100 * Math.abs(rates.difference), 1)),
                title: title(formatPercent(before.win_rate, 1)),
            },
        };
    }

    trend(value, before, title, format = (amount) => this.short(amount)) {
        const changed = change(value, before);
        if (!changed) {
            return null;
        }
        const { difference, ratio } = changed;
        return {
            ...direction(difference),
            text: ratio === null ? format(difference) : formatPercent(Math.abs(ratio)),
            title,
        };
    }

    money(amount) {
        return formatMoney(amount, this.byStage.currency);
    }

    short(amount) {
        return formatMoneyShortly(amount, this.byStage.currency);
    }
}

function direction(difference) {
    if (!difference) {
        return { tone: "text-muted", icon: "fa-minus" };
    }
    return difference > 0
        ? { tone: "text-success", icon: "fa-arrow-up" }
        : { tone: "text-danger", icon: "fa-arrow-down" };
}
