import { formatDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { Layout } from "@web/search/layout";
import { useSetupAction } from "@web/search/action_hook";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

import { Component, onWillStart, useEffect, useRef, useState } from "@odoo/owl";

import { highlightedMonths, monthColumns, monthRows, stageColumns, stageRows } from "./charts";
import { PERIODS, SCOPES, figureParameters, outdatedBy } from "./choices";
import { PATHS } from "./companies";
import { useDrillDown } from "./drill_down";
import { FigureChart } from "./figure_chart";
import { formatMoney, formatMoneyShortly, formatNumber } from "./formats";
import { useLive } from "./live";
import { Opportunities } from "./opportunities";
import { Organisation } from "./organisation";
import { SyncButton } from "./sync_button";
import { Tile } from "./tile";
import { Tiles } from "./tiles";
import { useChoices } from "./use_choices";
import { useDashboardData } from "./use_dashboard_data";

const { DateTime } = luxon;

/**
 * Figures of the user, or of somebody on the user's team, that follow each commit. They
 * come from API v2 alone.
 *
 * The address has all choices: `scope`, `period`, `view_as` (a person's uuid), `currency`
 * (a code), `sort`, `status`, `stage` (an id) and `search`, and the `company` switched on, or
 * several, as `1,3`.
 */
export class Dashboard extends Component {
    static template = "crm_cqrs.Dashboard";
    static components = { FigureChart, Layout, Opportunities, Organisation, SyncButton, Tile };
    static props = { ...standardActionServiceProps };
    static path = PATHS.dashboard;
    static displayName = _t("Sales Dashboard");

    setup() {
        this.root = useRef("root");
        this.scopes = SCOPES;
        this.periods = PERIODS;
        this.choices = useChoices(this.props, (choice) => this.choose(choice));
        this.view = this.choices.view;
        this.data = useDashboardData(this.view);
        this.state = this.data.state;
        this.rights = useState({ isAdministrator: false });
        this.chosenStage = null;
        this.drillDown = useDrillDown(() => this.figures);
        this.live = useLive(() => this.data.look());
        useSetupAction({
            rootRef: this.root,
            getLocalState: () => ({
                view: { ...this.view },
                offer: { ...this.choices.offer },
            }),
        });
        this.publish();
        useEffect(
            () => this.checkStage(),
            () => [this.state.byStage, this.view.stage]
        );
        onWillStart(async () => {
            // Whether there are people below decides what there is room for.
            await this.data.loadMe();
            // Not awaited: the screen stands at once, and shows that it is loading.
            this.load();
            user.hasGroup("base.group_system").then((isAdministrator) => {
                this.rights.isAdministrator = isAdministrator;
            });
        });
    }

    // Choices

    publish() {
        this.choices.publish({ hasOthers: this.hasOthers });
    }

    choose(choice) {
        const outdated = outdatedBy(this.view, { ...this.view, ...choice });
        Object.assign(this.view, choice);
        this.publish();
        if (outdated === "all" || (outdated === "some" && !this.state.byMonth)) {
            this.load();
        } else if (outdated === "some") {
            this.data.read();
        }
    }

    /** Give up a stage that is none of those to choose from, as an address may have it. */
    checkStage() {
        const { stage } = this.view;
        const known = this.stages.find(({ id }) => id === stage);
        if (known) {
            this.chosenStage = known;
        } else if (stage && this.state.byStage) {
            this.choose({ stage: undefined });
        }
    }

    lookAs(node) {
        const isMe = node.user_id === user.userId;
        this.choose({ viewAs: isMe ? undefined : node.id, stage: undefined, search: "" });
        this.root.el?.querySelector(".o_content")?.scrollTo({ top: 0 });
    }

    backToMine() {
        this.choose({ viewAs: undefined });
        // The button that had the focus is gone; the focus goes on here.
        this.root.el?.querySelector(".o_cqrs_pick")?.focus({ preventScroll: true });
    }

    async load() {
        await this.data.load();
        this.publish();
    }

    // Persons

    get hasPeople() {
        return Boolean(this.state.me?.hierarchy.is_manager);
    }

    /** Whether the figures differ between all and the own. */
    get hasOthers() {
        const { byStage } = this.state;
        if (this.hasPeople || this.view.scope !== "all") {
            return true;
        }
        // Until it is known, there is room for it if there was.
        return byStage
            ? byStage.opportunities.subordinates > 0
            : Boolean(this.choices.remembered().hasOthers);
    }

    get personProps() {
        const { person } = this.state;
        return person && { id: person.id, userId: person.odoo.user_id };
    }

    /** The person with the figures, which of them are shown, and in which currency. */
    get figures() {
        const { scope, currency } = this.view;
        return { viewAs: this.state.person.id, scope, currency };
    }

    get errorText() {
        const { error } = this.state;
        return error.status === 404 && this.view.viewAs
            ? _t("This person is not, or no longer, on your team.")
            : error.message;
    }

    get leftOutText() {
        return _t(
            "%s record(s) could not be read and are missing from these figures. Ask an administrator to check CRM > Configuration > Event Store.",
            formatNumber(this.state.leftOut)
        );
    }

    // Figures

    get figureParameters() {
        return figureParameters(this.view);
    }

    get now() {
        return this.state.readAt || DateTime.now();
    }

    get tiles() {
        return new Tiles(this.state, this.view, this.now, this.hasOthers);
    }

    openTile(name) {
        this.drillDown.openTile(name, this.tiles.range);
    }

    openDue(name) {
        const { computed_at, tz } = this.state.byStage;
        // As the server reads it, in any language.
        const today = DateTime.fromISO(computed_at, { zone: tz }).toISODate();
        this.drillDown.openDue(name, today);
    }

    /** Stages to choose from; the chosen one stays when its last opportunity leaves it. */
    get stages() {
        const groups = this.state.byStage?.groups || [];
        const stages = groups.map((group) => group.stage).filter(Boolean);
        const chosen = this.chosenStage;
        const isLeft = chosen && chosen.id === this.view.stage;
        return isLeft && !stages.some(({ id }) => id === chosen.id)
            ? [...stages, chosen]
            : stages;
    }

    /** Properties of the chart of stages. */
    get stageChart() {
        return {
            rows: stageRows(this.state.byStage, this.view.scope),
            columns: stageColumns((amount) => this.money(amount)),
        };
    }

    /** Properties of the chart of months; those of the period stand out. */
    get monthChart() {
        const rows = monthRows(this.state.byMonth, this.now, this.view.scope);
        return {
            rows,
            columns: monthColumns((amount) => this.money(amount)),
            highlighted: highlightedMonths(rows, this.tiles.range),
        };
    }

    money(amount) {
        return formatMoney(amount, this.state.byStage.currency);
    }

    short(amount) {
        return formatMoneyShortly(amount, this.state.byStage.currency);
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
}

registry.category("actions").add("crm_cqrs.dashboard", Dashboard);
