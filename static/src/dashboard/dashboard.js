import { browser } from "@web/core/browser/browser";
import { formatDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { useSetupAction } from "@web/search/action_hook";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

import { Component, onWillStart, onWillUnmount, useRef, useState } from "@odoo/owl";

import { readApi } from "./api";
import { FigureChart } from "./figure_chart";
import { ALL, PERIODS, SCOPES, lastMonths, recordsDomain, scoped } from "./figures";
import {
    activeCurrencies,
    formatMoney,
    formatMoneyShortly,
    formatPercent,
    ownCurrency,
} from "./formats";
import { useLive } from "./live";
import { Opportunities, SORTS, STATUSES } from "./opportunities";
import { Organisation } from "./organisation";
import { SyncButton } from "./sync_button";
import { Tile } from "./tile";
import { Tiles } from "./tiles";

const { DateTime } = luxon;

const RECORDS_ACTION = "crm_cqrs.dashboard_records_action";
const RECORDS_MODEL = "cqrs.opportunity.view";
/** Milliseconds for which a tile is marked as changed */
const MARKED = 8000;
/** Months of the series: those shown, and the one before a year's first */
const MONTHS_READ = 13;
const PERSON_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What is chosen, and what each may be; as in the address, but for `viewAs`. */
const CHOICES = {
    scope: (value) => SCOPES.includes(value),
    period: (value) => PERIODS.includes(value),
    sort: (value) => SORTS.includes(String(value).replace("-", "")),
    status: (value) => STATUSES.includes(value),
    company: (value) => value === ALL || companies().some(({ id }) => id === value),
    currency: (value) => currencyCodes().includes(value),
};
const DEFAULTS = {
    scope: "all",
    period: "quarter",
    sort: "-value",
    status: "pending",
    company: ALL,
};

/**
 * What the user sees, or somebody of the user's people, in figures that follow what is
 * committed. It asks API v2 and nothing else.
 *
 * The address says all that is chosen: `scope`, `period`, `view_as` (a person's uuid),
 * `company` (an id, or `all`), `currency` (a code), `sort`, `status`, `stage` (an id) and
 * `search`. Where it says nothing, the user's last choice holds.
 */
export class Dashboard extends Component {
    static template = "crm_cqrs.Dashboard";
    static components = { FigureChart, Layout, Opportunities, Organisation, SyncButton, Tile };
    static props = { ...standardActionServiceProps };
    static path = "sales-dashboard";
    static displayName = _t("Sales Dashboard");

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.root = useRef("root");
        this.view = useState(this.initialView());
        this.state = useState({
            me: null,
            person: null,
            byStage: null,
            byMonth: null,
            series: null,
            position: null,
            readAt: null,
            revision: 0,
            changed: {},
            error: null,
            isBehind: false,
            reason: "",
            leftOut: 0,
            isAdministrator: false,
        });
        this.abort = null;
        this.marks = {};
        this.live = useLive(() => this.look());
        useSetupAction({
            rootRef: this.root,
            getLocalState: () => ({ view: { ...this.view } }),
        });
        this.publish();
        onWillStart(async () => {
            // Whether there are people below decides what there is room for.
            await this.loadMe();
            // Not awaited: the screen stands at once, and shows that it is loading.
            this.load();
            user.hasGroup("base.group_system").then((isAdministrator) => {
                this.state.isAdministrator = isAdministrator;
            });
        });
        onWillUnmount(() => {
            this.abort?.abort();
            Object.values(this.marks).forEach((timer) => browser.clearTimeout(timer));
        });
    }

    // What is chosen

    get storageKey() {
        return `crm_cqrs.dashboard.${user.userId}`;
    }

    remembered() {
        try {
            return JSON.parse(browser.localStorage.getItem(this.storageKey)) || {};
        } catch {
            // Not ours, or nothing that can be read.
            return {};
        }
    }

    initialView() {
        if (this.props.state?.view) {
            return this.props.state.view;
        }
        const given = this.props.action.params || {};
        const remembered = this.remembered();
        const view = {
            viewAs: PERSON_ID.test(given.view_as) ? given.view_as : undefined,
            stage: Number(given.stage) || undefined,
            search: given.search === undefined ? "" : String(given.search).slice(0, 200),
        };
        for (const [name, accepts] of Object.entries(CHOICES)) {
            const value = [given[name], remembered[name]].find((each) => accepts(each));
            view[name] = value || DEFAULTS[name];
        }
        // The user's own, whoever's dashboard it is: so figures compare.
        view.currency ||= this.currencies.length ? ownCurrency() : undefined;
        return view;
    }

    /** Put what is chosen into the address, and keep it for the next time. */
    publish() {
        const { viewAs, stage, search, scope, period, sort, status } = this.view;
        const { company, currency } = this.view;
        this.props.updateActionState?.({
            scope,
            period,
            sort,
            status,
            company: this.companies.length ? company : undefined,
            currency,
            view_as: viewAs,
            stage,
            search: search || undefined,
        });
        browser.localStorage.setItem(
            this.storageKey,
            JSON.stringify({
                scope,
                period,
                sort,
                status,
                company,
                currency,
                hasOthers: this.hasOthers,
            })
        );
    }

    choose(choice) {
        const { viewAs, company, period, currency } = this.view;
        Object.assign(this.view, choice);
        this.publish();
        if (this.view.viewAs !== viewAs || this.view.company !== company) {
            this.load();
        } else if (this.view.period !== period || this.view.currency !== currency) {
            this.state.byMonth ? this.read() : this.load();
        }
    }

    chooseCompany(value) {
        this.choose({ company: Number(value) || ALL });
    }

    lookAs(node) {
        const isMe = node.user_id === user.userId;
        this.choose({ viewAs: isMe ? undefined : node.id, stage: undefined, search: "" });
        this.root.el?.querySelector(".o_content")?.scrollTo({ top: 0 });
    }

    backToMine() {
        this.choose({ viewAs: undefined });
        // The button that has the focus is gone now; here it goes on.
        this.root.el?.querySelector(".o_cqrs_pick")?.focus({ preventScroll: true });
    }

    get errorText() {
        const { error } = this.state;
        return error.status === 404 && this.view.viewAs
            ? _t("It is of somebody who is not one of your people, or not any more.")
            : error.message;
    }

    get scopes() {
        return [
            ["all", _t("All")],
            ["own", _t("Own")],
            ["team", _t("Team")],
        ];
    }

    get periods() {
        return [
            ["month", _t("This Month")],
            ["quarter", _t("This Quarter")],
            ["year", _t("This Year")],
            ["all", _t("All Time")],
        ];
    }

    /** What there is to choose from; nothing where there is but one. */
    get companies() {
        return companies();
    }

    get currencies() {
        return currencyCodes();
    }

    /** What the figures are asked for by, beside whose they are. */
    get asked() {
        return { company: this.companyId, currency: this.view.currency };
    }

    get companyId() {
        return this.view.company === ALL ? undefined : this.view.company;
    }

    get hasPeople() {
        return Boolean(this.state.me?.hierarchy.is_manager);
    }

    /** Whether there is a difference between all and the own. */
    get hasOthers() {
        const { byStage } = this.state;
        if (this.hasPeople || this.view.scope !== "all") {
            return true;
        }
        // Until it is known, there is room for it if there was.
        return byStage
            ? byStage.opportunities.subordinates > 0
            : Boolean(this.remembered().hasOthers);
    }

    get personProps() {
        const { person } = this.state;
        return person && { id: person.id, userId: person.odoo.user_id };
    }

    // What is shown

    async loadMe() {
        try {
            this.state.me = (await readApi("users/profile")).data;
        } catch (error) {
            this.state.error = error;
        }
    }

    /** Read everything, of somebody else perhaps. */
    async load() {
        const nothing = { person: null, byStage: null, byMonth: null, series: null };
        Object.assign(this.state, { ...nothing, error: null });
        this.state.changed = {};
        if (!this.state.me) {
            await this.loadMe();
        }
        if (this.state.me) {
            await this.read();
            this.publish();
        }
    }

    /** Read the figures again, and mark those that have changed. */
    async look() {
        if (!this.state.error && this.state.byMonth) {
            await this.read();
        }
        return !this.state.isBehind;
    }

    async read() {
        this.abort?.abort();
        const { signal } = (this.abort = new AbortController());
        const parameters = { user: this.view.viewAs, ...this.asked };
        const ask = (path, more) => readApi(path, { ...parameters, ...more }, signal);
        const period = this.view.period;
        const series = ask("metrics/series", {
            months: MONTHS_READ,
            compare: period === "all" ? undefined : period,
        });
        // Awaited later, when the numbers stand.
        series.catch(() => {});
        try {
            const [person, byStage, byMonth] = await Promise.all([
                this.view.viewAs
                    ? readApi("users/profile", { user: this.view.viewAs }, signal)
                    : { data: this.state.me },
                ask("metrics", { by: "stage" }),
                ask("metrics", { by: "month" }),
            ]);
            const isSameCurrency = this.state.byStage?.currency === byStage.data.currency;
            const before = isSameCurrency && this.state.byMonth && this.tiles.values;
            Object.assign(this.state, {
                person: person.data,
                byStage: byStage.data,
                byMonth: byMonth.data,
                position: Math.min(byStage.position, byMonth.position),
                readAt: DateTime.fromISO(byMonth.data.computed_at),
                leftOut: byMonth.leftOut,
                isBehind: false,
                reason: "",
            });
            if (before && byMonth.position !== this.lastPosition) {
                this.mark(before, this.tiles.values);
                this.state.revision++;
            }
            this.lastPosition = byMonth.position;
            this.state.series = { ...(await series).data, period };
        } catch (error) {
            if (error.name === "AbortError") {
                return;
            }
            if (this.state.byMonth) {
                // What is shown was right then, which is better than nothing.
                this.state.isBehind = true;
                this.state.reason = error.status ? error.message : "";
            } else {
                this.state.error = error;
            }
        }
    }

    mark(before, after) {
        for (const name in after) {
            if (before[name] === after[name]) {
                continue;
            }
            this.state.changed[name] = true;
            browser.clearTimeout(this.marks[name]);
            this.marks[name] = browser.setTimeout(() => {
                delete this.state.changed[name];
            }, MARKED);
        }
    }

    get now() {
        return this.state.readAt || DateTime.now();
    }

    get tiles() {
        return new Tiles(this.state, this.view, this.now, this.hasOthers);
    }

    money(amount) {
        return formatMoney(amount, this.state.byStage.currency);
    }

    short(amount) {
        return formatMoneyShortly(amount, this.state.byStage.currency);
    }

    get stages() {
        return (this.state.byStage?.groups || []).map((group) => group.stage).filter(Boolean);
    }

    get stageColumns() {
        const money = (amount) => this.money(amount);
        return [
            { label: _t("Pipeline"), format: money, isDrawn: true },
            { label: _t("Weighted"), format: money, isDrawn: true },
            { label: _t("Opportunities"), format: String, isDrawn: false },
        ];
    }

    get stageRows() {
        return (
            this.state.byStage &&
            this.state.byStage.groups
                .map((group) => ({ group, figures: scoped(group, this.view.scope) }))
                .filter(({ figures }) => figures.active_opportunities)
                .map(({ group, figures }) => ({
                    key: group.stage ? group.stage.id : 0,
                    label: group.stage ? group.stage.name : _t("No stage"),
                    values: [
                        figures.pipeline_value,
                        figures.weighted_pipeline,
                        figures.active_opportunities,
                    ],
                }))
        );
    }

    get monthColumns() {
        return [
            { label: _t("Won"), format: (amount) => this.money(amount), isDrawn: true },
            { label: _t("Opportunities"), format: String, isDrawn: false },
            { label: _t("Lost"), format: String, isDrawn: false },
            {
                label: _t("Win rate"),
                format: (rate) => (rate === null ? "–" : formatPercent(rate)),
                isDrawn: false,
            },
        ];
    }

    get monthRows() {
        return (
            this.state.byMonth &&
            lastMonths(this.state.byMonth.groups, this.now, this.view.scope).map((month) => ({
                key: month.month,
                label: month.from.toFormat("LLL yy"),
                range: { from: month.from, to: month.to },
                values: [month.won_revenue, month.won, month.lost, month.win_rate],
            }))
        );
    }

    /** The months of the period, which stand out. */
    get highlightedMonths() {
        const { range } = this.tiles;
        return range && this.monthRows
            ? this.monthRows
                  .filter((row) => row.range.from >= range.from && row.range.from < range.to)
                  .map((row) => row.key)
            : undefined;
    }

    get asOf() {
        const { readAt, position } = this.state;
        return readAt
            ? _t("As of %(time)s, event %(position)s", {
                  time: readAt.toLocaleString(DateTime.TIME_WITH_SECONDS),
                  position,
              })
            : "";
    }

    get asOfTitle() {
        return this.state.readAt ? formatDateTime(this.state.readAt) : "";
    }

    // What stands behind it

    get whose() {
        return {
            scope: this.view.scope,
            userId: this.state.person.odoo.user_id,
            isOther: Boolean(this.view.viewAs),
            companyId: this.companyId,
        };
    }

    openTile(name) {
        const { range } = this.tiles;
        const label = this.tiles.labels[name];
        const opening = {
            pipeline: [["pending"], null, "stage_id"],
            weighted: [["pending"], null, "stage_id"],
            active: [["pending"], null, "stage_id"],
            won: [["won"], range, "user_id"],
            win_rate: [["won", "lost"], range, "status"],
        };
        const [statuses, closing, groupBy] = opening[name];
        const domain = recordsDomain(this.whose, statuses, closing);
        this.openRecords(label, statuses, domain, groupBy);
    }

    openStage(row) {
        const domain = recordsDomain(this.whose, ["pending"]);
        domain.push(["stage_id", "=", row.key || false]);
        this.openRecords(_t("Pipeline, %s", row.label), ["pending"], domain, "user_id");
    }

    openMonth(row) {
        const domain = recordsDomain(this.whose, ["won"], row.range);
        this.openRecords(_t("Won, %s", row.label), ["won"], domain, "user_id");
    }

    async openRecords(name, statuses, domain, groupBy) {
        const action = await this.action.loadAction(RECORDS_ACTION);
        const title = this.view.viewAs ? `${name} (${this.state.person.name})` : name;
        await this.action.doAction({
            ...action,
            name: title,
            display_name: title,
            domain,
            context: {
                // Whole sums stand below groups, below a list only those of its page.
                group_by: [groupBy],
                cqrs_counted: statuses.join(),
            },
        });
    }

    async openLead(id) {
        const action = await this.orm.call(RECORDS_MODEL, "action_open_lead", [[id]]);
        await this.action.doAction(action);
    }
}

function companies() {
    return user.allowedCompanies.length > 1 ? user.allowedCompanies : [];
}

function currencyCodes() {
    const codes = activeCurrencies();
    return codes.length > 1 ? codes : [];
}

registry.category("actions").add("crm_cqrs.dashboard", Dashboard);
