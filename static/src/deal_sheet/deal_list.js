/**
 * The opportunities of a list, of which one is open in the sheet beside it.
 *
 *     const list = new DealList(7, [5, 7], { total: 3, more: async () => [5, 7, 9] });
 *     [list.position, list.total]; // [2, 3]
 *     await list.neighbour(1); // 9
 *
 * The order is that at which the list was opened: what leaves it meanwhile, since it was
 * won perhaps, stays where it was. Pure but for `more`.
 */
export class DealList {
    /**
     * @param {number} id of the one that is open
     * @param {number[]} ids of those that the list has read, in its order
     * @param {object} [rest]
     * @param {number|null} [rest.total] how many the whole list has
     * @param {() => Promise<number[]>} [rest.more] reads the list's next page if
     *  there is one; returns the ids of all that the list has read
     */
    constructor(id, ids, {total, more} = {}) {
        /** Whether the list has the one that is open: an address has it alone. */
        this.isPlaced = ids.includes(id);
        this.ids = this.isPlaced ? [...ids] : [id, ...ids];
        this.offset = this.ids.indexOf(id);
        this.more = more || null;
        this.total = this.more
            ? Math.max(total || 0, this.ids.length)
            : this.ids.length;
    }

    get id() {
        return this.ids[this.offset];
    }

    /** The place in the list, from 1 on. */
    get position() {
        return this.offset + 1;
    }

    /** Whether there is one before (-1) or after (1) the one that is open. */
    has(step) {
        const offset = this.offset + step;
        return offset >= 0 && offset < this.total;
    }

    /** Return the id of the one before (-1) or after (1); undefined if there is none. */
    async neighbour(step) {
        const offset = this.offset + step;
        if (offset >= this.ids.length && this.more) {
            const known = new Set(this.ids);
            const ids = (await this.more()).filter((id) => !known.has(id));
            this.ids.push(...ids);
            if (ids.length) {
                this.total = Math.max(this.total, this.ids.length);
            } else {
                this.more = null;
                this.total = this.ids.length;
            }
        }
        return this.ids[offset];
    }

    /** Go to one of the opportunities that have been read. */
    go(id) {
        this.offset = this.ids.indexOf(id);
    }
}
