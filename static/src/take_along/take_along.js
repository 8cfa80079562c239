import {browser} from "@web/core/browser/browser";
import {router} from "@web/core/browser/router";
import {AlertDialog} from "@web/core/confirmation_dialog/confirmation_dialog";
import {_t} from "@web/core/l10n/translation";
import {user} from "@web/core/user";
import {useService} from "@web/core/utils/hooks";

import {Component, onMounted, onWillStart} from "@odoo/owl";

import {useApi} from "../dashboard/api";
import {DEAL} from "../deal_sheet/deal_address";
import {useOpenedLead} from "../opportunities/lead_opener";
import {sharedAddress} from "./shared";

const {DateTime} = luxon;

/**
 * Buttons that take a screen along: its address for a colleague, its list as an Excel or a
 * CSV file.
 *
 * - `getAddress`: returns `{params, personId}`: the parameters of the screen's address, and
 *   the uuid of the person whose figures it shows, by default of the user
 * - `getQuestion`: returns the question of the list (`list_question.js`); without it there
 *   is no list
 * - `isReady`: whether these can be asked
 */
export class TakeAlong extends Component {
    static template = "crm_cqrs.TakeAlong";
    static props = {
        isReady: Boolean,
        getAddress: {type: Function, optional: true},
        getQuestion: {type: Function, optional: true},
    };

    setup() {
        this.dialog = useService("dialog");
        this.opened = useOpenedLead();
        this.api = useApi();
        this.notification = useService("notification");
        this.exports = useService("crm_cqrs.exports");
        onWillStart(async () => {
            // Known since the page was loaded: the buttons have their room at once.
            this.mayExport = await user.hasGroup("base.group_allow_export");
        });
        onMounted(() => this.mayExport && this.exports.look());
    }

    async share() {
        const address = await this.address();
        try {
            await browser.navigator.clipboard.writeText(address);
        } catch {
            // Browsers have a clipboard for pages with TLS alone.
            this.dialog.add(AlertDialog, {
                title: _t("Copy this address"),
                body: address,
                confirmLabel: _t("Close"),
            });
            return;
        }
        this.notification.add(
            _t(
                "The address of this view is copied. Whoever opens it sees it within their own rights."
            ),
            {type: "success"}
        );
    }

    /** The address of exactly this screen, for others. */
    async address() {
        const {params, personId} = this.props.getAddress();
        const companies = user.activeCompanies.map(({id}) => id).join();
        const shared = sharedAddress(
            {...params, [DEAL]: this.opened.list?.id},
            {
                id: user.userId,
                personId: params.view_as || personId || (await this.me()),
                companies,
            },
            DateTime.now()
        );
        const {action} = router.current;
        return (
            browser.location.origin +
            router.stateToUrl({action, actionStack: [{action}], ...shared})
        );
    }

    /** Return the uuid of the user. */
    async me() {
        return (await this.api.read("users/profile")).data.id;
    }

    get excelTitle() {
        return _t("Make an Excel file of the whole list, as it is filtered");
    }

    get csvTitle() {
        return _t("Download the whole list as CSV, as it is filtered");
    }

    toExcel() {
        return this.exports.toExcel(this.props.getQuestion());
    }

    toCsv() {
        return this.exports.toCsv(this.props.getQuestion());
    }
}
