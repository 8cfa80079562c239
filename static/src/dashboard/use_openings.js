import {formatDate} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";
import {useService} from "@web/core/utils/hooks";

import {changesAddress, changesOfPeriod} from "../pipeline_changes/changes_question";
import {CHANGES_TAG} from "../pipeline_changes/pipeline_changes";
import {figureParameters, wonChoice} from "./choices";
import {useDrillDown} from "./drill_down";
import {PastDeals} from "./past_deals";

const {DateTime} = luxon;

/**
 * Open what is behind a figure, a bar or a name of the dashboard: records, a search in place,
 * or, of a past day, the opportunities as they were.
 *
 * @param {{view: Object, state: Object, tiles: Object}} dashboard choices, answers, and the
 *  `Tiles`, as they are when something is opened
 * @param {(choice: Object) => void} choose
 * @param {Object} search of `useSearch`
 * @param {() => void} onChange called once an opportunity in the sheet may have changed
 */
export function useOpenings(dashboard, choose, search, onChange) {
    const action = useService("action");
    const dialog = useService("dialog");
    const {view, state} = dashboard;
    const drillDown = useDrillDown(
        () => ({viewAs: state.person.id, scope: view.scope, currency: view.currency}),
        onChange
    );

    function openPast(title, parameters) {
        const day = formatDate(DateTime.fromISO(view.day));
        dialog.add(PastDeals, {
            title: _t("%(title)s, %(day)s", {title, day}),
            parameters: {
                user: view.viewAs,
                scope: view.scope,
                ...figureParameters(view),
                ...parameters,
            },
            onOpen: (id, ids) => drillDown.openLead(id, ids),
        });
    }

    return {
        openLead: drillDown.openLead,

        /** Open what changed since the period began. */
        openChanges(name) {
            const {viewAs, scope, currency, day} = view;
            const {closing} = state;
            return action.doAction({
                type: "ir.actions.client",
                tag: CHANGES_TAG,
                params: changesAddress({
                    viewAs,
                    scope,
                    currency,
                    kind: name === "won" ? "won" : undefined,
                    ...changesOfPeriod(closing?.period, closing?.tz, day),
                }),
            });
        },

        openStage({key, label}) {
            if (!view.day) {
                return search.toggle(["stage_id", "=", key || false], label);
            }
            // Those without a stage cannot be asked for alone.
            return openPast(label, {status: "pending", stage: key || undefined});
        },

        openMonth({key, label, range: {from, to}}) {
            if (!view.day) {
                choose(wonChoice(view));
                return search.toggle(["closing_month", "=", key], label);
            }
            return openPast(label, {
                status: "won",
                archived: "any",
                from: from.toISODate(),
                to: to.minus({days: 1}).toISODate(),
            });
        },

        openPerson(node) {
            return view.day
                ? openPast(node.name, {
                      status: "pending",
                      scope: "all",
                      salesperson: node.id,
                  })
                : drillDown.openPerson(node);
        },

        openTile(name) {
            const {labels, range} = dashboard.tiles;
            if (!view.day) {
                return drillDown.openTile(name, range);
            }
            const closed = {archived: "any", period: state.closing.period?.name};
            const parameters = {
                won: {status: "won", ...closed},
                win_rate: {status: "won,lost", ...closed},
            };
            return openPast(labels[name], parameters[name] || {status: "pending"});
        },

        openDue(name) {
            if (view.day) {
                const titles = {due: _t("Due"), overdue: _t("Overdue")};
                return openPast(titles[name], {due: name});
            }
            const {computed_at, tz} = state.byStage;
            // As the server reads it, in any language.
            const today = DateTime.fromISO(computed_at, {zone: tz}).toISODate();
            return drillDown.openDue(name, today);
        },
    };
}
