import {_t} from "@web/core/l10n/translation";
import {imageUrl} from "@web/core/utils/urls";

import {
    Component,
    onWillStart,
    onWillUpdateProps,
    useEffect,
    useRef,
    useState,
} from "@odoo/owl";

import {isAborted, useApi} from "./api";
import {formatMoney, formatMoneyShortly, formatNumber} from "./formats";

const PATH = "users/hierarchy";
const LIMIT = 40;
const FORMER = ".former";
/** Rows up to which teams are open from the beginning */
const ROOM = 14;

/**
 * Tree of the user's team, with the pipeline of each person.
 *
 * - `viewedId`: uuid of the person with the figures shown now
 * - `parameters`: `{company, currency, as_of}` of the figures
 * - `revision`: another number once the figures may have changed
 * - `onPick`: called with `{id, user_id, name}` of a person
 * - `onOpen`: called with that of a former person, to show the opportunities
 */
export class Organisation extends Component {
    static template = "crm_cqrs.Organisation";
    static props = {
        viewedId: {type: String, optional: true},
        parameters: Object,
        revision: Number,
        onPick: Function,
        onOpen: Function,
    };

    setup() {
        this.api = useApi();
        this.number = formatNumber;
        this.parameters = this.props.parameters;
        // `levels`: the team of each person who has been expanded, by uuid, and the former
        // people below, by `formerKey`.
        this.state = useState({root: null, levels: {}, error: "", isLoading: false});
        onWillStart(() => {
            this.load();
        });
        onWillUpdateProps((nextProps) => {
            if (
                JSON.stringify(nextProps.parameters) !== JSON.stringify(this.parameters)
            ) {
                // An answer under way would be to the earlier choice.
                this.api.abort();
                this.parameters = nextProps.parameters;
                if (this.state.root) {
                    this.refresh();
                } else {
                    this.load();
                }
            } else if (nextProps.revision !== this.props.revision) {
                this.refresh();
            }
        });
        const rows = useRef("rows");
        // The person to focus once shown: the button that asked for it is gone by then.
        this.awaited = null;
        useEffect(() => {
            const index = this.rows.findIndex((row) => row.node?.id === this.awaited);
            if (this.awaited && index >= 0) {
                rows.el.children[index].querySelector(".o_cqrs_pick").focus();
                this.awaited = null;
            }
        });
    }

    /** Rows of the table, parents first: `{key, node, depth, level, isOpen}`; `former` in
     *  the place of `node` for former people; `{key, levelKey, depth}` for a button that
     *  shows more. */
    get rows() {
        const rows = [];
        const add = (row) => {
            const level = this.state.levels[row.key];
            const isOpen = Boolean(level?.isOpen);
            rows.push({...row, level, isOpen});
            if (!isOpen) {
                return;
            }
            const depth = row.depth + 1;
            level.items.forEach((node) => add({key: node.id, node, depth}));
            if (level.next) {
                rows.push({key: `${row.key}.more`, levelKey: row.key, depth});
            }
            if (level.former) {
                add({key: formerKey(row.key), former: level.former, depth});
            }
        };
        if (this.state.root) {
            add({key: this.state.root.id, node: this.state.root, depth: 0});
        }
        return rows;
    }

    get greatest() {
        return Math.max(1, this.state.root?.metrics.pipeline_value || 0);
    }

    async load() {
        await this.attempt(async () => {
            const level = await this.readLevel();
            this.state.root = level.parent;
            this.state.levels[level.parent.id] = {...level, isOpen: true};
            await this.fill(level.items);
        });
    }

    /** Open the teams of people, and those below, as far as there is room for all. */
    async fill(people) {
        const managers = people.filter(({is_manager}) => is_manager);
        const more = managers.reduce((sum, {reports_count}) => sum + reports_count, 0);
        if (!managers.length || this.rows.length + more > ROOM) {
            return;
        }
        const levels = await Promise.all(
            managers.map(({id}) => this.readLevel(asked(id)))
        );
        for (const level of levels) {
            this.state.levels[level.parent.id] = {...level, isOpen: true};
        }
        await this.fill(levels.flatMap(({items}) => items));
    }

    /** Read the persons shown again, a page of each level. */
    async refresh() {
        if (!this.state.root) {
            return;
        }
        await this.attempt(async () => {
            const ids = Object.keys(this.state.levels);
            const levels = await Promise.all(
                ids.map((id) =>
                    this.readLevel({
                        ...asked(id),
                        limit: Math.min(
                            200,
                            Math.max(LIMIT, this.state.levels[id].items.length)
                        ),
                    }).catch((error) => {
                        // Moved away, perhaps.
                        if (error.status === 404) {
                            return null;
                        }
                        throw error;
                    })
                )
            );
            ids.forEach((id, index) => {
                const level = levels[index];
                if (!level) {
                    delete this.state.levels[id];
                    return;
                }
                Object.assign(this.state.levels[id], level);
                if (id === this.state.root.id) {
                    this.state.root = level.parent;
                }
            });
        });
    }

    async toggle(key) {
        const level = this.state.levels[key];
        if (level) {
            level.isOpen = !level.isOpen;
            return;
        }
        await this.attempt(async () => {
            this.state.levels[key] = {
                ...(await this.readLevel(asked(key))),
                isOpen: true,
            };
        });
    }

    async more(key) {
        await this.attempt(async () => {
            const level = this.state.levels[key];
            const page = await this.readLevel({...asked(key), cursor: level.next});
            level.items.push(...page.items);
            level.next = page.next;
            this.awaited = page.items[0]?.id;
        });
    }

    async readLevel(parameters = {}) {
        const {data} = await this.api.read(PATH, {
            metrics: "true",
            limit: LIMIT,
            ...this.parameters,
            ...parameters,
        });
        return data;
    }

    async attempt(work) {
        this.state.error = "";
        this.state.isLoading = true;
        try {
            await work();
        } catch (error) {
            if (!isAborted(error)) {
                this.state.error = error.message;
            }
        }
        this.state.isLoading = false;
    }

    money(node, scope) {
        const figures = scope ? node.metrics[scope] : node.metrics;
        return formatMoneyShortly(figures.pipeline_value, node.metrics.currency);
    }

    exact(node, scope) {
        const figures = scope ? node.metrics[scope] : node.metrics;
        return formatMoney(figures.pipeline_value, node.metrics.currency);
    }

    share(node) {
        return (100 * node.metrics.pipeline_value) / this.greatest;
    }

    avatar(node) {
        return imageUrl("res.users", node.user_id, "avatar_128");
    }

    toggleLabel(node) {
        return _t("Team of %s", node.name);
    }

    pick(node) {
        const choose = node.is_former ? this.props.onOpen : this.props.onPick;
        choose(node);
    }

    pickLabel(node) {
        return node.is_former
            ? _t("Open the opportunities of %s", node.name)
            : _t("View the dashboard as %s", node.name);
    }
}

/** Return the key of the former people below a person, among the levels. */
function formerKey(id) {
    return `${id}${FORMER}`;
}

/** Return the parameters by which the API gives a level. */
function asked(key) {
    return key.endsWith(FORMER)
        ? {parent: key.slice(0, -FORMER.length), former: "true"}
        : {parent: key};
}
