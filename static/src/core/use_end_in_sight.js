import {useEffect} from "@odoo/owl";

/**
 * Call a function each time the end of a list comes into sight, or nearly so.
 *
 *     this.end = useRef("end");
 *     useEndInSight(this.end, () => this.state.items.length, () => this.more());
 *
 * @param {{el: HTMLElement|null}} end ref of what stands behind the last row
 * @param {() => number} getCount returns the number of rows: after each page the end is
 *  looked at again, since it may still be in sight
 * @param {() => void} onSight
 */
export function useEndInSight(end, getCount, onSight) {
    useEffect(
        (element) => {
            if (!element) {
                return;
            }
            const observer = new IntersectionObserver(
                ([entry]) => entry.isIntersecting && onSight(),
                {rootMargin: "200px"}
            );
            observer.observe(element);
            return () => observer.disconnect();
        },
        () => [end.el, getCount()]
    );
}
