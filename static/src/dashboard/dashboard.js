import {loadBundle} from "@web/core/assets";
import {formatDate} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {user} from "@web/core/user";
import {Layout} from "@web/search/layout";
import {useSetupAction} from "@web/search/action_hook";
import {useSearchBarToggler} from "@web/search/search_bar/search_bar_toggler";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";

import {Component, onWillStart, useRef, useState} from "@odoo/owl";

import {pastNotes} from "../past/notes";
import {highlightedMonths, monthColumns, monthRows, stageChart} from "./charts";
import {
    PERIODS,
    SCOPES,
    addressOf,
    domainParameter,
    figureParameters,
    followed,
    outdatedBy,
    pastDay,
} from "./choices";
import {PATHS} from "./companies";
import {useDealInAddress} from "../deal_sheet/use_deal_in_address";
import {FigureChart} from "./figure_chart";
import {Freshness} from "./freshness";
import {formatMoney, formatMoneyShortly, formatNumber} from "./formats";
import {useLive} from "./live";
import {Opportunities} from "./opportunities";
import {Organisation} from "./organisation";
import {flowParameters, paceParameters} from "./pace_parameters";
import {personsOf} from "./persons";
import {Attention} from "../attention/attention";
import {Activities} from "../day/activities";
import {DocumentTiles, documentTiles} from "../customers/document_tiles";
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
import {useOpenings} from "./use_openings";
import {useStages} from "./use_stages";

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
        Freshness,
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
        this.stages = useStages(this.view, this.state, (choice) => this.choose(choice));
        this.openings = useOpenings(
            this,
            (choice) => this.choose(choice),
            this.search,
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
        this.choices.publish({hasOthers: this.persons.hasOthers});
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

    /** The question of the list, for a file. */
    getQuestion() {
        const {name, odoo} = this.state.person;
        const person = {id: odoo.user_id, name, isOther: odoo.user_id !== user.userId};
        return dashboardQuestion(this.view, person, facetTexts(this.search.model));
    }

    // Persons

    /** The persons shown, and the parts that there is room for. */
    get persons() {
        return personsOf(this.state, this.view, () =>
            Boolean(this.choices.remembered().hasOthers)
        );
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
        return paceParameters(this.view, this.state.me);
    }

    get flowTitle() {
        // The API's own period, where any time is chosen.
        const period = this.tiles.periodLabel || PERIODS.this_year;
        return _t("Days by Stage, %s", period);
    }

    get flowParameters() {
        return flowParameters(this.view, this.state.me, this.state.closing);
    }

    get now() {
        return this.state.readAt || DateTime.now();
    }

    get tiles() {
        return new Tiles(this.state, this.view, this.now, this.persons.hasOthers);
    }

    get documents() {
        return documentTiles(this.state, this.view, this.tiles);
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

    /** Properties of the chart of stages. */
    get stageChart() {
        return stageChart(this.state, this.view.scope, (amount) => this.money(amount));
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
}

registry.category("actions").add("crm_cqrs.dashboard", Dashboard);
