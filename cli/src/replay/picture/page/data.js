"use strict";
// What the page carries, read into tables: a number of each kind for a machine, a grant, a request that was never granted.
// All times are nanoseconds after `words.base`.

/** The bytes that a text in base64 stands for. */
function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

/** Reads varints one after the other. */
class Numbers {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  /** A whole number; exact up to 2^53, and close beyond. */
  next() {
    const bytes = this.bytes;
    let byte = bytes[this.at++];
    if (byte < 128) return byte;
    let value = byte & 127;
    let scale = 128;
    do {
      byte = bytes[this.at++];
      if (byte === undefined) throw new Error("its numbers are cut");
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte >= 128);
    return value;
  }

  /** A whole number with a sign. */
  signed() {
    const value = this.next();
    return value % 2 ? -(value + 1) / 2 : value / 2;
  }

  /** The same, of 64 bits, exact. */
  wide() {
    let value = 0n;
    let shift = 0n;
    let byte;
    do {
      byte = this.bytes[this.at++];
      value |= BigInt(byte & 127) << shift;
      shift += 7n;
    } while (byte >= 128);
    return value & 1n ? -((value + 1n) >> 1n) : value >> 1n;
  }
}

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

/** All tables of a run. */
function readRun(words, bytes) {
  const numbers = new Numbers(bytes);
  const lanes = numbers.next();
  const count = numbers.next();
  const ids = (n) => (words.wide ? new BigUint64Array(n) : new Float64Array(n));
  const run = {
    words,
    begin: words.begin,
    end: Math.max(words.end, words.begin + Math.max(1000, words.begin * 1e-9)),
    mostProcs: words.procs,
    lanes,
    id: new Float64Array(lanes),
    joined: new Uint8Array(lanes), // 1: it was not asked for
    kind: new Uint8Array(lanes),
    procs: new Float64Array(lanes), // that it offers
    offer: new Array(lanes), // all amounts
    ending: new Uint8Array(lanes),
    asked: new Float64Array(lanes),
    up: new Float64Array(lanes), // NaN: never
    gone: new Float64Array(lanes), // the end of the run if it is still there
    first: new Uint32Array(lanes + 1), // of its grants
    probations: Array.from({ length: lanes }, () => NONE),
    drains: Array.from({ length: lanes }, () => NONE),
    told: new Float64Array(lanes).fill(NaN), // when it was told to stop, by choice
    reason: new Uint8Array(lanes),
    name: new Array(lanes).fill(""),
    remark: new Array(lanes).fill(""),
    count,
    lane: new Uint32Array(count),
    request: ids(count),
    from: new Float64Array(count),
    to: new Float64Array(count),
    reach: new Float64Array(count), // the latest end of the grants of its lane up to this
    wait: new Float64Array(count), // NaN: not known
    rank: new Uint32Array(count),
    fate: new Uint8Array(count),
    slot: new Uint32Array(count),
    size: new Uint32Array(count), // procs from that slot on
    taken: Array.from({ length: words.amounts - 1 }, () => new Float64Array(count)), // of the second amount, the third, …
    slots: new Map(), // all [slot, size] of those that are not side by side
  };
  const request = requests(numbers, words.wide);
  let id = 0;
  let grant = 0;
  for (let lane = 0; lane < lanes; lane++) {
    id += numbers.signed();
    grant = readLane(run, numbers, lane, id, grant, request);
  }
  run.first[lanes] = grant;
  for (const [lane, name, remark] of words.said) {
    run.name[lane] = name;
    run.remark[lane] = remark;
  }
  run.waiters = readWaiters(run, numbers, ids, request);
  run.queue = queueCurve(run);
  run.machines = machineCurves(run);
  return run;
}

const NONE = [];

/** Reads ids of requests, each relative to the last. */
function requests(numbers, wide) {
  let last;
  return {
    restart() {
      last = wide ? 0n : 0;
    },
    next() {
      last = wide ? BigInt.asUintN(64, last + numbers.wide()) : last + numbers.signed();
      return last;
    },
  };
}

function readLane(run, numbers, lane, id, grant, request) {
  run.id[lane] = id;
  const kind = numbers.next();
  run.kind[lane] = kind >> 1;
  run.joined[lane] = kind & 1;
  run.offer[lane] = Array.from({ length: run.words.amounts }, () => numbers.next());
  run.procs[lane] = Math.max(1, run.offer[lane][0]);
  run.ending[lane] = numbers.next();
  const asked = (run.asked[lane] = numbers.next());
  const up = numbers.next();
  run.up[lane] = up ? asked + up - 1 : NaN;
  run.gone[lane] = run.ending[lane] ? asked + numbers.next() : run.end;
  for (const spans of [run.probations, run.drains]) {
    for (let left = numbers.next(); left > 0; left--) {
      const from = asked + numbers.next();
      const length = numbers.next();
      if (spans[lane] === NONE) spans[lane] = [];
      spans[lane].push([from, length ? from + length - 1 : run.gone[lane]]);
    }
  }
  run.reason[lane] = numbers.next();
  if (run.reason[lane]) run.told[lane] = asked + numbers.next();
  run.first[lane] = grant;
  request.restart();
  let from = asked;
  let reach = 0;
  for (let left = numbers.next(); left > 0; left--, grant++) {
    run.lane[grant] = lane;
    run.request[grant] = request.next();
    from += numbers.next();
    run.from[grant] = from;
    const kind = numbers.next();
    run.fate[grant] = kind % 8;
    run.rank[grant] = Math.floor(kind / 8);
    const wait = numbers.next();
    run.wait[grant] = wait ? wait - 1 : NaN;
    run.to[grant] = run.fate[grant] ? from + numbers.next() : run.end;
    reach = Math.max(reach, run.to[grant]);
    run.reach[grant] = reach;
    if (run.taken.length) numbers.next(); // its procs, which the slots tell too
    for (const taken of run.taken) taken[grant] = numbers.next();
    let slot = numbers.next();
    run.slot[grant] = slot >> 1;
    run.size[grant] = numbers.next();
    if (slot & 1) {
      const slots = [[run.slot[grant], run.size[grant]]];
      while (slot & 1) {
        slot = numbers.next();
        slots.push([slot >> 1, numbers.next()]);
      }
      run.slots.set(grant, slots);
    }
  }
  return grant;
}

function readWaiters(run, numbers, ids, request) {
  const count = numbers.next();
  const waiters = { count, request: ids(count), from: new Float64Array(count), to: new Float64Array(count), over: new Uint8Array(count), rank: new Uint32Array(count) };
  request.restart();
  let from = 0;
  for (let at = 0; at < count; at++) {
    waiters.request[at] = request.next();
    from += numbers.next();
    waiters.from[at] = from;
    const length = numbers.next();
    waiters.over[at] = length ? 1 : 0;
    waiters.to[at] = length ? from + length - 1 : Infinity;
    waiters.rank[at] = numbers.next();
  }
  return waiters;
}

/** A figure that rises and falls by one at these times: `time[i]` is when it becomes `value[i]`. */
function curve(rises, falls) {
  rises.sort();
  falls.sort();
  const time = new Float64Array(rises.length + falls.length);
  const value = new Int32Array(time.length);
  let rise = 0, fall = 0, now = 0, count = 0;
  while (rise < rises.length || fall < falls.length) {
    const at = Math.min(rise < rises.length ? rises[rise] : Infinity, fall < falls.length ? falls[fall] : Infinity);
    if (at === Infinity) break;
    for (; rise < rises.length && rises[rise] === at; rise++) now++;
    for (; fall < falls.length && falls[fall] === at; fall++) now--;
    time[count] = at;
    value[count++] = now;
  }
  return { time: time.subarray(0, count), value: value.subarray(0, count) };
}

function queueCurve(run) {
  const { count, wait, from, waiters } = run;
  const rises = new Float64Array(count + waiters.count);
  const falls = new Float64Array(count + waiters.count);
  let queued = 0;
  for (let at = 0; at < count; at++) {
    // Of requests that came before the recording no wait is known: those that ran already are left out.
    if (Number.isNaN(wait[at]) && from[at] === 0) continue;
    rises[queued] = Number.isNaN(wait[at]) ? 0 : from[at] - wait[at];
    falls[queued++] = from[at];
  }
  rises.set(waiters.from, queued);
  falls.set(waiters.to, queued);
  queued += waiters.count;
  const found = curve(rises.slice(0, queued), falls.slice(0, queued));
  // The longest in the part that is drawn.
  const first = firstAfter(found.time, run.begin);
  found.peak = found.value.slice(first, firstAfter(found.time, run.end)).reduce((most, it) => Math.max(most, it), first ? found.value[first - 1] : 0);
  return found;
}

function machineCurves(run) {
  const all = [[], []], pending = [[], []], ok = [[], []], probation = [[], []];
  for (let lane = 0; lane < run.lanes; lane++) {
    const never = Number.isNaN(run.up[lane]);
    const gone = run.ending[lane] ? run.gone[lane] : Infinity;
    all[0].push(run.asked[lane]);
    all[1].push(gone);
    pending[0].push(run.asked[lane]);
    pending[1].push(never ? gone : run.up[lane]);
    if (never) continue;
    ok[0].push(run.up[lane]);
    ok[1].push(gone);
    for (const [from, to] of run.probations[lane]) {
      probation[0].push(from);
      probation[1].push(to);
    }
  }
  const of = ([rises, falls]) => curve(Float64Array.from(rises), Float64Array.from(falls));
  return { all: of(all), pending: of(pending), service: of(ok), probation: of(probation) };
}

/** The first index of `list` in [low, high) whose value is more than `than`, or not less where `same` is set. */
function firstAfter(list, than, low = 0, high = list.length, same = false) {
  while (low < high) {
    const middle = (low + high) >> 1;
    if (same ? list[middle] < than : list[middle] <= than) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The value of a curve at a time. */
function valueAt(curve, time) {
  const at = firstAfter(curve.time, time);
  return at ? curve.value[at - 1] : 0;
}
