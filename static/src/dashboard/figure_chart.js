import {loadBundle} from "@web/core/assets";
import {localization} from "@web/core/l10n/localization";
import {_t} from "@web/core/l10n/translation";
import {useService} from "@web/core/utils/hooks";

import {
    Component,
    onWillStart,
    onWillUnmount,
    useEffect,
    useRef,
    useState,
} from "@odoo/owl";

import {Definition} from "../past/definition";

/**
 * A bar chart, which the user can switch to a table.
 *
 * - `rows`: `[{key, label, values}]`, null while they are not known; a `bar` of its own floats
 *   between two values, in the color of its `tone`, and a `caption` is below its label
 * - `columns`: `[{label, format, isDrawn}]`, one for each of the values; `format` is called
 *   with a value and its row
 * - `isHorizontal`: whether the bars are horizontal
 * - `highlighted`: keys of the rows that stand out; all by default
 * - `selected`: key of the row that is open
 * - `axisStart`: value at which the bars begin; 0 by default
 * - `definition`: name of that of the figures
 * - `note`: a line below the bars
 * - `onOpen`: called with a row, at a click on its bar or on its name
 */
export class FigureChart extends Component {
    static template = "crm_cqrs.FigureChart";
    static components = {Definition};
    static props = {
        name: String,
        title: String,
        labelHeader: String,
        rows: {type: [Array, {value: null}]},
        columns: Array,
        isHorizontal: {type: Boolean, optional: true},
        highlighted: {type: Array, optional: true},
        selected: {type: [String, Number], optional: true},
        axisStart: {type: Number, optional: true},
        definition: {type: String, optional: true},
        note: {type: String, optional: true},
        formatTick: Function,
        emptyText: String,
        onOpen: Function,
    };

    setup() {
        this.canvas = useRef("canvas");
        this.ui = useService("ui");
        this.state = useState({isTable: false, isReady: false});
        this.chart = null;
        // Not awaited: the figures need not wait for it.
        onWillStart(() => {
            loadBundle("web.chartjs_lib").then(() => {
                this.state.isReady = true;
            });
        });
        useEffect(
            () => {
                this.draw();
            },
            () => [
                this.state.isReady,
                this.state.isTable,
                this.canvas.el,
                JSON.stringify(this.data),
            ]
        );
        onWillUnmount(() => this.chart?.destroy());
    }

    get isEmpty() {
        return !this.props.rows?.some((row) => row.values.some(Boolean));
    }

    get data() {
        const {rows, highlighted, selected, axisStart} = this.props;
        return [rows, highlighted, selected, axisStart];
    }

    /** The chart as a sentence, for people who do not see it. */
    get summary() {
        const drawn = this.props.columns[0];
        const parts = (this.props.rows || []).map(
            (row) => `${row.label}: ${drawn.format(row.values[0], row)}`
        );
        return `${this.props.title}. ${parts.join(", ")}`;
    }

    get tableLabel() {
        return _t("%s (table)", this.props.title);
    }

    get toggleLabel() {
        return this.state.isTable ? _t("Show as a chart") : _t("Show as a table");
    }

    toggle() {
        this.state.isTable = !this.state.isTable;
    }

    draw() {
        const canvas = this.canvas.el;
        if (!this.state.isReady || !canvas) {
            this.chart?.destroy();
            this.chart = null;
            return;
        }
        const config = this.config(canvas);
        if (this.chart?.canvas === canvas) {
            this.chart.data = config.data;
            this.chart.options = config.options;
            this.chart.update("none");
            return;
        }
        this.chart?.destroy();
        this.chart = new Chart(canvas, config);
    }

    config(canvas) {
        const {rows, columns, highlighted, isHorizontal, formatTick, onOpen} =
            this.props;
        const {selected, axisStart} = this.props;
        const style = getComputedStyle(canvas);
        const variable = (name) => style.getPropertyValue(name).trim();
        const colors = [variable("--o-cqrs-bar"), variable("--o-cqrs-bar-faint")];
        const tones = Object.fromEntries(
            ["up", "down", "won"].map((tone) => [tone, variable(`--o-cqrs-${tone}`)])
        );
        const isRtl = localization.direction === "rtl";
        const drawn = columns.map((column, index) => ({column, index}));
        const datasets = drawn
            .filter(({column}) => column.isDrawn)
            .map(({column, index}, place) => ({
                label: column.label,
                data: rows.map((row) => row.bar || row.values[index]),
                backgroundColor: rows.map((row) =>
                    highlighted && !highlighted.includes(row.key)
                        ? colors[1]
                        : tones[row.tone] || colors[place % colors.length]
                ),
                borderColor: style.color,
                borderWidth: rows.map((row) => (row.key === selected ? 2 : 0)),
                borderSkipped: false,
                minBarLength: rows.some((row) => row.bar) ? 2 : 0,
                borderRadius: 3,
                maxBarThickness: 36,
                categoryPercentage: 0.75,
            }));
        const values = {
            beginAtZero: !axisStart,
            min: axisStart || undefined,
            reverse: Boolean(isHorizontal && isRtl),
            position: !isHorizontal && isRtl ? "right" : undefined,
            border: {display: false},
            grid: {color: variable("--o-cqrs-grid"), drawTicks: false},
            ticks: {
                color: style.color,
                maxTicksLimit: 5,
                callback: formatTick,
                padding: 6,
            },
        };
        const labels = {
            reverse: Boolean(!isHorizontal && isRtl),
            position: isHorizontal && isRtl ? "right" : undefined,
            border: {color: variable("--o-cqrs-grid")},
            grid: {display: false},
            ticks: {
                color: style.color,
                autoSkipPadding: 8,
                maxRotation: 0,
                callback(value) {
                    const label = this.getLabelForValue(value);
                    const text = label.length > 18 ? `${label.slice(0, 17)}…` : label;
                    const {caption} = rows[value];
                    return caption ? [text, caption] : text;
                },
            },
        };
        return {
            type: "bar",
            data: {labels: rows.map((row) => row.label), datasets},
            options: {
                animation: false,
                maintainAspectRatio: false,
                indexAxis: isHorizontal ? "y" : "x",
                scales: isHorizontal ? {x: values, y: labels} : {x: labels, y: values},
                font: {family: style.fontFamily},
                interaction: {
                    mode: "index",
                    axis: isHorizontal ? "y" : "x",
                    intersect: false,
                },
                onClick: (event, elements) => {
                    if (elements.length) {
                        onOpen(rows[elements[0].index]);
                    }
                },
                onHover: (event, elements) => {
                    canvas.style.cursor = elements.length ? "pointer" : "";
                },
                plugins: {
                    legend: {
                        display: datasets.length > 1,
                        position: "bottom",
                        rtl: isRtl,
                        onClick: null,
                        labels: {
                            boxWidth: 10,
                            boxHeight: 10,
                            color: style.color,
                            generateLabels: (chart) =>
                                chart.data.datasets.map((dataset, index) => ({
                                    text: dataset.label,
                                    fillStyle: colors[index % colors.length],
                                    fontColor: style.color,
                                    lineWidth: 0,
                                })),
                        },
                    },
                    tooltip: {
                        rtl: isRtl,
                        callbacks: {
                            label: ({dataIndex, dataset}) => {
                                const at = columns.findIndex(
                                    ({label}) => label === dataset.label
                                );
                                const text = columns[at].format(
                                    rows[dataIndex].values[at],
                                    rows[dataIndex]
                                );
                                return `${dataset.label}: ${text}`;
                            },
                        },
                    },
                },
            },
        };
    }
}
