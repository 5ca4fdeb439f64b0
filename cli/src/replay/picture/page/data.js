// The tables of a run: a row of numbers for each machine, and for each request. What a message says of new ones is added, and
// of those that are there put in their place; a page in a file carries one message, and one that is live is sent more.
// All times are nanoseconds after `words.base`; Infinity is the end of what has not ended.

const ENDINGS = ["in service", "lost: it stopped", "lost: it was silent", "ended by the shutdown", "failed to start", "ended, as it was told to"];
const STOPPED = 1, SILENT = 2, START_FAILED = 4, TOLD = 5;
const REASONS = ["", "it was idle", "it had drained", "it was still pending and not wanted any more"];
const IDLE = 1;
const FATES = ["still running", "ok", "remote error", "unreachable", "unused", "lost with its machine", "cancelled"];
const REMOTE = 2, UNREACHABLE = 3, LOST = 5;

/** The name of a machine by its id. */
function idOf(run, lane) {
  return `${run.joined[lane] ? "j" : "m"}${run.id[lane]}`;
}

/** Amounts up to the last that is not zero: 8/32768. */
function amountsText(amounts) {
  let last = amounts.length;
  while (last > 1 && !amounts[last - 1]) last--;
  return amounts.slice(0, last).join("/");
}

const NOWHERE = 0xffffffff; // the lane of a request that has no machine
const ABSENT = 0, WAITS = 1, RUNS = 2, OVER = 3;
const NONE = [];

const OF_LANE = {
  id: Float64Array,
  joined: Uint8Array, // 1: it was not asked for
  kind: Uint8Array,
  procs: Float64Array, // that it offers
  ending: Uint8Array,
  asked: Float64Array,
  up: Float64Array, // NaN: never
  gone: Float64Array,
  told: Float64Array, // when it was told to stop, by choice
  reason: Uint8Array,
};
const OF_REQUEST = {
  state: Uint8Array,
  request: Float64Array, // its id
  rank: Uint32Array, // its priority: the place in `priorities`
  fate: Uint8Array,
  lane: Uint32Array,
  nth: Uint32Array, // its place in the list of its lane
  from: Float64Array, // of its grant; of what has no machine, when it was submitted
  to: Float64Array,
  wait: Float64Array, // NaN: not known
  slot: Uint32Array,
  size: Uint32Array, // procs from that slot on
};

/** The grants of a lane, by when they began: their rows, and the latest end up to each. */
class Grants {
  constructor() {
    this.count = 0;
    this.columns = new Columns({ rows: Uint32Array, from: Float64Array, reach: Float64Array });
  }

  push(row, from) {
    this.columns.reserve(this.count + 1, this);
    this.rows[this.count] = row;
    this.from[this.count] = from;
    return this.count++;
  }

  /** Works out again how far they reach, from the one on that has changed. */
  extend(nth, to) {
    for (let at = nth; at < this.count; at++) {
      const reach = Math.max(at ? this.reach[at - 1] : 0, to[this.rows[at]]);
      if (reach === this.reach[at]) return;
      this.reach[at] = reach;
    }
  }
}

/** The column of a wait: from a tenth of a millisecond on, three a power of ten. */
function columnOf(wait) {
  return Math.max(0, Math.floor(Math.log10(Math.max(1, wait)) * 3) - 11);
}

class Run {
  // The columns, by their names: what is added to an object by other means is found slowly.
  id; joined; kind; procs; ending; asked; up; gone; told; reason;
  state; request; rank; fate; lane; nth; from; to; wait; slot; size;

  /** Forgets all, and takes in a first message. */
  reset(message, bytes) {
    const words = (this.words = { ...message });
    for (const part of ["priorities", "said", "jobs", "numbers"]) delete words[part];
    this.begin = words.begin;
    this.isLive = Boolean(words.live); // or in a file
    this.lanes = this.count = 0;
    this.ofLanes = new Columns(OF_LANE);
    const amounts = Array.from({ length: words.amounts - 1 }, (_, nth) => [`taken${nth}`, Float64Array]);
    this.ofRequests = new Columns({ ...OF_REQUEST, ...Object.fromEntries(amounts), ...(words.wide && { request: BigUint64Array }) });
    this.reserve(1, 1);
    [this.offer, this.probations, this.drains, this.name, this.remark, this.grants] = [[], [], [], [], [], []];
    this.mostProcs = 1;
    this.job = []; // names of requests
    this.slots = new Map(); // all [slot, size] of those that are not side by side
    [this.priorities, this.ranks] = [[], []];
    this.waiting = new Map(); // rows of those that wait, by priority
    this.waits = this.runs = 0; // so many
    this.lost = []; // lanes
    this.waited = new Map(); // how many waited how long: by column, then by priority
    this.isOver = false;
    const curve = () => new Curve(words.begin);
    this.queue = curve();
    this.machines = { all: curve(), pending: curve(), service: curve(), probation: curve() };
    this.take(message, bytes);
  }

  /** Whether a first message is of the run that we have: then everything has its place as before. */
  is({ file, head, base }) {
    const { words } = this;
    return Boolean(words) && JSON.stringify([file, head, base]) === JSON.stringify([words.file, words.head, words.base]);
  }

  /** Takes in what has changed. */
  take(message, bytes) {
    const { words } = this;
    for (const part of ["end", "summary", "permille"]) if (part in message) words[part] = message[part];
    this.isOver = Boolean(message.over);
    // Something can be seen of a run that has just begun.
    this.end = Math.max(words.end, words.begin + Math.max(this.isLive ? 1e9 : 1000, words.begin * 1e-9));
    this.addPriorities(message.priorities || NONE);
    const numbers = new Numbers(bytes);
    let lane = 0, id = 0;
    for (let left = numbers.next(); left > 0; left--, lane++) {
      lane += numbers.next();
      id += numbers.signed();
      this.takeLane(numbers, lane, id);
    }
    const jobs = message.jobs ? message.jobs.split("\n") : NONE;
    const named = this.takeRequests(numbers, false, jobs, 0);
    this.takeRequests(numbers, true, jobs, named);
    for (const [at, name, remark] of message.said || NONE) [this.name[at], this.remark[at]] = [name, remark];
    for (const curve of [this.queue, ...Object.values(this.machines)]) curve.settle();
  }

  reserve(lanes, requests) {
    this.ofLanes.reserve(lanes, this);
    if (this.ofRequests.reserve(requests, this)) this.taken = Array.from({ length: this.words.amounts - 1 }, (_, nth) => this[`taken${nth}`]);
  }

  /** Priorities come in any order: their ranks say which is the most urgent. */
  addPriorities(names) {
    if (!names.length) return;
    this.priorities.push(...names);
    const values = this.priorities.map((name) => BigInt(name));
    const order = values.map((_, at) => at).sort((a, b) => (values[a] < values[b] ? -1 : values[a] > values[b] ? 1 : 0));
    order.forEach((at, rank) => (this.ranks[at] = rank));
  }

  takeLane(numbers, lane, id) {
    const isNew = lane >= this.lanes;
    if (isNew) {
      this.lanes = lane + 1;
      this.reserve(this.lanes, 0);
      [this.name[lane], this.remark[lane], this.grants[lane]] = ["", "", new Grants()];
      [this.probations[lane], this.drains[lane]] = [NONE, NONE];
      this.up[lane] = NaN;
    }
    const [wasUp, wasGone, probations] = [!Number.isNaN(this.up[lane]), this.ending[lane] > 0, this.probations[lane]];
    this.id[lane] = id;
    const kind = numbers.next();
    this.kind[lane] = kind >> 1;
    this.joined[lane] = kind & 1;
    this.offer[lane] = Array.from({ length: this.words.amounts }, () => numbers.next());
    this.procs[lane] = Math.max(1, this.offer[lane][0]);
    this.mostProcs = Math.max(this.mostProcs, this.procs[lane]);
    this.ending[lane] = numbers.next();
    const asked = (this.asked[lane] = numbers.next());
    const up = numbers.next();
    this.up[lane] = up ? asked + up - 1 : NaN;
    this.gone[lane] = this.ending[lane] ? asked + numbers.next() : Infinity;
    for (const spans of [this.probations, this.drains]) {
      spans[lane] = NONE;
      for (let left = numbers.next(); left > 0; left--) {
        const from = asked + numbers.next();
        const length = numbers.next();
        if (spans[lane] === NONE) spans[lane] = [];
        spans[lane].push([from, length ? from + length - 1 : this.gone[lane]]);
      }
    }
    this.reason[lane] = numbers.next();
    this.told[lane] = this.reason[lane] ? asked + numbers.next() : NaN;
    this.countLane(lane, isNew, wasUp, wasGone, probations);
  }

  /** What a machine that has changed does to the curves. */
  countLane(lane, isNew, wasUp, wasGone, before) {
    const { all, pending, service, probation } = this.machines;
    const isUp = !Number.isNaN(this.up[lane]);
    if (isNew) for (const curve of [all, pending]) curve.rises.push(this.asked[lane]);
    if (isUp && !wasUp) {
      pending.falls.push(this.up[lane]);
      service.rises.push(this.up[lane]);
    }
    if (this.ending[lane] && !wasGone) {
      for (const curve of [all, isUp ? service : pending]) curve.falls.push(this.gone[lane]);
      if (this.ending[lane] === STOPPED || this.ending[lane] === SILENT) this.lost.push(lane);
    }
    this.probations[lane].forEach(([from, to], nth) => {
      if (nth >= before.length) probation.rises.push(from);
      if (to !== Infinity && (nth >= before.length || before[nth][1] === Infinity)) probation.falls.push(to);
    });
  }

  /** Requests, with a machine or without; gives the place of the next name. */
  takeRequests(numbers, granted, jobs, named) {
    const ids = new Ids(numbers, this.words.wide);
    let row = 0, from = 0, lane = 0;
    for (let left = numbers.next(); left > 0; left--, row++, named++) {
      row += numbers.signed();
      if (row >= this.count) {
        this.count = row + 1;
        this.reserve(0, this.count);
      }
      const before = this.state[row];
      this.request[row] = ids.next();
      const kind = numbers.next();
      this.rank[row] = Math.floor(kind / 8);
      this.fate[row] = kind % 8;
      from += numbers.next();
      this.from[row] = from;
      let wait = 0;
      if (granted) {
        lane += numbers.signed();
        wait = numbers.next();
      }
      this.lane[row] = granted ? lane : NOWHERE;
      this.wait[row] = wait ? wait - 1 : NaN;
      this.to[row] = this.fate[row] ? from + numbers.next() : Infinity;
      if (granted) this.takeSlots(numbers, row);
      if (jobs[named]) this.job[row] = jobs[named];
      this.state[row] = this.fate[row] ? OVER : granted ? RUNS : WAITS;
      if (granted) {
        if (before <= WAITS) this.nth[row] = this.grants[lane].push(row, from);
        this.grants[lane].extend(this.nth[row], this.to);
      }
      this.countRequest(row, before);
    }
    return named;
  }

  takeSlots(numbers, row) {
    if (this.taken.length) numbers.next(); // its procs, which the slots tell too
    for (const taken of this.taken) taken[row] = numbers.next();
    let slot = numbers.next();
    this.slot[row] = slot >> 1;
    this.size[row] = numbers.next();
    if (!(slot & 1)) return;
    const slots = [[this.slot[row], this.size[row]]];
    while (slot & 1) {
      slot = numbers.next();
      slots.push([slot >> 1, numbers.next()]);
    }
    this.slots.set(row, slots);
  }

  /** What a request that has changed does to the queue. */
  countRequest(row, before) {
    const [state, from, wait, rank] = [this.state[row], this.from[row], this.wait[row], this.rank[row]];
    const hasMachine = this.lane[row] !== NOWHERE;
    // Of requests that came before the recording no wait is known: those that ran already are left out.
    const came = !hasMachine ? from : !Number.isNaN(wait) ? from - wait : from === 0 ? NaN : 0;
    if (before === ABSENT && !Number.isNaN(came)) this.queue.rises.push(came);
    if (before <= WAITS && state !== WAITS && (before === WAITS || !Number.isNaN(came))) this.queue.falls.push(hasMachine ? from : this.to[row]);
    if (before === WAITS && state !== WAITS) {
      this.waits--;
      this.waiting.get(rank).delete(row);
      if (!this.waiting.get(rank).size) this.waiting.delete(rank);
    }
    if (before === ABSENT && state === WAITS) {
      this.waits++;
      if (!this.waiting.has(rank)) this.waiting.set(rank, new Set());
      this.waiting.get(rank).add(row);
    }
    this.runs += (state === RUNS) - (before === RUNS);
    // As the summary counts: requests that were granted in this part, and whose time of submission is known.
    if (before <= WAITS && hasMachine && !Number.isNaN(wait) && from >= this.begin) {
      const column = columnOf(wait);
      if (!this.waited.has(column)) this.waited.set(column, new Map());
      const counts = this.waited.get(column);
      counts.set(rank, (counts.get(rank) || 0) + 1);
    }
  }

  /** The rows of those that wait, the most urgent first; so many at most. */
  firstWaiting(most) {
    const rows = [];
    for (const rank of [...this.waiting.keys()].sort((a, b) => this.ranks[a] - this.ranks[b])) {
      for (const row of this.waiting.get(rank)) {
        if (rows.length === most) return rows;
        rows.push(row);
      }
    }
    return rows;
  }
}
