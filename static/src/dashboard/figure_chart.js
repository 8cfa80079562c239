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
import {wrapped} from "./charts";

/** Characters of a line of a label, and rows up to which there is room for several lines */
const LINE = 18;
const MAX_WRAPPED = 7;
/** Pixels of a chart below which the labels of twelve months are turned */
const NARROW = 400;

/**
 * A bar chart, which the user can switch to a table.
 *
 * - `rows`: `[{key, label, values}]`, null while they are not known; a `bar` of its own floats
 *   between two values, in the color of its `tone`, a `caption` is below its label, and
 *   `axisLabel`, lines, stands for the label on the axis
 * - `columns`: `[{label, format, isDrawn, color, stack}]`, one for each of the values; `format` is
 *   called with a value and its row; `color` is the name of one of the style sheet, which
 *   means the same in every chart; bars of one `stack` are one bar
 * - `isHorizontal`: whether the bars are horizontal
 * - `highlighted`: keys of the rows that stand out; all by default
 * - `highlightedLabels`: `[those, the others]`, for the legend
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
        highlightedLabels: {type: Array, optional: true},
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
        const {selected, axisStart, highlightedLabels} = this.props;
        const style = getComputedStyle(canvas);
        const variable = (name) => style.getPropertyValue(name).trim();
        const color = (name = "open") => variable(`--o-cqrs-${name}`);
        const isFaint = (row) => highlighted && !highlighted.includes(row.key);
        const hasBoth = rows.some(isFaint) && !rows.every(isFaint);
        const tones = Object.fromEntries(
            ["up", "down", "won"].map((tone) => [tone, variable(`--o-cqrs-${tone}`)])
        );
        const isRtl = localization.direction === "rtl";
        const drawn = columns.map((column, index) => ({column, index}));
        const datasets = drawn
            .filter(({column}) => column.isDrawn)
            .map(({column, index}) => ({
                label: column.label,
                data: rows.map((row) => row.bar || row.values[index]),
                backgroundColor: rows.map((row) =>
                    isFaint(row)
                        ? color(`${column.color}-faint`)
                        : tones[row.tone] || color(column.color)
                ),
                borderColor: style.color,
                stack: column.stack,
                borderWidth: rows.map((row) => (row.key === selected ? 2 : 0)),
                borderSkipped: false,
                minBarLength: rows.some((row) => row.bar) ? 2 : 0,
                borderRadius: 3,
                maxBarThickness: 36,
                categoryPercentage: 0.75,
            }));
        const legend = columns
            .filter(({isDrawn}) => isDrawn)
            .flatMap(({label, color: name}) =>
                hasBoth
                    ? [
                          [highlightedLabels[0], name],
                          [highlightedLabels[1], `${name}-faint`],
                      ]
                    : [[label, name]]
            );
        const isStacked = datasets.some(({stack}) => stack);
        const values = {
            beginAtZero: !axisStart,
            min: axisStart || undefined,
            stacked: isStacked,
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
            stacked: isStacked,
            reverse: Boolean(!isHorizontal && isRtl),
            position: isHorizontal && isRtl ? "right" : undefined,
            border: {color: variable("--o-cqrs-grid")},
            grid: {display: false},
            ticks: {
                color: style.color,
                // Each has its label, whole; turned, where they would touch.
                autoSkip: false,
                maxRotation: isHorizontal ? 0 : 90,
                font: {size: 11},
                callback(value) {
                    const {axisLabel, caption, label} = rows[value];
                    const isRoomy = rows.length <= MAX_WRAPPED;
                    const whole = isRoomy ? wrapped(label, LINE) : [label];
                    // Turned, one line beside the other is all that there is room for.
                    const isNarrow = canvas.clientWidth < NARROW;
                    const short = isNarrow ? [axisLabel?.join(" ")] : axisLabel;
                    const lines = axisLabel ? short : whole;
                    return caption ? [...lines, caption] : lines;
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
                        display: datasets.length > 1 || hasBoth,
                        position: "bottom",
                        rtl: isRtl,
                        onClick: null,
                        labels: {
                            boxWidth: 10,
                            boxHeight: 10,
                            color: style.color,
                            generateLabels: () =>
                                legend.map(([text, name]) => ({
                                    text,
                                    fillStyle: color(name),
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
