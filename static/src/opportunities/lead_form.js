import {useService} from "@web/core/utils/hooks";

const MODEL = "cqrs.opportunity.view";

/**
 * Give a component a function that opens an opportunity in Odoo's own full form, whose
 * pager goes through the list that it was opened from.
 *
 *     const openForm = useLeadForm();
 *     await openForm(item.id, items.map(({ id }) => id));
 *
 * The form leaves out what Odoo lets the user see on the dashboard alone.
 */
export function useLeadForm() {
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
