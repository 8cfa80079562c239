import {useEffect} from "@odoo/owl";

/**
 * The stages to choose from, `offered`: `[{id, name}]`. The chosen one stays when its last
 * opportunity leaves it; one that is none of them, as an address may have it, is given up.
 *
 * @param {{stage: number|undefined}} view
 * @param {{byStage: Object|null}} state
 * @param {(choice: {stage: undefined}) => void} choose
 */
export function useStages(view, state, choose) {
    let chosen = null;

    function present() {
        const groups = state.byStage?.groups || [];
        return groups.map(({stage}) => stage).filter(Boolean);
    }

    function offered() {
        const stages = present();
        const isLeft = chosen && chosen.id === view.stage;
        return isLeft && !stages.some(({id}) => id === chosen.id)
            ? [...stages, chosen]
            : stages;
    }

    useEffect(
        () => {
            const known = offered().find(({id}) => id === view.stage);
            if (known) {
                chosen = known;
            } else if (view.stage && state.byStage) {
                choose({stage: undefined});
            }
        },
        () => [state.byStage, view.stage]
    );

    return {
        get offered() {
            return offered();
        },
    };
}
