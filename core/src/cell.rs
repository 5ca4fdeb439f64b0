//! Where a request is, and how that is written down: in four bytes if it fits, as for all but the largest clusters, or in eight.

/// The bits of a seat on a machine, at the most.
const SEAT: u32 = 4;

/// Seats on a machine are below this.
pub(crate) const SEATS: u32 = 1 << SEAT;

/// How many bits say which seat it is, on machines of so many procs: they have a seat for each, up to sixteen.
pub(crate) fn seat_bits(machine_procs: u32) -> u32 {
    machine_procs
        .min(SEATS)
        .next_power_of_two()
        .trailing_zeros()
}

/// Where a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In the queue, in this spot.
    Queued { spot: u32 },
    /// On this machine, in this seat, with so many procs.
    Running { machine: u32, seat: u32, procs: u32 },
}

/// A place in four bytes: the highest bit says whether it is in the queue. Then the spot there follows, or the machine, the
/// seat, and the procs, less one, in as many bits as those of a machine need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cell(pub(crate) u32);

const QUEUED: u32 = 1 << 31;

impl Cell {
    pub(crate) const NOWHERE: Cell = Cell(u32::MAX);

    #[inline]
    pub(crate) fn is_nowhere(self) -> bool {
        self == Cell::NOWHERE
    }

    /// Whether it is that of one who runs.
    #[inline]
    pub(crate) fn is_running(self) -> bool {
        self.0 < QUEUED
    }
}

/// How places are written into cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// The procs, less one, are at most this.
    most: u32,
    /// The bits of the procs, which the seat's follow.
    seat_shift: u32,
    /// Those of both, which the machine's follow.
    machine_shift: u32,
}

impl Layout {
    /// For machines of so many procs, which are one to 65,536.
    pub(crate) fn new(machine_procs: u32) -> Layout {
        let values = machine_procs.next_power_of_two();
        let seat_shift = values.trailing_zeros();
        Layout {
            most: values - 1,
            seat_shift,
            machine_shift: seat_shift + seat_bits(machine_procs),
        }
    }

    /// The cell of a place; none, if it does not fit.
    #[inline]
    pub(crate) fn pack(self, place: Place) -> Option<Cell> {
        match place {
            // All ones are nowhere.
            Place::Queued { spot } => (spot < !QUEUED).then_some(Cell(QUEUED | spot)),
            Place::Running {
                machine,
                seat,
                procs,
            } => {
                let procs = procs.wrapping_sub(1);
                let fits = machine < QUEUED >> self.machine_shift && procs <= self.most;
                let bits = machine << self.machine_shift | seat << self.seat_shift | procs;
                fits.then_some(Cell(bits))
            }
        }
    }

    /// The place in a cell that is somewhere.
    #[inline]
    pub(crate) fn unpack(self, cell: Cell) -> Place {
        if !cell.is_running() {
            let spot = cell.0 & !QUEUED;
            return Place::Queued { spot };
        }
        let (machine, procs) = (self.machine(cell), self.procs(cell));
        // Without the machine, to which its bits are next.
        let seat = (cell.0 ^ machine << self.machine_shift) >> self.seat_shift;
        Place::Running {
            machine,
            seat,
            procs,
        }
    }

    /// The machine of one who runs.
    #[inline]
    pub(crate) fn machine(self, Cell(bits): Cell) -> u32 {
        bits >> self.machine_shift
    }

    /// The machine and the seat of one who runs, in one number.
    #[inline]
    pub(crate) fn machine_and_seat(self, Cell(bits): Cell) -> usize {
        (bits >> self.seat_shift) as usize
    }

    /// The procs of one who runs.
    #[inline]
    pub(crate) fn procs(self, Cell(bits): Cell) -> u32 {
        (bits & self.most) + 1
    }
}

/// Any place, in eight bytes: the same, without limits that it could meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Packed(pub(crate) u64);

/// The bits of procs.
const PROCS: u32 = 30;

impl Packed {
    pub(crate) const NOWHERE: Packed = Packed(u64::MAX);

    pub(crate) fn is_nowhere(self) -> bool {
        self == Packed::NOWHERE
    }
}

impl From<Place> for Packed {
    /// There are at most [`MAX_RECORDS`](crate::list::MAX_RECORDS) machines, which are fewer than the 29 bits left can say.
    fn from(place: Place) -> Packed {
        match place {
            Place::Queued { spot } => Packed(u64::from(spot)),
            Place::Running {
                machine,
                seat,
                procs,
            } => {
                let machine = u64::from(machine) << SEAT | u64::from(seat);
                Packed(1 << 63 | machine << PROCS | u64::from(procs))
            }
        }
    }
}

impl From<Packed> for Place {
    fn from(Packed(bits): Packed) -> Place {
        // Each of these is cut out of the bits that it was put into.
        if bits >> 63 == 0 {
            return Place::Queued { spot: bits as u32 };
        }
        let on = (bits & !(1 << 63)) >> PROCS;
        Place::Running {
            machine: (on >> SEAT) as u32,
            seat: on as u32 & (SEATS - 1),
            procs: bits as u32 & ((1 << PROCS) - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Layout, Packed, Place, SEATS};

    fn running(machine: u32, seat: u32, procs: u32) -> Place {
        Place::Running {
            machine,
            seat,
            procs,
        }
    }

    #[test]
    fn what_fits_into_a_cell_comes_out_again() {
        for (most, machines) in [
            (1, 1 << 31),
            (2, 1 << 29),
            (3, 1 << 27),
            (9, 1 << 23),
            (16, 1 << 23),
            (17, 1 << 22),
            (65_536, 1 << 11),
        ] {
            let layout = Layout::new(most);
            let comes_back = |place| {
                let cell = layout.pack(place).filter(|cell| !cell.is_nowhere());
                cell.is_some_and(|cell| layout.unpack(cell) == place)
            };
            for machine in [0, 1, machines / 2, machines - 1] {
                for seat in [0, most.min(SEATS) / 2, most.min(SEATS) - 1] {
                    for procs in [1, most / 2 + 1, most] {
                        assert!(comes_back(running(machine, seat, procs)));
                    }
                }
            }
            assert_eq!(layout.pack(running(machines, 0, 1)), None);
            assert_eq!(layout.pack(running(0, 0, 0)), None);
            assert_eq!(layout.pack(running(0, 0, 2 * most)), None);
            for spot in [0, 1, (1 << 31) - 2] {
                assert!(comes_back(Place::Queued { spot }));
            }
            assert_eq!(
                layout.pack(Place::Queued {
                    spot: (1 << 31) - 1
                }),
                None
            );
        }
    }

    #[test]
    fn eight_bytes_hold_any_place() {
        let machines = crate::list::MAX_RECORDS;
        let on_machines = [0, 1, machines - 1].map(|n| running(n, n % SEATS, n % 65_536));
        let queued = [0, 1, u32::MAX].map(|spot| Place::Queued { spot });
        for place in on_machines.into_iter().chain(queued) {
            let packed = Packed::from(place);
            assert!(!packed.is_nowhere());
            assert_eq!(Place::from(packed), place);
        }
    }

    #[test]
    fn a_cell_is_four_bytes() {
        assert_eq!((size_of::<Cell>(), size_of::<Packed>()), (4, 8));
    }
}
