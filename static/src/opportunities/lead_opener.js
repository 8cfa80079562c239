import {useService} from "@web/core/utils/hooks";
import {registry} from "@web/core/registry";
import {KanbanController} from "@web/views/kanban/kanban_controller";
import {kanbanView} from "@web/views/kanban/kanban_view";
import {ListController} from "@web/views/list/list_controller";
import {ListRenderer} from "@web/views/list/list_renderer";
import {listView} from "@web/views/list/list_view";

import {onMounted, onWillUnmount, useComponent, useEffect, useState} from "@odoo/owl";

import {useLeadForm} from "./lead_form";

/**
 * Give a component a function that opens an opportunity in the sheet beside the list that
 * it was opened from; the sheet goes when the component does.
 *
 *     const openLead = useLeadOpener();
 *     await openLead(item.id, items.map(({ id }) => id), { total, more, onChange });
 *
 * Further arguments are those of `dealSheetService.open`.
 */
export function useLeadOpener() {
    const sheets = useService("crm_cqrs.deal_sheet");
    const component = useComponent();
    onMounted(() => sheets.prepare());
    onWillUnmount(() => sheets.close(component));
    return (id, ids, rest) => sheets.open(component, id, ids, rest);
}

/** Give a component the id of the opportunity in the sheet: `opened.list?.id`. */
export function useOpenedLead() {
    return useState(useService("crm_cqrs.deal_sheet").state);
}

/**
 * Let the sheet walk a component's list from an opportunity that an address has opened.
 *
 * @param {() => {ids: number[]}} getList returns the ids that the list has read, and the rest
 *  as for `DealList`, with `onChange`
 */
export function useDealPlace(getList) {
    const sheets = useService("crm_cqrs.deal_sheet");
    const opened = useOpenedLead();
    useEffect(
        () => {
            const {ids, ...rest} = getList();
            sheets.place(ids, rest);
        },
        () => [opened.list, getList().ids.join()]
    );
}

/** Let the records of a view open their leads, with the view's order in the pager. */
const opensLeads = (Controller) =>
    class extends Controller {
        setup() {
            super.setup();
            this.openLead = useLeadOpener();
            this.openForm = useLeadForm();
            useDealPlace(() => ({ids: this.ids, onChange: () => this.model.load()}));
        }

        get ids() {
            return this.model.root.records?.map(({resId}) => resId) || [];
        }

        async openRecord(record, {newWindow} = {}) {
            const {ids} = this;
            if (newWindow) {
                await this.openForm(record.resId, ids, {newWindow});
                return;
            }
            await this.openLead(record.resId, ids, {onChange: () => this.model.load()});
        }
    };

/** List that shows which of its opportunities is in the sheet. */
class OpportunityListRenderer extends ListRenderer {
    setup() {
        super.setup();
        this.opened = useOpenedLead();
    }

    getRowClass(record) {
        const isOpened = this.opened.list?.id === record.resId;
        return `${super.getRowClass(record)} ${isOpened ? "o_cqrs_opened" : ""}`;
    }
}

export const opportunityListView = {
    ...listView,
    Controller: opensLeads(ListController),
    Renderer: OpportunityListRenderer,
};

registry.category("views").add("cqrs_opportunity_list", opportunityListView);
registry.category("views").add("cqrs_opportunity_kanban", {
    ...kanbanView,
    Controller: opensLeads(KanbanController),
});
