import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {user, userBus} from "@web/core/user";
import {useBus, useService} from "@web/core/utils/hooks";
import {Layout} from "@web/search/layout";
import {View} from "@web/views/view";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";

import {Component, onWillStart, useEffect, useState, useSubEnv} from "@odoo/owl";

import {ApiProblem, useApi} from "./api";
import {PATHS, activeCompanies} from "./companies";
import {RECORDS_MODEL, RECORDS_TAG, recordsDomain} from "./drill_down";
import {activeCurrencies} from "./formats";
import {FIGURES, rangeName, recordsAddress, recordsQuestion} from "./records_question";
import {tileLabels} from "./tiles";
import {useDealInAddress} from "../deal_sheet/use_deal_in_address";
import {opportunityListView} from "../opportunities/lead_opener";
import {facetTexts, listQuestion} from "../take_along/list_question";
import {searchOf, sharedSearch} from "../take_along/shared";
import {TakeAlong} from "../take_along/take_along";
import {SharedNote, useShared} from "../take_along/use_shared";

const ACTION = "crm_cqrs.dashboard_records_action";

/**
 * List of the records behind a figure, as Odoo's own lists are.
 *
 * Its address says the question: the parameters of `recordsAddress`, and the `company`. So it
 * shows the same to whoever opens it, as far as both that person and the one with the figure
 * see it; access is decided where the records are read.
 */
export class DashboardRecords extends Component {
    static template = "crm_cqrs.DashboardRecords";
    static components = {Layout, View};
    static props = {...standardActionServiceProps};
    static path = PATHS.records;
    static displayName = _t("Opportunities");

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.fieldService = useService("field");
        this.api = useApi();
        this.state = useState({error: null, isLoaded: false});
        this.address = this.props.action.params || {};
        this.shared = useShared(this.address);
        // As a part of the window action, which has the favorites.
        this.config = {...this.env.config};
        useSubEnv({config: this.config});
        useBus(userBus, "ACTIVE_COMPANIES_CHANGED", () => this.publish());
        useDealInAddress();
        onWillStart(() => this.load());
    }

    async load() {
        this.state.error = null;
        try {
            await this.read();
        } catch (error) {
            if (!(error instanceof ApiProblem)) {
                throw error;
            }
            if (error.status === 404 && this.address.view_as && this.shared.useOwn()) {
                await this.showMine();
                return;
            }
            this.state.error = error;
        }
    }

    async read() {
        const [records, fields] = await Promise.all([
            this.action.loadAction(ACTION),
            this.fieldService.loadFields(RECORDS_MODEL),
        ]);
        const question = recordsQuestion(this.address, fields, activeCurrencies());
        const [{data: person}, stages, owners] = await Promise.all([
            this.api.read("users/profile", {user: question.viewAs}),
            question.stageId
                ? this.orm.searchRead(
                      "crm.stage",
                      [["id", "=", question.stageId]],
                      ["name"]
                  )
                : [],
            question.ownerId
                ? this.orm.searchRead(
                      "res.users",
                      [["id", "=", question.ownerId]],
                      ["name"],
                      {
                          context: {active_test: false},
                      }
                  )
                : [],
        ]);
        if (question.stageId && !stages.length) {
            question.stageId = undefined;
        }
        if (question.ownerId && !owners.length) {
            question.ownerId = undefined;
        }
        question.viewAs = person.id;
        this.question = question;
        this.publish();
        const owner = {
            userId: person.odoo.user_id,
            isOther: person.odoo.user_id !== user.userId,
        };
        const label = labelOf(question, owners[0]?.name || stages[0]?.name);
        this.config.actionId = records.id;
        this.env.config.setDisplayName(
            owner.isOther ? `${label} (${person.name})` : label
        );
        this.title = label;
        this.list = this.listProps(records, question, owner);
        this.state.isLoaded = true;
    }

    listProps(records, question, owner) {
        const {statuses} = FIGURES[question.figure];
        return {
            type: "list",
            resModel: RECORDS_MODEL,
            views: records.views,
            domain: recordsDomain(owner, question),
            // Sums below groups are of all records, below a list of its page alone.
            groupBy: question.groupBy,
            orderBy: question.orderBy,
            context: {
                ...user.context,
                cqrs_pending: statuses.includes("pending"),
                cqrs_currency: question.currency,
                cqrs_person: owner.userId,
            },
            noContentHelp: records.help,
            loadActionMenus: true,
            loadIrFilters: true,
            // A favorite of the reader's would show something else than the address says.
            activateFavorite: false,
            onArranged: (arrangement) => {
                Object.assign(this.question, arrangement);
                this.publish();
            },
            dynamicFilters: sharedSearch(this.address.filter).map((domain) => ({
                description: _t("Shared Search"),
                domain,
            })),
            takeAlong: {
                title: () => this.env.config.getDisplayName(),
                address: () => recordsAddress(this.question),
                personId: question.viewAs,
                shared: this.shared,
            },
            state: this.props.state,
            globalState: this.props.globalState,
            __beforeLeave__: this.env.__beforeLeave__,
            __getLocalState__: this.env.__getLocalState__,
            __getGlobalState__: this.env.__getGlobalState__,
        };
    }

    publish() {
        const address = this.question ? recordsAddress(this.question) : this.address;
        this.props.updateActionState?.({...address, company: activeCompanies()});
    }

    get errorText() {
        const {error} = this.state;
        return error.status === 404
            ? _t("This person is not, or no longer, on your team.")
            : error.message;
    }

    showMine() {
        this.address = {...this.address, view_as: undefined};
        return this.load();
    }
}

function labelOf({figure, range, stageId, ownerId}, name) {
    if (stageId !== undefined || (ownerId && name)) {
        return _t("Pipeline, %s", name || _t("No stage"));
    }
    const labels = tileLabels(range && rangeName(range));
    return {...labels, due: _t("Due"), overdue: _t("Overdue")}[figure];
}

registry.category("actions").add(RECORDS_TAG, DashboardRecords);

/**
 * List that says how it is arranged, and can be taken along.
 *
 * - `onArranged`: called with `{groupBy, orderBy}`
 * - `takeAlong`: `{title(), address(), personId, shared}`: the parameters of the list's
 *   address, the uuid of the person with the figures, and what `useShared` gives
 */
class RecordsController extends opportunityListView.Controller {
    static template = "crm_cqrs.RecordsListView";
    static components = {
        ...opportunityListView.Controller.components,
        SharedNote,
        TakeAlong,
    };
    static props = {
        ...opportunityListView.Controller.props,
        onArranged: {type: Function, optional: true},
        takeAlong: {type: Object, optional: true},
    };

    setup() {
        super.setup();
        const {takeAlong} = this.props;
        this.shared = takeAlong && useState(takeAlong.shared.state);
        useEffect(
            (isReady, groups, orders) => {
                if (isReady) {
                    const [groupBy, orderBy] = [groups, orders].map((text) =>
                        JSON.parse(text)
                    );
                    this.props.onArranged?.({groupBy, orderBy});
                }
            },
            () => [
                this.model.isReady,
                JSON.stringify(this.props.groupBy),
                JSON.stringify(this.model.root.orderBy),
            ]
        );
    }

    getAddress() {
        const {takeAlong} = this.props;
        const domain = this.env.searchModel._getDomain({withGlobal: false});
        return {
            params: {...takeAlong.address(), filter: searchOf(domain)},
            personId: takeAlong.personId,
        };
    }

    getQuestion() {
        const {root} = this.model;
        return listQuestion({
            domain: root.domain,
            orderBy: root.orderBy,
            context: this.props.context,
            columns: this.getExportableFields().map(({name}) => name),
            facets: facetTexts(this.env.searchModel),
            title: this.props.takeAlong.title(),
        });
    }
}

registry.category("views").add("cqrs_dashboard_records", {
    ...opportunityListView,
    Controller: RecordsController,
});
