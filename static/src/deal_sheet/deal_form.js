import "@crm/views/crm_form/crm_form";
import {registry} from "@web/core/registry";
import {user} from "@web/core/user";
import {omit} from "@web/core/utils/objects";
import {parseXML} from "@web/core/utils/xml";
import {loadSubViews} from "@web/views/form/form_controller";

import {onMounted, onWillUnmount} from "@odoo/owl";

const views = registry.category("views");
const crmForm = views.get("crm_form");
export const LEAD = "crm.lead";
const FORM = "crm_cqrs.deal_sheet_view_form";

/**
 * The form of the sheet. `sheet` are the functions by which it tells of itself: `onReady`
 * with the controller, or null, `onLoad` and `onSave` once the opportunity is read again
 * or written.
 */
class DealFormController extends crmForm.Controller {
    static template = "crm_cqrs.DealForm";
    static props = {...crmForm.Controller.props, sheet: Object};

    setup() {
        super.setup();
        onMounted(() => this.props.sheet.onReady(this));
        onWillUnmount(() => this.props.sheet.onReady(null));
    }

    /** Save what is unsaved; return whether the opportunity may be left. */
    async leave() {
        const {root} = this.model;
        if (!(await root.isDirty())) {
            return true;
        }
        const saved = await root.save({
            onError: (error, options) => this.onSaveError(error, options, true),
        });
        return saved !== false;
    }

    /** Show another opportunity, or the same as it is now. */
    show(id) {
        return this.model.load({resId: id, resIds: [id]});
    }

    get isDirty() {
        return this.model.root.dirty;
    }

    onWillLoadRoot() {
        super.onWillLoadRoot(...arguments);
        this.props.sheet.onLoad();
    }

    async onRecordSaved() {
        await super.onRecordSaved(...arguments);
        this.props.sheet.onSave();
    }

    // Narrow, however wide the window is.
    get className() {
        return omit(super.className, "o_xxl_form_view h-100");
    }
}

/** Return the context by which the form finds its view. */
export function formContext() {
    return {...user.context, form_view_ref: FORM};
}

/**
 * Load the form's views, as the form itself will ask for them: Odoo keeps them.
 *
 * @param {Object} env
 * @param {Object} viewService
 */
export async function loadDealForm(env, viewService) {
    const context = formContext();
    const asked = {context, resModel: LEAD, views: [[false, "form"]]};
    const loaded = await viewService.loadViews(asked);
    const {fields, relatedModels} = loaded;
    const arch = parseXML(loaded.views.form.arch);
    const {fieldNodes} = new crmForm.ArchParser().parse(arch, relatedModels, LEAD);
    await loadSubViews(fieldNodes, fields, context, LEAD, viewService, env.isSmall);
}

views.add("cqrs_deal_form", {...crmForm, Controller: DealFormController});
