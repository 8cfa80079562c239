import {RPCError} from "@web/core/network/rpc";
import {useBus, useService} from "@web/core/utils/hooks";
import {CallbackRecorder} from "@web/search/action_hook";
import {SearchModel} from "@web/search/search_model";

import {useEnv, useSubEnv} from "@odoo/owl";

import {RECORDS_MODEL} from "../dashboard/drill_down";
import {applyFacets, applyGroups, facetsOf, groupsOf, recordIds} from "./facets";

const SEARCH_VIEW = "crm_cqrs.dashboard_view_search";

/**
 * Give a component a search model of Odoo's over the opportunities, for a `SearchBar`.
 *
 * - `model`: the `SearchModel`, also in the environment of the components below
 * - `load()`: reads the search view and the favorites, and puts the view's facets in; to be
 *   awaited before a search bar is rendered
 * - `toggle(facet, label)`: adds a facet, or takes it away
 * - `clear()`: takes all facets away
 * - `isLoaded`: whether there is something to search; not for who may read none of it
 *
 * @param {{facets: Array, groupBy: string[]}} view
 * @param {(choice: {facets: Array, groupBy: string[], domain: string|undefined}) => void}
 *  onSearch called after each change
 * @param {boolean} [hasFavorite] whether the user's default favorite is put in where the view
 *  has nothing: not into a view that others have shared
 */
export function useSearch(view, onSearch, hasFavorite = true) {
    // As `WithSearch` has them.
    useSubEnv({
        __getContext__: new CallbackRecorder(),
        __getOrderBy__: new CallbackRecorder(),
    });
    const env = useEnv();
    const orm = useService("orm");
    const viewService = useService("view");
    const model = new SearchModel(env, {
        orm,
        view: viewService,
        field: useService("field"),
        name: useService("name"),
        dialog: useService("dialog"),
        treeProcessor: useService("tree_processor"),
    });
    let isLoaded = false;
    // The control panel asks for it, also where there is nothing to search.
    model.globalContext = {};
    useSubEnv({searchModel: model});
    useBus(model, "update", () => isLoaded && onSearch(asked()));

    /** Return what is searched for, as choices of the view. */
    function asked() {
        const {domain} = model;
        return {
            facets: facetsOf(model),
            groupBy: groupsOf(model),
            domain: domain.length ? JSON.stringify(domain) : undefined,
        };
    }

    async function load() {
        try {
            await read();
        } catch (error) {
            // Whoever may not read opportunities is told so where the figures are.
            if (!(error instanceof RPCError)) {
                throw error;
            }
        }
    }

    async function read() {
        const {fields, views} = await viewService.loadViews(
            {
                context: {search_view_ref: SEARCH_VIEW},
                resModel: RECORDS_MODEL,
                views: [[false, "search"]],
            },
            {actionId: env.config.actionId, loadIrFilters: true}
        );
        const isChosen = Boolean(view.facets.length || view.groupBy.length);
        await model.load({
            resModel: RECORDS_MODEL,
            searchViewId: views.search.id,
            searchViewArch: views.search.arch,
            searchViewFields: fields,
            irFilters: views.search.irFilters,
            loadIrFilters: true,
            activateFavorite: hasFavorite && !isChosen,
            hideCustomGroupBy: true,
        });
        if (isChosen) {
            const names = await namesIn(view.facets);
            model.blockNotification = true;
            await applyFacets(model, view.facets, names);
            applyGroups(model, view.groupBy);
            model.blockNotification = false;
            model._reset();
        }
        Object.assign(view, asked());
        isLoaded = true;
    }

    /** Return the names of the records in facets, as far as the user may read them. */
    async function namesIn(facets) {
        const names = {};
        const ids = recordIds(facets, model.searchViewFields);
        await Promise.all(
            Object.entries(ids).map(async ([field, some]) => {
                const records = await orm.searchRead(
                    model.searchViewFields[field].relation,
                    [["id", "in", some]],
                    ["display_name"],
                    {context: {active_test: false}}
                );
                names[field] = Object.fromEntries(
                    records.map(({id, display_name}) => [id, display_name])
                );
            })
        );
        return names;
    }

    function toggle(facet, label) {
        const text = JSON.stringify(facet);
        const at = facetsOf(model).findIndex((each) => JSON.stringify(each) === text);
        if (at >= 0) {
            const kept = model.query.filter((element) =>
                facetsOf({...scope(), query: [element]}).every(
                    (each) => JSON.stringify(each) !== text
                )
            );
            model.query = kept;
            return model._notify();
        }
        if (Array.isArray(facet)) {
            const [field, operator, value] = facet;
            const item = Object.values(model.searchItems).find(
                (each) => each.type === "field" && each.fieldName === field
            );
            return model.addAutoCompletionValues(item.id, {label, operator, value});
        }
        return model.createNewFilters([
            {description: label, domain: facet.domain, invisible: "True"},
        ]);
    }

    function scope() {
        const {searchItems, domainEvalContext} = model;
        return {searchItems, domainEvalContext};
    }

    function clear() {
        return model.clearQuery();
    }

    return {
        model,
        load,
        toggle,
        clear,
        get isLoaded() {
            return isLoaded;
        },
    };
}
