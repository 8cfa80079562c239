import {loadBundle} from "@web/core/assets";
import {formatDate, formatDateTime} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {user} from "@web/core/user";
import {useService} from "@web/core/utils/hooks";
import {Layout} from "@web/search/layout";
import {useSetupAction} from "@web/search/action_hook";
import {useSearchBarToggler} from "@web/search/search_bar/search_bar_toggler";
import {session} from "@web/session";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";

import {Component, onWillStart, useEffect, useRef, useState} from "@odoo/owl";

import {changesAddress, changesOfPeriod} from "../pipeline_changes/changes_question";
import {CHANGES_TAG} from "../pipeline_changes/pipeline_changes";
import {pastNotes} from "../past/notes";
import {
    hasOverdue,
    highlightedMonths,
    monthColumns,
    monthRows,
    stageColumns,
    stageRows,
} from "./charts";
import {
    PERIODS,
    SCOPES,
    addressOf,
    domainParameter,
    figureParameters,
    followed,
    outdatedBy,
    pastDay,
    wonChoice,
} from "./choices";
import {PATHS} from "./companies";
import {useDealInAddress} from "../deal_sheet/use_deal_in_address";
import {useDrillDown} from "./drill_down";
import {scoped} from "./figures";
import {FigureChart} from "./figure_chart";
import {formatMoney, formatMoneyShortly, formatNumber} from "./formats";
import {useLive} from "./live";
import {Opportunities} from "./opportunities";
import {Organisation} from "./organisation";
import {PastDeals} from "./past_deals";
import {Attention} from "../attention/attention";
import {Activities} from "../day/activities";
import {hasDocuments} from "../customers/document_chain";
import {DocumentTiles} from "../customers/document_tiles";
import {StageDays} from "../attention/stage_days";
import {dashboardQuestion, facetTexts} from "../take_along/list_question";
import {TakeAlong} from "../take_along/take_along";
import {SharedNote, useShared} from "../take_along/use_shared";
import {SubscribeButton} from "../subscriptions/subscribe_button";
import {OpportunitySearchBar} from "../search/search_bar";
import {useSearch} from "../search/use_search";
import {SyncButton} from "./sync_button";
import {Tile} from "./tile";
import {Tiles} from "./tiles";
import {useChoices} from "./use_choices";
import {useDashboardData} from "./use_dashboard_data";

const {DateTime} = luxon;

/**
 * Figures of the user, or of somebody on the user's team, that follow each commit. They
 * come from API v2 alone.
 *
 * The address has all choices: `scope`, `period`, `view_as` (a person's uuid), `currency`
 * (a code), `sort`, `status`, `search` (facets of the search bar, as JSON) and `group`
 * (fields), the `company` switched on, or several, as `1,3`, the `deal` in the sheet (an id),
 * and the past `day` at whose end all is shown, with a `stage` (an id). Then nothing is live,
 * and nothing is searched.
 */
export class Dashboard extends Component {
    static template = "crm_cqrs.Dashboard";
    static components = {
        Activities,
        Attention,
        DocumentTiles,
        FigureChart,
        Layout,
        Opportunities,
        OpportunitySearchBar,
        Organisation,
        SharedNote,
        StageDays,
        SubscribeButton,
        SyncButton,
        TakeAlong,
        Tile,
    };
    static props = {...standardActionServiceProps};
    static path = PATHS.dashboard;
    static displayName = _t("Sales Dashboard");

    setup() {
        this.root = useRef("root");
        this.action = useService("action");
        this.dialog = useService("dialog");
        this.scopes = SCOPES;
        this.periods = PERIODS;
        this.choices = useChoices(this.props, (choice) => this.choose(choice));
        this.view = this.choices.view;
        this.shared = useShared(this.props.action.params);
        this.search = useSearch(
            this.view,
            (choice) => this.choose(choice),
            !this.shared.isShared
        );
        this.searchBarToggler = useSearchBarToggler();
        this.data = useDashboardData(this.view);
        this.state = this.data.state;
        this.rights = useState({isAdministrator: false});
        this.chosenStage = null;
        this.drillDown = useDrillDown(
            () => this.figures,
            () => this.data.look()
        );
        this.live = useLive(() => this.data.look());
        useSetupAction({
            rootRef: this.root,
            getLocalState: () => ({
                view: {...this.view},
                offer: {...this.choices.offer},
            }),
        });
        this.publish();
        useDealInAddress(() => this.data.look());
        useEffect(
            () => this.checkStage(),
            () => [this.state.byStage, this.view.stage]
        );
        onWillStart(async () => {
            const searched = this.search.load();
            // Not awaited: the screen stands at once, and shows that it is loading. Figures
            // of a search wait for it, which an own favorite may be as well.
            const isPlain = !this.view.facets.length;
            if (isPlain) {
                this.load();
            }
            // Nor is what the charts are drawn with.
            loadBundle("web.chartjs_lib").catch(() => null);
            // Whether there are people below decides what there is room for.
            await Promise.all([searched, this.data.loadMe()]);
            if (!isPlain || domainParameter(this.view)) {
                this.load();
            }
            this.publish();
            user.hasGroup("base.group_system").then((isAdministrator) => {
                this.rights.isAdministrator = isAdministrator;
            });
        });
    }

    // Choices

    publish() {
        this.choices.publish({hasOthers: this.hasOthers});
    }

    choose(given) {
        const choice = followed(this.view, given);
        const outdated = outdatedBy(this.view, {...this.view, ...choice});
        Object.assign(this.view, choice);
        if ("scope" in choice) {
            // What is marked are figures of the other one.
            this.data.see();
        }
        this.publish();
        if (outdated === "all" || (outdated === "some" && !this.state.byMonth)) {
            this.load();
        } else if (outdated === "some") {
            this.data.read();
        }
    }

    /** Give up a stage that is none of those to choose from, as an address may have it. */
    checkStage() {
        const {stage} = this.view;
        const known = this.stages.find(({id}) => id === stage);
        if (known) {
            this.chosenStage = known;
        } else if (stage && this.state.byStage) {
            this.choose({stage: undefined});
        }
    }

    lookAs(node) {
        const isMe = node.user_id === user.userId;
        this.choose({viewAs: isMe ? undefined : node.id, stage: undefined});
        this.root.el?.querySelector(".o_content")?.scrollTo({top: 0});
    }

    backToMine() {
        this.choose({viewAs: undefined});
        // The button that had the focus is gone; the focus goes on here.
        this.root.el?.querySelector(".o_cqrs_pick")?.focus({preventScroll: true});
    }

    /** Show the dashboard as of the end of a past day; of today, and later, as it is now. */
    chooseDay(text) {
        this.choose({day: pastDay(text, this.choices.offer.today)});
    }

    backToNow() {
        this.choose({day: undefined});
        // The button that had the focus is gone; the focus goes on here.
        this.root.el?.querySelector("input[name=day]")?.focus({preventScroll: true});
    }

    async load() {
        await this.data.load();
        if (
            this.state.error?.status === 404 &&
            this.view.viewAs &&
            this.shared.useOwn()
        ) {
            this.choose({viewAs: undefined});
            return;
        }
        this.publish();
    }

    // Taken along

    /** The address of what is shown, for a colleague. */
    getAddress() {
        return {params: addressOf(this.view), personId: this.state.person.id};
    }

    /** The same, for a mail: without `view_as` everybody gets their own dashboard. */
    getParameters() {
        return addressOf(this.view);
    }

    /** Why there is no file of the list; undefined where there is one. */
    get whyNoFile() {
        return this.view.day
            ? _t("Files are made of the present list. Go back to now.")
            : undefined;
    }

    /** The question of the list, for a file. */
    getQuestion() {
        const {name, odoo} = this.state.person;
        const person = {id: odoo.user_id, name, isOther: odoo.user_id !== user.userId};
        return dashboardQuestion(this.view, person, facetTexts(this.search.model));
    }

    // Persons

    get hasPeople() {
        return Boolean(this.state.me?.hierarchy.is_manager);
    }

    /** Whether the figures differ between all and the own. */
    get hasOthers() {
        const {byStage} = this.state;
        if (this.hasPeople || this.view.scope !== "all") {
            return true;
        }
        // Until it is known, there is room for it if there was.
        return byStage
            ? byStage.opportunities.subordinates > 0
            : Boolean(this.choices.remembered().hasOthers);
    }

    /** Whether what is to be done comes first: for who has no team, now. */
    get hasDay() {
        return Boolean(this.state.me && !this.hasPeople && !this.view.day);
    }

    /** The user whose activities are shown: the person looked as, once that is known. */
    get dayUserId() {
        const {me, person} = this.state;
        return (person || me).odoo.user_id;
    }

    /** Whether opportunities may be of several people, or all are one person's. */
    get showsOwners() {
        const {person, byStage} = this.state;
        if (this.view.scope === "own") {
            return false;
        }
        if (!person || !byStage || person.hierarchy.is_manager) {
            return this.hasOthers;
        }
        return byStage.opportunities.subordinates > 0;
    }

    get personProps() {
        // The own list need not wait for the figures.
        const person = this.state.person || (this.view.viewAs ? null : this.state.me);
        return person && {id: person.id, userId: person.odoo.user_id};
    }

    /** The person with the figures, which of them are shown, and in which currency. */
    get figures() {
        const {scope, currency} = this.view;
        return {viewAs: this.state.person.id, scope, currency};
    }

    /** Whether a search narrows what is shown. */
    get isFiltered() {
        return Boolean(domainParameter(this.view));
    }

    get errorText() {
        const {error} = this.state;
        if (error.since) {
            const day = formatDate(DateTime.fromISO(error.since));
            return _t("History begins on %s. Choose a later day.", day);
        }
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

    /** Whether what is read for one person or all can be shown: not for the others alone. */
    get hasPace() {
        return this.state.me && this.view.scope !== "team";
    }

    get paceParameters() {
        const {viewAs, scope, company, currency} = this.view;
        return {
            user: viewAs,
            // Known before the figures are.
            salesperson: scope === "own" ? viewAs || this.state.me.id : undefined,
            company,
            currency,
            domain: domainParameter(this.view),
        };
    }

    get flowTitle() {
        // The API's own period, where any time is chosen.
        const period = this.tiles.periodLabel || PERIODS.this_year;
        return _t("Days by Stage, %s", period);
    }

    /** Parameters of the days by stage: of the period, until the day that is shown. */
    get flowParameters() {
        const {period, tz} = this.state.closing;
        const {day} = this.view;
        const days = (text) => DateTime.fromISO(text, {zone: tz});
        const last = period && days(period.until).minus({days: 1}).toISODate();
        return {
            ...this.paceParameters,
            from: period ? days(period.from).toISODate() : undefined,
            to: day && (!last || day < last) ? day : last || undefined,
        };
    }

    get now() {
        return this.state.readAt || DateTime.now();
    }

    get tiles() {
        return new Tiles(this.state, this.view, this.now, this.hasOthers);
    }

    /**
     * Properties of the row of orders and invoices; nothing where there are none to see,
     * and no figures until they are known.
     */
    get documents() {
        const {closing, byMonth, person} = this.state;
        const {scope, day} = this.view;
        // Orders and invoices have no past.
        const figures = closing && byMonth && !day && scoped(closing, scope);
        if (!byMonth && !day && session.crm_cqrs_documents?.length) {
            return {figures: null, period: this.tiles.periodLabel};
        }
        return (
            hasDocuments(figures) && {
                figures,
                currency: closing.currency,
                period: this.tiles.periodLabel,
                question: {range: this.tiles.range, scope, userId: person.odoo.user_id},
            }
        );
    }

    /** Sentences that say how far the figures of a past day are to be trusted. */
    get notes() {
        const {byStage} = this.state;
        return this.view.day && byStage
            ? pastNotes(byStage, (time) => formatDate(DateTime.fromISO(time)))
            : [];
    }

    get dayText() {
        return formatDate(DateTime.fromISO(this.view.day));
    }

    /** The last day before today. */
    get yesterday() {
        return DateTime.fromISO(this.choices.offer.today).minus({days: 1}).toISODate();
    }

    /** Open what changed since the period began. */
    openChanges(name) {
        const {viewAs, scope, currency, day} = this.view;
        const {closing} = this.state;
        return this.action.doAction({
            type: "ir.actions.client",
            tag: CHANGES_TAG,
            params: changesAddress({
                viewAs,
                scope,
                currency,
                kind: name === "won" ? "won" : undefined,
                ...changesOfPeriod(closing?.period, closing?.tz, day),
            }),
        });
    }

    /** Open the opportunities of a past day, as they were. */
    openPast(title, parameters) {
        this.dialog.add(PastDeals, {
            title: _t("%(title)s, %(day)s", {title, day: this.dayText}),
            parameters: {
                user: this.view.viewAs,
                scope: this.view.scope,
                ...this.figureParameters,
                ...parameters,
            },
            onOpen: (id, ids) => this.drillDown.openLead(id, ids),
        });
    }

    openStage(row) {
        if (!this.view.day) {
            return this.search.toggle(["stage_id", "=", row.key || false], row.label);
        }
        // Those without a stage cannot be asked for alone.
        return this.openPast(row.label, {
            status: "pending",
            stage: row.key || undefined,
        });
    }

    openMonth(row) {
        if (!this.view.day) {
            this.choose(wonChoice(this.view));
            return this.search.toggle(["closing_month", "=", row.key], row.label);
        }
        const {from, to} = row.range;
        return this.openPast(row.label, {
            status: "won",
            archived: "any",
            from: from.toISODate(),
            to: to.minus({days: 1}).toISODate(),
        });
    }

    openPerson(node) {
        return this.view.day
            ? this.openPast(node.name, {
                  status: "pending",
                  scope: "all",
                  salesperson: node.id,
              })
            : this.drillDown.openPerson(node);
    }

    openTile(name) {
        if (this.view.day) {
            const label = this.tiles.labels[name];
            const period = this.state.closing.period?.name;
            const closed = {archived: "any", period};
            const parameters = {
                won: {status: "won", ...closed},
                win_rate: {status: "won,lost", ...closed},
            };
            return this.openPast(label, parameters[name] || {status: "pending"});
        }
        this.drillDown.openTile(name, this.tiles.range);
    }

    openDue(name) {
        if (this.view.day) {
            const titles = {due: _t("Due"), overdue: _t("Overdue")};
            return this.openPast(titles[name], {due: name});
        }
        const {computed_at, tz} = this.state.byStage;
        // As the server reads it, in any language.
        const today = DateTime.fromISO(computed_at, {zone: tz}).toISODate();
        this.drillDown.openDue(name, today);
    }

    /** Stages to choose from; the chosen one stays when its last opportunity leaves it. */
    get stages() {
        const groups = this.state.byStage?.groups || [];
        const stages = groups.map((group) => group.stage).filter(Boolean);
        const chosen = this.chosenStage;
        const isLeft = chosen && chosen.id === this.view.stage;
        return isLeft && !stages.some(({id}) => id === chosen.id)
            ? [...stages, chosen]
            : stages;
    }

    /** Properties of the chart of stages. */
    get stageChart() {
        const {byStage, overdue} = this.state;
        const {scope} = this.view;
        const late = overdue?.currency === byStage?.currency ? overdue : null;
        return {
            rows: stageRows(byStage, scope, late),
            columns: stageColumns(
                (amount) => this.money(amount),
                hasOverdue(byStage, scope, late)
            ),
        };
    }

    /** Properties of the chart of months; those of the period stand out. */
    get monthChart() {
        const rows = monthRows(this.state.byMonth, this.now, this.view.scope);
        return {
            rows,
            columns: monthColumns((amount) => this.money(amount)),
            highlighted: highlightedMonths(rows, this.tiles.range),
            highlightedLabels: [this.tiles.periodLabel || "", _t("Other months")],
        };
    }

    money(amount) {
        return formatMoney(amount, this.state.byStage.currency);
    }

    short(amount) {
        return formatMoneyShortly(amount, this.state.byStage.currency);
    }

    get asOf() {
        const {readAt} = this.state;
        return readAt
            ? _t("As of %s", readAt.toLocaleString(DateTime.TIME_WITH_SECONDS))
            : "";
    }

    get asOfTitle() {
        const {readAt, position} = this.state;
        return readAt
            ? _t("%(time)s, event %(position)s", {
                  time: formatDateTime(readAt),
                  position,
              })
            : "";
    }
}

registry.category("actions").add("crm_cqrs.dashboard", Dashboard);
