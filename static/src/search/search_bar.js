import {_t} from "@web/core/l10n/translation";
import {SearchBar} from "@web/search/search_bar/search_bar";

import {useEffect} from "@odoo/owl";

/**
 * Odoo's search bar, which the keyboard can leave with Tab, as long as it suggests nothing,
 * and whose parts have the roles and names that readers of the screen need.
 */
export class OpportunitySearchBar extends SearchBar {
    static template = "crm_cqrs.SearchBar";

    setup() {
        super.setup();
        useEffect(
            (container) => {
                if (!container) {
                    return;
                }
                // Odoo's navigation marks what is neither an option nor a tab.
                const unmark = () =>
                    container
                        .querySelectorAll("[aria-selected]")
                        .forEach((each) => each.removeAttribute("aria-selected"));
                const observer = new MutationObserver(unmark);
                observer.observe(container, {
                    attributeFilter: ["aria-selected"],
                    childList: true,
                    subtree: true,
                });
                unmark();
                return () => observer.disconnect();
            },
            () => [this.facetContainerRef.el]
        );
    }

    onKeydown(ev) {
        if (ev.key === "Tab" && !this.inputDropdownState.isOpen) {
            // Odoo's hotkeys would go round within the bar.
            ev.stopPropagation();
        }
    }

    facetLabel({title, values, separator}) {
        const text = values.join(` ${separator} `);
        return title ? _t("%(title)s: %(text)s", {title, text}) : text;
    }
}
