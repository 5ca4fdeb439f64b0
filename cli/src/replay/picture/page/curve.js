// Figures over time, and how a time is found.

/** A list of times that grows. */
class Times {
  constructor() {
    this.count = 0;
    this.list = new Float64Array(16);
  }

  push(time) {
    if (this.count === this.list.length) {
      const longer = new Float64Array(this.count * 2);
      longer.set(this.list);
      this.list = longer;
    }
    this.list[this.count++] = time;
  }

  /** All that was pushed, in order; then it is empty. */
  drain() {
    const all = this.list.slice(0, this.count).sort();
    this.count = 0;
    return all;
  }
}

/** A figure that rises and falls by one: `time[i]` is when it becomes `value[i]`, and `high[i]` its highest since the begin. */
class Curve {
  constructor(begin) {
    this.begin = begin;
    this.count = 0;
    this.columns = new Columns({ time: Float64Array, value: Int32Array, high: Int32Array });
    this.columns.reserve(16, this);
    [this.rises, this.falls] = [new Times(), new Times()];
  }

  /** Counts what was told of rises and falls. */
  settle() {
    const rises = this.rises.drain(), falls = this.falls.drain();
    if (!rises.length && !falls.length) return;
    const first = Math.min(rises.length ? rises[0] : Infinity, falls.length ? falls[0] : Infinity);
    // What is not before the first of them is counted again.
    const kept = firstAfter(this.time, first, 0, this.count, true);
    const time = this.time.slice(kept, this.count);
    const by = this.value.slice(kept, this.count);
    let now = kept ? this.value[kept - 1] : 0;
    for (let at = by.length - 1; at >= 0; at--) by[at] -= at ? by[at - 1] : now;
    this.columns.reserve(this.count + rises.length + falls.length, this);
    this.count = kept;
    let old = 0, rise = 0, fall = 0;
    for (;;) {
      const at = Math.min(old < time.length ? time[old] : Infinity, rise < rises.length ? rises[rise] : Infinity, fall < falls.length ? falls[fall] : Infinity);
      if (at === Infinity) break;
      for (; old < time.length && time[old] === at; old++) now += by[old];
      for (; rise < rises.length && rises[rise] === at; rise++) now++;
      for (; fall < falls.length && falls[fall] === at; fall++) now--;
      const before = this.count && at > this.begin ? this.high[this.count - 1] : 0;
      this.time[this.count] = at;
      this.value[this.count] = now;
      this.high[this.count++] = Math.max(before, now);
    }
  }

  /** The highest since the begin. */
  get peak() {
    return this.count ? this.high[this.count - 1] : 0;
  }

  /** The value at a time. */
  at(time) {
    const at = firstAfter(this.time, time, 0, this.count);
    return at ? this.value[at - 1] : 0;
  }
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
