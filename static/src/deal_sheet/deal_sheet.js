import {_t} from "@web/core/l10n/translation";
import {localization} from "@web/core/l10n/localization";
import {RPCError} from "@web/core/network/rpc";
import {FetchRecordError} from "@web/model/relational_model/errors";
import {useHotkey} from "@web/core/hotkeys/hotkey_hook";
import {useActiveElement} from "@web/core/ui/ui_service";
import {useBus, useService} from "@web/core/utils/hooks";
import {View} from "@web/views/view";

import {
    Component,
    onError,
    onMounted,
    onWillUnmount,
    useEffect,
    useRef,
    useState,
    useSubEnv,
} from "@odoo/owl";

import {formatNumber} from "../core/formats";
import {useLeadForm} from "../opportunities/lead_form";
import {CustomerLine} from "./customer_line";
import {LEAD, formContext} from "./deal_form";
import {DealStory} from "./deal_story";
import {useChanged} from "./use_changed";

const MODEL = "cqrs.opportunity.view";
const NOT_LOADED = _t("The opportunity could not be loaded.");

/**
 * Sheet beside a list: an opportunity in Odoo's own form, its customer and its last events.
 *
 * - `state`: that of the service, with the `list`, `onChange` and `preview`
 * - `onReady`: called with a function that saves what is unsaved, and returns whether the
 *  sheet may go on to another opportunity
 * - `close`: takes the sheet away
 */
export class DealSheet extends Component {
    static template = "crm_cqrs.DealSheet";
    static components = {CustomerLine, DealStory, View};
    static props = {state: Object, onReady: Function, close: Function};

    setup() {
        this.root = useRef("root");
        this.orm = useService("orm");
        this.session = useService("crm_cqrs.session");
        this.openForm = useLeadForm();
        this.opened = useState(this.props.state);
        this.state = useState({
            deal: null,
            form: null,
            problem: "",
            isLoading: true,
        });
        this.form = null;
        this.shownId = null;
        this.onFormShown = () => null;
        // Where the focus was, and where its row stood.
        this.anchor = document.activeElement;
        this.top = this.anchor.getBoundingClientRect().top;
        // Of a screen that is left for a company switched on.
        useSubEnv({pushStateBeforeReload: () => null});
        if (this.env.isSmall) {
            useActiveElement("root");
        }
        const area = {area: () => this.root.el};
        const walks = {
            ...area,
            allowRepeat: true,
            isAvailable: (target) => !target.closest("select, [type=radio]"),
        };
        const [before, after] =
            localization.direction === "rtl"
                ? ["arrowright", "arrowleft"]
                : ["arrowleft", "arrowright"];
        for (const key of ["arrowup", before]) {
            useHotkey(key, () => this.walk(-1), walks);
        }
        for (const key of ["arrowdown", after]) {
            useHotkey(key, () => this.walk(1), walks);
        }
        useHotkey("escape", () => this.close(), area);
        useBus(this.env.bus, "CLEAR-UNCOMMITTED-CHANGES", ({detail}) =>
            detail.push(() => this.leave())
        );
        useChanged(() => this.look());
        onError((error) => {
            this.onFormShown();
            // Odoo's rules, or somebody who has deleted it: said by what stands beside.
            if (
                !(
                    error.cause instanceof RPCError ||
                    error.cause instanceof FetchRecordError
                )
            ) {
                throw error;
            }
            Object.assign(this.state, {
                form: null,
                problem: this.state.problem || NOT_LOADED,
            });
        });
        useEffect(
            () => {
                // The same one may have got its list.
                if (this.list?.id !== this.shownId) {
                    this.show();
                }
            },
            () => [this.opened.list]
        );
        onMounted(() => {
            this.props.onReady(() => this.leave());
            makeRoom();
            this.keepPlace();
            this.root.el.focus({preventScroll: true});
        });
        onWillUnmount(() => {
            // Once the sheet is gone.
            Promise.resolve().then(makeRoom);
            if (this.anchor.isConnected) {
                this.anchor.focus({preventScroll: true});
            }
        });
    }

    get list() {
        return this.opened.list;
    }

    /** The place in the list, as `3 of 615`. */
    get placeText() {
        const {position, total} = this.list;
        return _t("%(position)s of %(total)s", {
            position: formatNumber(position),
            total: formatNumber(total),
        });
    }

    /** The name by which readers of the screen know the sheet. */
    get label() {
        const {deal, problem} = this.state;
        const known = deal || this.preview;
        return known && !problem
            ? _t("Opportunity: %s", known.name)
            : _t("Opportunity");
    }

    /** The values of its row, until the form stands. */
    get preview() {
        const {preview} = this.opened;
        return preview?.id === this.list.id ? preview : null;
    }

    /** The version of the opportunity that is shown. */
    get version() {
        return this.state.deal.entries[0]?.version || 0;
    }

    get link() {
        return `/odoo/crm.lead/${this.list.id}`;
    }

    // Which opportunity

    async show() {
        const id = this.list?.id;
        if (!id) {
            return;
        }
        this.shownId = id;
        Object.assign(this.state, {isLoading: true, problem: ""});
        let isLost = false;
        // What stands beside is not shown before the form: each rendering of the sheet would
        // begin a form anew that is not there yet.
        const [answer] = await Promise.all([
            this.read(id),
            this.form
                ? this.form.show(id).catch(() => {
                      isLost = true;
                  })
                : this.newForm(id),
        ]);
        if (!answer || id !== this.list?.id) {
            return;
        }
        const problem = answer.problem || (isLost ? NOT_LOADED : "");
        Object.assign(this.state, {deal: answer.deal, problem, isLoading: false});
        this.keepFocus();
    }

    /** Show a new form; wait until it stands, or has failed. */
    newForm(id) {
        this.state.form = formOf(id, this);
        return new Promise((resolve) => {
            this.onFormShown = resolve;
        });
    }

    /** Return what stands beside the form; nothing once the session is over. */
    async read(id) {
        try {
            const deal = await this.orm.silent.call(MODEL, "read_sheet", [[id]]);
            return {deal: {...deal, id}};
        } catch (error) {
            return (
                !(await this.session.isOver()) && {
                    problem: error.data?.message || NOT_LOADED,
                }
            );
        }
    }

    async walk(step) {
        if (this.isWalking || !this.list.has(step)) {
            return;
        }
        this.isWalking = true;
        try {
            const id = (await this.leave()) && (await this.list.neighbour(step));
            if (id) {
                this.list.go(id);
                await this.show();
            }
        } finally {
            this.isWalking = false;
        }
    }

    /** Return whether the opportunity may be left: nothing is unsaved any more. */
    async leave() {
        return this.form ? this.form.leave() : true;
    }

    async close() {
        if (await this.leave()) {
            this.props.close();
        }
    }

    async expand(ev) {
        if (ev.ctrlKey || ev.metaKey) {
            return;
        }
        ev.preventDefault();
        await this.openForm(this.list.id, this.list.ids);
    }

    // What has changed

    /** The form has read the opportunity again, by itself: a button has changed it. */
    told() {
        if (this.form && !this.isWalking && !this.state.isLoading) {
            this.saved();
        }
    }

    /** The opportunity has been written: what stands beside the form follows. */
    saved() {
        this.opened.onChange();
        if (!this.isWalking) {
            this.refresh();
        }
    }

    /** Read what stands beside the form again; return whether it is of other events. */
    async refresh() {
        const {id} = this.list;
        const answer = await this.read(id);
        // Where it cannot be read, what is shown stays.
        if (!answer?.deal || id !== this.list?.id) {
            return false;
        }
        const before = this.version;
        this.state.deal = answer.deal;
        return this.version !== before;
    }

    /** Something has been committed, by anybody. */
    async look() {
        if (this.state.deal && !this.state.isLoading && (await this.refresh())) {
            if (this.form && !this.form.isDirty) {
                await this.form.show(this.state.deal.id);
            }
        }
    }

    /** The change of an event has been put back. */
    async onPutBack() {
        await this.form?.show(this.state.deal.id);
        this.keepFocus();
    }

    // Place and focus

    /** Keep the row that was opened where it stood, though the list is narrower now. */
    keepPlace() {
        const moved = this.anchor.getBoundingClientRect().top - this.top;
        const scroller = this.anchor.closest(".o_content");
        if (scroller && moved) {
            scroller.scrollTop += moved;
        }
    }

    /** Give the focus back to the sheet where what had it is gone. */
    keepFocus() {
        if (document.activeElement === document.body) {
            this.root.el?.focus({preventScroll: true});
        }
    }
}

/** Have the screen behind fit its place, which has become narrower or wider. */
function makeRoom() {
    window.dispatchEvent(new Event("resize"));
}

/** Return the properties of a new form, which then goes on by itself. */
function formOf(id, sheet) {
    return {
        type: "form",
        resModel: LEAD,
        resId: id,
        resIds: [id],
        context: formContext(),
        display: {controlPanel: false},
        preventCreate: true,
        sheet: {
            onReady: (form) => {
                sheet.form = form;
                sheet.onFormShown();
            },
            onLoad: () => sheet.told(),
            onSave: () => sheet.saved(),
        },
    };
}
