import {registry} from "@web/core/registry";
import {ListController} from "@web/views/list/list_controller";
import {listView} from "@web/views/list/list_view";

import {usePolling} from "../core/use_polling";

const UNDER_WAY = ["pending", "running"];
/** Milliseconds between two looks at runs that are under way */
const PAUSE = 2000;

/** List of runs that follows those under way: state, progress and file. */
class RunsController extends ListController {
    setup() {
        super.setup();
        usePolling(async () => {
            const isUnderWay = this.model.root.records.some(({data}) =>
                UNDER_WAY.includes(data.state)
            );
            // What is selected would be lost.
            if (isUnderWay && !this.model.root.selection.length) {
                await this.model.root.load();
            }
            return PAUSE;
        }).plan(PAUSE);
    }
}

registry.category("views").add("cqrs_runs_list", {
    ...listView,
    Controller: RunsController,
});
