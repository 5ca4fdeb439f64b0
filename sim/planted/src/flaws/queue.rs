//! What can be wrong with the queue, placement and the books of who runs where.

use super::{Flaw, edit};

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "T1",
        "last come, first served",
        &[
            edit(
                "fifo take",
                "self.there.trailing_zeros()",
                "self.there.ilog2()",
            ),
            edit(
                "fifo take",
                "self.others()",
                "self.there & !(1 << self.there.ilog2())",
            ),
        ],
    ),
    Flaw::new(
        "T2",
        "equally free machines are told apart by slot, not by id",
        &[edit(
            "ready insert",
            "heap.push(id, slot, &mut self.positions);",
            "heap.push(MachineId(u64::from(slot)), slot, &mut self.positions);",
        )],
    ),
    Flaw::new(
        "S3",
        "a higher priority value goes first",
        &[
            edit(
                "classes key",
                "(self.priority, Reverse(self.procs))",
                "(!self.priority, Reverse(self.procs))",
            ),
            edit(
                "classes join",
                "(priority, Reverse(procs))",
                "(!priority, Reverse(procs))",
            ),
            edit(
                "classes rank",
                "(priority, Reverse(procs))",
                "(!priority, Reverse(procs))",
            ),
        ],
    ),
    Flaw::new(
        "S3",
        "within a priority, small requests go first",
        &[
            edit(
                "classes key",
                "(self.priority, Reverse(self.procs))",
                "(self.priority, Reverse(!self.procs))",
            ),
            edit(
                "classes join",
                "(priority, Reverse(procs))",
                "(priority, Reverse(!procs))",
            ),
            edit(
                "classes rank",
                "(priority, Reverse(procs))",
                "(priority, Reverse(!procs))",
            ),
        ],
    ),
    Flaw::new(
        "S3",
        "the queue's sums are not taken anew when its tree turns",
        &[edit("classes rotate_left", "self.update(at);", "")],
    ),
    Flaw::new(
        "S5",
        "requests that came while nobody asked are not counted for a new one",
        &[edit("classes rank", "self.count();", "")],
    ),
    Flaw::new(
        "S5",
        "requests that came while nobody asked are not counted for those who wait",
        &[edit("classes first_fit", "self.count();", "")],
    ),
    Flaw::new(
        "S3",
        "a class leaves the queue's tree before it was counted",
        &[edit("classes dismiss", "self.count();", "")],
    ),
    Flaw::new(
        "S4",
        "a machine is not taken out of the order before its free procs change",
        &[edit("place grant_new", "self.machines.withdraw(slot);", "")],
    ),
    Flaw::new(
        "S4",
        "a machine does not come back into the order when a grant ends",
        &[edit(
            "place place_on",
            "self.machines.list(machine, free);",
            "",
        )],
    ),
    Flaw::new(
        "S4",
        "what comes from a heap's end into another branch only goes down",
        &[edit(
            "heap close",
            "hole > 0 && last.0 < self.entries[(hole - 1) / ARITY].0",
            "false",
        )],
    )
    .shown_in(70),
    Flaw::new(
        "S4",
        "who comes when the first of a heap has just left is the first",
        &[edit(
            "heap push",
            "self.sift_down(0, (key, slot), positions)",
            "self.set(0, (key, slot), positions)",
        )],
    ),
    Flaw::new(
        "S4",
        "a heap looks at three of its four branches",
        &[edit("heap least_child", "usize::from(d.0 < c.0)", "0")],
    )
    .shown_in(30),
    Flaw::new(
        "S5",
        "no machine is reserved: whatever fits somewhere goes",
        &[edit(
            "place next_placement",
            "rank < ahead + count",
            "rank < u32::MAX",
        )],
    ),
    Flaw::new(
        "S5",
        "one machine too many is open to those behind a blocked request",
        &[edit(
            "place next_placement",
            "rank < ahead + count",
            "rank <= ahead + count",
        )],
    ),
    Flaw::new(
        "S5",
        "a blocked request blocks all behind it",
        &[edit(
            "place next_placement",
            "rank < ahead + count",
            "rank == 0",
        )],
    ),
    Flaw::new(
        "S5",
        "a machine that becomes freer serves the first, though another is freer",
        &[edit(
            "place place_on",
            "self.machines.ready.len() == 0",
            "true",
        )],
    ),
    Flaw::new(
        "S5",
        "a place is handed over to one who asks for less",
        &[edit(
            "classes first_to_count",
            "class.procs == procs",
            "class.procs <= procs",
        )],
    ),
    Flaw::new(
        "S3",
        "the last of a class that is handed a place leaves the class",
        &[edit(
            "requests first_of",
            "head.has_one() && class.has_one()",
            "false",
        )],
    ),
    Flaw::new(
        "S5",
        "one that was handed a place is still counted",
        &[edit("classes first_to_count", "class.to_count", "true")],
    ),
    Flaw::new(
        "F4",
        "the need is not lowered when a place is handed over",
        &[edit(
            "full hand_over",
            "self.need -= u64::from(class.shrink());",
            "class.shrink();",
        )],
    ),
    Flaw::new(
        "F4",
        "the need is not raised by one that just waits",
        &[edit(
            "full waits_if_near",
            "self.need += u64::from(procs);",
            "",
        )],
    ),
    Flaw::new(
        "F11",
        "who is handed a place takes the other's turn in the order of the grants",
        &[edit(
            "running write_down",
            "self.seats[at] = Seated { grant, request };",
            "let seat = &mut self.seats[at];
             *seat = Seated { grant: if seat.grant == 0 { grant } else { seat.grant }, request };",
        )],
    )
    .shown_in(30),
    Flaw::new(
        "F11",
        "of those who took one seat in turn the first is thought to sit there until it is written down",
        &[edit(
            "running seated",
            "notes.filter(|&(_, &(other, _))| other == at).last()",
            "{ notes }.find(|&(_, &(other, _))| other == at)",
        )],
    ),
    Flaw::new(
        "F11",
        "who sits down when there is no room for one more note is not noted",
        &[edit("running sit", "self.note(at, request);", "")],
    )
    .shown_in(20),
    Flaw::new(
        "F11",
        "who is handed a place when there is no room for one more note is not noted",
        &[edit(
            "full seat",
            "self.machines.running.sit(at, request);",
            "",
        )],
    ),
    Flaw::new(
        "F5",
        "a place is handed over in the window of ids to one who is not there",
        &[edit(
            "window hand_over",
            "!self.get(to).is_nowhere()",
            "true",
        )],
    ),
    Flaw::new(
        "S5",
        "what becomes free at once is given out more than once",
        &[edit("place place_on", "free -= procs;", "")],
    ),
    Flaw::new(
        "S5",
        "one grant at each event, and no more",
        &[edit(
            "place place",
            "self.next_placement()",
            "self.next_placement().filter(|_| !matches!(actions.last(), Some(Action::Grant { .. })))",
        )],
    ),
    Flaw::new(
        "S6",
        "a cancel frees the procs of what runs, and they are given out twice",
        &[edit(
            "manager cancel",
            "if let Place::Queued { .. } = self.requests.place(found) {
            self.need -= u64::from(self.requests.forget(found));
        }",
            "if let Place::Running { machine, seat, procs } = self.requests.place(found) {
            self.machines.release(machine, seat, request, procs);
            self.machines.offer(machine);
        }
        self.need -= u64::from(self.requests.forget(found));",
        )],
    ),
    Flaw::new(
        "S6",
        "a cancel does not lower the need",
        &[edit(
            "manager cancel",
            "if let Place::Queued { .. } = self.requests.place(found) {
            self.need -= u64::from(self.requests.forget(found));
        }",
            "if let Place::Queued { .. } = self.requests.place(found) {
            self.requests.forget(found);
        }",
        )],
    ),
    Flaw::new(
        "F2",
        "a whole machine is counted as one proc",
        &[edit(
            "manager procs",
            "match demand {
            Demand::Procs(procs) => procs.get(),
            Demand::Machine => self.config.machine_procs,
        }",
            "match demand {
            Demand::Procs(procs) => procs.get(),
            Demand::Machine => 1,
        }",
        )],
    ),
    Flaw::new(
        "F2",
        "a request of one proc too many is queued for ever",
        &[edit("manager submit", "procs > limit", "procs > limit + 1")],
    ),
    Flaw::new(
        "F4",
        "the need is not lowered by a loss",
        &[edit(
            "manager lose",
            "self.need -= u64::from(self.requests.forget(found));",
            "self.requests.forget(found);",
        )],
    ),
    Flaw::new(
        "F4",
        "the id of a finished request is remembered",
        &[edit(
            "requests forget_running",
            "self.places.remove(found);",
            "",
        )],
    ),
    Flaw::new(
        "F5",
        "the table of ids loses one when another leaves that stood before it",
        &[edit(
            "table close",
            "self.distance(at, entry.id) == 0",
            "self.distance(at, entry.id) <= 1",
        )],
    ),
    Flaw::new(
        "F5",
        "a new id is put before one that has come less far",
        &[edit(
            "table seek",
            "self.distance(at, other) < self.distance(at, id)",
            "self.distance(at, other) <= self.distance(at, id)",
        )],
    ),
    Flaw::new(
        "S5",
        "a new request passes those who wait when a machine is free",
        &[edit(
            "place vacancy",
            "self.requests.classes.rank(priority, procs)",
            "0",
        )],
    ),
    Flaw::new(
        "S6",
        "a cancel takes a neighbour out of the queue",
        &[edit("fifo leave", "spot % SPOTS", "spot % SPOTS ^ 1")],
    ),
    Flaw::new(
        "S6",
        "who is first in the queue is forgotten when a cancel empties a chunk before it",
        &[edit("fifo unlink", "fifo.head = next", "fifo.head = prev")],
    ),
    Flaw::new(
        "S3",
        "who is first in the queue is not looked up when the first class leaves",
        &[edit(
            "classes dismiss",
            "self.first = self.leftmost(self.root);",
            "",
        )],
    ),
    Flaw::new(
        "F11",
        "lost requests are told of from the newest grant on",
        &[edit(
            "manager lose",
            "self.machines.clear(slot)",
            "self.machines.clear(slot).into_iter().rev().collect::<Vec<_>>()",
        )],
    ),
    Flaw::new(
        "S5",
        "a new request takes the machine of the one before it",
        &[edit("ready at", "rank < ahead", "rank <= ahead")],
    ),
    Flaw::new(
        "S5",
        "a new request that has a machine's rank is not asked whether it fits",
        &[edit("ready at", "free < procs", "false")],
    ),
    Flaw::new(
        "F5",
        "who falls off the window of ids is forgotten",
        &[edit(
            "places insert_other",
            "near.advance(id, |id, cell| put(far, id, cell));",
            "near.advance(id, |_, _| ());",
        )],
    ),
    Flaw::new(
        "F5",
        "who is near when the window of ids begins anew is forgotten",
        &[edit(
            "places insert_other",
            "near.begin(id, |id, cell| put(far, id, cell));",
            "near.begin(id, |_, _| ());",
        )],
    ),
    Flaw::new(
        "F5",
        "an id in the table is not found any more when the window comes to it",
        &[edit(
            "places seek",
            "self.far.may_have(id)",
            "self.near.cell(id).is_none() && self.far.may_have(id)",
        )],
    ),
    Flaw::new(
        "F5",
        "the table's ids are said to end before the last of them",
        &[edit("places add", "last.max(id.0)", "last")],
    ),
    Flaw::new(
        "F4",
        "what runs on a machine is told of by seats, not by the order of the grants",
        &[edit("running sitting", "taken.sort_unstable();", "")],
    ),
    Flaw::new(
        "F4",
        "where those sit who were in a machine's list is not said",
        &[edit("manager done", "self.seat_anew(machine);", "")],
    )
    .shown_in(30),
    Flaw::new(
        "F4",
        "those on a machine are forgotten when one more runs than there are seats",
        &[edit(
            "running push_to_list",
            "list.extend(self.sitting(slot, seats).map(|(id, _)| id));",
            "",
        )],
    )
    .shown_in(20),
];
