import {useService} from "@web/core/utils/hooks";
import {registry} from "@web/core/registry";
import {KanbanController} from "@web/views/kanban/kanban_controller";
import {kanbanView} from "@web/views/kanban/kanban_view";
import {ListController} from "@web/views/list/list_controller";
import {listView} from "@web/views/list/list_view";

const MODEL = "cqrs.opportunity.view";

/**
 * Give a component a function that opens an opportunity in Odoo's own form, whose pager
 * goes through the list that it was opened from.
 *
 *     const openLead = useLeadOpener();
 *     await openLead(item.id, items.map(({ id }) => id));
 *
 * The form leaves out what Odoo lets the user see on the dashboard alone.
 */
export function useLeadOpener() {
    const action = useService("action");
    const orm = useService("orm");

    return async (id, ids, options = {}) => {
        const others = ids.filter((each) => each !== id);
        const [form, openable] = await Promise.all([
            orm.call(MODEL, "action_open_lead", [[id]]),
            others.length
                ? orm.search("crm.lead", [["id", "in", others]], {
                      context: {active_test: false},
                  })
                : [],
        ]);
        const known = new Set([id, ...openable]);
        const resIds = ids.filter((each) => known.has(each));
        await action.doAction(form, {...options, props: {resIds}});
    };
}

/** Let the records of a view open their leads, with the view's order in the pager. */
const opensLeads = (Controller) =>
    class extends Controller {
        setup() {
            super.setup();
            this.openLead = useLeadOpener();
        }

        async openRecord(record, {newWindow} = {}) {
            const ids = this.model.root.records.map(({resId}) => resId);
            await this.openLead(record.resId, ids, {newWindow});
        }
    };

export const opportunityListView = {
    ...listView,
    Controller: opensLeads(ListController),
};

registry.category("views").add("cqrs_opportunity_list", opportunityListView);
registry.category("views").add("cqrs_opportunity_kanban", {
    ...kanbanView,
    Controller: opensLeads(KanbanController),
});
