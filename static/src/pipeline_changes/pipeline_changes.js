import {formatDate} from "@web/core/l10n/dates";
import {localization} from "@web/core/l10n/localization";
import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {user, userBus} from "@web/core/user";
import {useBus, useService} from "@web/core/utils/hooks";
import {useSetupAction} from "@web/search/action_hook";
import {Layout} from "@web/search/layout";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";

import {Component, onWillStart, useRef, useState} from "@odoo/owl";

import {isAborted, useApi} from "../dashboard/api";
import {PATHS} from "../dashboard/companies";
import {FigureChart} from "../dashboard/figure_chart";
import {
    formatMoney,
    formatMoneyShortly,
    formatNumber,
    formatPercent,
} from "../dashboard/formats";
import {useLive} from "../dashboard/live";
import {Organisation} from "../dashboard/organisation";
import {currentOffer} from "../dashboard/use_choices";
import {Definition} from "../past/definition";
import {pastNotes} from "../past/notes";
import {useSlow} from "../past/use_slow";
import {ChangedDeals, signedMoney} from "./changed_deals";
import {
    PRESETS,
    SCOPES,
    TEAMS,
    changesAddress,
    changesParameters,
    changesQuestion,
    presetDay,
    presetLabels,
} from "./changes_question";
import {axisStart, waterfallRows} from "./waterfall";
import {TakeAlong} from "../take_along/take_along";
import {useDealInAddress} from "../deal_sheet/use_deal_in_address";
import {SharedNote, useShared} from "../take_along/use_shared";

const {DateTime} = luxon;

export const CHANGES_TAG = "crm_cqrs.pipeline_changes";
const DASHBOARD_TAG = "crm_cqrs.dashboard";
/** Rows of the waterfall for which there is room before they are known */
const ROOM = 10;

/**
 * Waterfall of the open pipeline between two times, and the opportunities behind each bar.
 *
 * The address has all choices: `since` (a preset) or `from` and `to` (days), `team`, `scope`,
 * `view_as` (a person's uuid), `stage` (an id), `currency`, `kind` (that of the bar whose
 * opportunities are shown) and the `company` switched on, or several, as `1,3`.
 */
export class PipelineChanges extends Component {
    static template = "crm_cqrs.PipelineChanges";
    static components = {
        SharedNote,
        TakeAlong,
        ChangedDeals,
        Definition,
        FigureChart,
        Layout,
        Organisation,
    };
    static props = {...standardActionServiceProps};
    static path = PATHS.changes;
    static displayName = _t("Pipeline Changes");

    setup() {
        this.root = useRef("root");
        this.action = useService("action");
        this.api = useApi();
        this.waiting = useSlow();
        this.presets = PRESETS;
        this.teams = TEAMS;
        this.scopes = SCOPES;
        this.offer = currentOffer();
        const {props} = this;
        this.question = useState({
            ...(props.state?.question ||
                changesQuestion(props.action.params || {}, this.offer)),
            company: this.offer.company,
        });
        this.shared = useShared(props.action.params);
        this.state = useState({
            me: null,
            person: null,
            answer: null,
            asked: null,
            error: null,
            isReading: false,
            isBehind: false,
            revision: 0,
        });
        this.position = null;
        useBus(userBus, "ACTIVE_COMPANIES_CHANGED", () => {
            this.offer = currentOffer();
            this.choose(changesQuestion(changesAddress(this.question), this.offer));
        });
        useSetupAction({
            rootRef: this.root,
            getLocalState: () => ({question: {...this.question}}),
        });
        this.live = useLive(() => this.look());
        this.publish();
        useDealInAddress(() => this.look());
        onWillStart(async () => {
            // Whether there are people below decides what there is room for. If it is not
            // known, what is read next says why.
            await this.readMe().catch(() => null);
            // Not awaited: the screen stands, and shows that it is loading.
            this.load();
        });
    }

    // Choices

    /** The address of what is shown, for a colleague. */
    getAddress() {
        return {params: changesAddress(this.question)};
    }

    publish() {
        this.props.updateActionState?.(changesAddress(this.question));
    }

    choose(choice) {
        const isBar = Object.keys(choice).every((name) => name === "kind");
        Object.assign(this.question, choice);
        this.publish();
        if (!isBar) {
            this.load();
        }
    }

    choosePreset(since) {
        this.choose({since, from: undefined, to: undefined});
    }

    chooseDay(name, day) {
        if (!day || day > this.today) {
            return;
        }
        const days = {from: this.from, to: this.question.to, [name]: day};
        if (days.to && days.from > days.to) {
            // The other one follows.
            days[name === "from" ? "to" : "from"] = day;
        }
        this.choose({since: undefined, ...days});
    }

    chooseBar({key}) {
        if (key === "start" || key === "end") {
            this.openDashboard(key);
        } else {
            this.choose({kind: key});
        }
    }

    lookAs(node) {
        this.choose({viewAs: node.user_id === user.userId ? undefined : node.id});
        this.root.el?.querySelector(".o_content")?.scrollTo({top: 0});
    }

    backToMine() {
        this.choose({viewAs: undefined});
        this.root.el?.querySelector("select[name=since]")?.focus({preventScroll: true});
    }

    // Times

    get now() {
        return DateTime.now().setZone(user.tz || "UTC");
    }

    get today() {
        return this.now.toISODate();
    }

    /** The first day of the question, as `2026-11-23`. */
    get from() {
        const {since, from} = this.question;
        if (from) {
            return from;
        }
        const begins = this.state.answer
            ? dayOf(this.state.answer.from)
            : presetDay(since, this.now, localization.weekStart);
        return begins.toISODate();
    }

    get to() {
        return this.question.to || this.today;
    }

    get presetLabels() {
        return presetLabels(this.now, localization.weekStart);
    }

    // Data

    async load() {
        Object.assign(this.state, {answer: null, asked: null, error: null});
        await this.read();
    }

    async look() {
        if (!this.state.error && this.state.answer && !this.question.to) {
            await this.read();
        }
        return !this.state.isBehind;
    }

    async read() {
        this.api.abort();
        this.state.isReading = true;
        try {
            await this.waiting.during(this.readChanges());
            this.state.isBehind = false;
        } catch (error) {
            if (isAborted(error)) {
                return;
            }
            if (error.status === 404 && this.question.viewAs && this.shared.useOwn()) {
                this.choose({viewAs: undefined});
                return;
            }
            if (this.state.answer) {
                this.state.isBehind = true;
            } else {
                this.state.error = error;
            }
        }
        this.state.isReading = false;
    }

    async readMe() {
        this.state.me ||= (await this.api.read("users/profile")).data;
    }

    async readChanges() {
        const {question, state} = this;
        await this.readMe();
        if (question.viewAs) {
            state.person = (
                await this.api.read("users/profile", {user: question.viewAs})
            ).data;
        } else {
            state.person = state.me;
        }
        const asked = changesParameters(question, state.person.id);
        const {data, position} = await this.api.read("changes", asked);
        if (state.answer && position === this.position) {
            // Nothing has happened: what is shown, and how far it is scrolled, stays.
            return;
        }
        this.position = position;
        state.answer = data;
        // As the bars were read, so that their opportunities add up to them.
        state.asked = {...asked, since: undefined, from: data.from, to: data.to};
        state.revision++;
    }

    // Texts

    get hasPeople() {
        return Boolean(this.state.me?.hierarchy.is_manager);
    }

    /** Rows for which there is room: most often there are no more. */
    get room() {
        return Math.max(ROOM, this.rows?.length || 0);
    }

    get parameters() {
        const {company, currency} = this.question;
        return {company, currency};
    }

    get rows() {
        const {answer} = this.state;
        return (
            answer &&
            waterfallRows(answer).map((row) => ({
                ...row,
                caption:
                    row.tone === "level"
                        ? this.short(row.values[0])
                        : this.shortSigned(row.values[0]),
            }))
        );
    }

    get columns() {
        return [
            {
                label: _t("Amount"),
                format: (amount, row) =>
                    row.tone === "level"
                        ? this.money(amount)
                        : signedMoney(amount, this.state.answer.currency),
                isDrawn: true,
            },
            {
                label: _t("Opportunities"),
                format: (count) => formatNumber(count),
                isDrawn: false,
            },
        ];
    }

    get axisStart() {
        return this.rows ? axisStart(this.rows) : 0;
    }

    get axisNote() {
        return this.axisStart
            ? _t("The axis begins at %s.", this.short(this.axisStart))
            : "";
    }

    /** The answer as a sentence. */
    get summary() {
        const {start, end} = this.state.answer;
        const difference = end.amount - start.amount;
        const amount = this.money(Math.abs(difference));
        const part = start.amount
            ? formatPercent(Math.abs(difference / start.amount), 1)
            : "–";
        if (difference < 0) {
            return _t("The pipeline fell by %(amount)s (%(part)s).", {amount, part});
        }
        return difference > 0
            ? _t("The pipeline rose by %(amount)s (%(part)s).", {amount, part})
            : _t("The pipeline is as great as it was.");
    }

    get windowText() {
        const {from} = this.state.answer;
        const {to} = this.question;
        return to
            ? _t("From the beginning of %(from)s to the end of %(to)s", {
                  from: formatDate(dayOf(from)),
                  to: formatDate(DateTime.fromISO(to)),
              })
            : _t("From the beginning of %s until now", formatDate(dayOf(from)));
    }

    /** The day from which on there is history, where the question is of before. */
    get historyDay() {
        const {since} = this.state.error;
        return since && dayOf(since);
    }

    get errorText() {
        const {error, historyDay} = this;
        if (historyDay) {
            return _t(
                "History begins on %s. Choose a later day.",
                formatDate(historyDay)
            );
        }
        return error.status === 404 && this.question.viewAs
            ? _t("This person is not, or no longer, on your team.")
            : error.message;
    }

    get error() {
        return this.state.error;
    }

    /** The first whole day of the history, if that has begun. */
    get firstDay() {
        const day = this.historyDay?.plus({days: 1}).toISODate();
        return day && day <= this.today ? day : undefined;
    }

    get notes() {
        const {answer} = this.state;
        // Until now, that figures change is no news.
        const settled = answer.settled || !this.question.to;
        return pastNotes({...answer, settled}, (time) =>
            formatDate(DateTime.fromISO(time))
        );
    }

    /** The bar whose opportunities are shown, if there is one now. */
    get kind() {
        const {answer} = this.state;
        const {kind} = this.question;
        return answer?.changes.some((change) => change.kind === kind)
            ? kind
            : undefined;
    }

    money(amount) {
        return formatMoney(amount, this.state.answer.currency);
    }

    short(amount) {
        return formatMoneyShortly(amount, this.state.answer.currency);
    }

    shortSigned(amount) {
        return signedMoney(amount, this.state.answer.currency, formatMoneyShortly);
    }

    // Elsewhere

    openDashboard(end) {
        const {viewAs, scope, currency} = this.question;
        const {from, to} = this.state.answer;
        // A past day of the dashboard is as it ended.
        const moment = end === "start" ? from : this.question.to && to;
        const day = moment && dayOf(moment).minus({days: 1}).toISODate();
        return this.action.doAction({
            type: "ir.actions.client",
            tag: DASHBOARD_TAG,
            params: {view_as: viewAs, scope, currency, day},
        });
    }
}

/** Return the user's day of a time of the API. */
function dayOf(time) {
    return DateTime.fromISO(time, {zone: user.tz || "UTC"}).startOf("day");
}

registry.category("actions").add(CHANGES_TAG, PipelineChanges);
