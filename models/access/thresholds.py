"""Numbers of owners and entries at which a reader changes its plan.

Each was measured with 1,000,000 opportunities of 5,000 users on two cores.
"""

#: Owners up to which each one's rows are looked up by an index, not all rows walked.
#: One owner's page takes 0.1 ms by the index and 117 ms by the walk; each owner that
#: has nothing on the page costs 5 µs, so 500 of them cost as much as a walk (2.5 ms).
FEW_OWNERS = 500

#: Owners up to which access is decided for each owner and company, and the result
#: cached, rather than for each row: for a manager of 259 that saves 1.0 of 3.7 ms of a
#: page, and the sums of 590 unfolded changes take 0.3 instead of 4.4 ms; for a
#: director of 1,555 the walk takes 1.3 instead of 2.1 ms.
KNOWN_OWNERS = 2000

#: Entries of an order's index that are walked before the rows of many owners are
#: merged: a director's first page takes 1.1 to 4.4 ms with it. A team whose deals come
#: last in the order would otherwise walk all of it, for 447 instead of 2.1 ms.
WALKED_ENTRIES = 2000

#: Owners up to which Odoo's own screens find leads by the index on the owner: a page
#: of 80 then takes 10 to 15 ms, with *Own Documents* alone 6 to 11 ms. The owners
#: stand in arrays of which each element is compared with each row, so more of them are
#: hashed.
INDEXED_OWNERS = 300

#: A word is frequent if at least one of so many opportunities has it: of few owners,
#: each one's first rows are then looked through for it. A manager of 259 has 150 rows
#: of each owner, and finds the first with such a word as soon as all are gathered.
FREQUENT_WORD = 12
