// Where we look: a span of time, how high a lane is, how far the lanes are scrolled; and what stands in the page's address.

const GUTTER = 136, AXIS = 26, QUEUE = 78, MACHINES = 80, OVERVIEW = 46, RIGHT = 10, PADDING = 4;

class View {
  constructor(run) {
    this.run = run;
    this.width = this.height = 0;
    this.fit();
  }

  /** The whole run, all machines. */
  fit() {
    const run = this.run;
    this.from = run.begin;
    this.to = run.end;
    this.laneHeight = 0; // as fits
    this.scroll = 0;
    this.clamp();
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
    this.clamp();
  }

  get left() {
    return GUTTER;
  }

  get right() {
    return Math.max(GUTTER + 1, this.width - RIGHT);
  }

  get lanesTop() {
    return AXIS + QUEUE + MACHINES;
  }

  /** Where the first lane begins. */
  get lanesStart() {
    return this.lanesTop + PADDING;
  }

  get lanesBottom() {
    return Math.max(this.lanesTop + 1, this.height - OVERVIEW);
  }

  /** The height at which all lanes are seen. */
  get fitting() {
    const most = Math.max(30, Math.min(150, this.run.mostProcs * 18));
    return Math.min(most, (this.lanesBottom - this.lanesTop - 2 * PADDING) / Math.max(1, this.run.lanes));
  }

  clamp() {
    const { begin, end } = this.run;
    const least = Math.max(100, end * 1e-12); // ns, as far as its numbers tell them apart
    let span = Math.max(least, Math.min(this.to - this.from, end - begin));
    if (!Number.isFinite(span)) span = end - begin;
    this.from = Math.max(begin, Math.min(this.from, end - span));
    this.to = this.from + span;
    this.tall = this.laneHeight ? Math.max(this.fitting, Math.min(this.laneHeight, 400)) : this.fitting;
    const most = Math.max(0, this.run.lanes * this.tall - (this.lanesBottom - this.lanesTop - 2 * PADDING));
    this.scroll = Math.max(0, Math.min(this.scroll, most));
    this.seenEnd = end;
  }

  /** The run has become longer: a view of all of it stays one, and one that reaches to its end moves with it. */
  lengthen() {
    const { begin, end } = this.run;
    if (this.to >= this.seenEnd) {
      if (this.from > begin) this.from += end - this.seenEnd;
      this.to = end;
    }
    this.clamp();
  }

  x(time) {
    return this.left + ((time - this.from) / (this.to - this.from)) * (this.right - this.left);
  }

  time(x) {
    return this.from + ((x - this.left) / (this.right - this.left)) * (this.to - this.from);
  }

  laneTop(lane) {
    return this.lanesStart + lane * this.tall - this.scroll;
  }

  /** The lane at a height; -1: none. */
  laneAt(y) {
    if (y < this.lanesStart || y >= this.lanesBottom) return -1;
    const lane = Math.floor((y - this.lanesStart + this.scroll) / this.tall);
    return lane < this.run.lanes ? lane : -1;
  }

  /** Zooms by a factor; what is at `x` stays there. */
  zoom(factor, x = (this.left + this.right) / 2) {
    const at = this.time(Math.max(this.left, Math.min(x, this.right)));
    this.from = at - (at - this.from) * factor;
    this.to = at + (this.to - at) * factor;
    this.clamp();
  }

  /** Moves by pixels. */
  move(x, y) {
    const by = (x / (this.right - this.left)) * (this.to - this.from);
    this.from += by;
    this.to += by;
    this.scroll += y;
    this.clamp();
  }

  /** Higher or lower lanes; what is at `y` stays there. */
  grow(factor, y = (this.lanesTop + this.lanesBottom) / 2) {
    const at = (y - this.lanesStart + this.scroll) / this.tall;
    this.laneHeight = this.tall * factor;
    this.clamp();
    if (this.tall <= this.fitting) this.laneHeight = 0;
    this.scroll = at * this.tall - (y - this.lanesStart);
    this.clamp();
  }

  show(from, to) {
    [this.from, this.to] = [from, to];
    this.clamp();
  }

  /** Brings a lane to the middle, high enough to be read. */
  showLane(lane, least = 22) {
    if (this.tall < least) this.laneHeight = least;
    this.clamp();
    this.scroll = (lane + 0.5) * this.tall - (this.lanesBottom - this.lanesTop) / 2;
    this.clamp();
  }

  get isWhole() {
    return this.from <= this.run.begin && this.to >= this.run.end;
  }

  /** What the address says of it: seconds of the run's clock, and the first lane with the height of each. */
  hash() {
    const parts = [];
    const seconds = (time) => ((this.run.words.base + time) / 1e9).toPrecision(15).replace(/\.?0+$/, "");
    if (!this.isWhole) parts.push(`from=${seconds(this.from)}`, `to=${seconds(this.to)}`);
    if (this.laneHeight) parts.push(`lane=${(this.scroll / this.tall).toFixed(1)}`, `high=${this.tall.toFixed(1)}`);
    return parts.join("&");
  }

  /** Looks where an address says. */
  read(params) {
    const number = (name) => (params.has(name) ? Number(params.get(name)) : NaN);
    const [from, to] = ["from", "to"].map((name) => number(name) * 1e9 - this.run.words.base);
    if (Number.isFinite(from)) this.from = from;
    if (Number.isFinite(to)) this.to = to;
    if (number("high") > 0) this.laneHeight = number("high");
    this.clamp();
    if (number("lane") >= 0) this.scroll = number("lane") * this.tall;
    this.clamp();
  }
}

const UNITS = [[86400e9, "d"], [3600e9, "h"], [60e9, "m"], [1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];

/** A span such as 1m 30s, 1.5 s, 250 ms, of about so many digits. */
function span(nanos, digits = 4) {
  if (!Number.isFinite(nanos)) return "–";
  const size = Math.abs(nanos);
  if (size === 0) return "0 s";
  if (size >= 60e9) {
    const at = UNITS.findIndex(([unit]) => size >= unit);
    const [unit, name] = UNITS[at];
    const [less, nameOfLess] = UNITS[at + 1];
    const rest = Math.floor((size % unit) / less);
    return `${nanos < 0 ? "−" : ""}${Math.floor(size / unit)}${name}${rest ? ` ${rest}${nameOfLess}` : ""}`;
  }
  const [unit, name] = UNITS.find(([unit]) => size >= unit) || [1, "ns"];
  return `${Number((nanos / unit).toPrecision(digits))} ${name}`;
}

const STEPS = [1, 2, 5].map((it) => it * 60e9).concat([10, 20, 30].map((it) => it * 60e9), [1, 2, 6, 12].map((it) => it * 3600e9));

/** The distance of ticks that are at least so many nanoseconds apart. */
function tickStep(least) {
  if (least >= 60e9 / 2) {
    const found = STEPS.find((it) => it >= least);
    if (found) return found;
    const days = Math.pow(10, Math.floor(Math.log10(least / 86400e9)));
    return 86400e9 * Math.max(1, days * ([1, 2, 5, 10].find((it) => it * days * 86400e9 >= least) || 10));
  }
  if (least > 20e9) return 30e9;
  const size = Math.pow(10, Math.floor(Math.log10(Math.max(1, least))));
  return size * ([1, 2, 5, 10].find((it) => it * size >= least) || 10);
}

/** A time of the clock, to the precision of a step. */
function clock(nanos, step) {
  const digits = Math.max(0, Math.min(9, Math.ceil(9 - Math.log10(step) - 1e-9)));
  let rest = Math.abs(nanos) / 1e9;
  if (Math.abs(nanos) < 1 && step >= 1e9) return "0 s";
  if (rest < 60 || step < 1e6) return `${(nanos / 1e9).toFixed(digits)} s`;
  const parts = [];
  for (const [unit, name] of [[86400, "d"], [3600, "h"], [60, "m"]]) {
    const count = Math.floor(rest / unit + 1e-9);
    rest = Math.max(0, rest - count * unit);
    if (count) parts.push(`${count}${name}`);
  }
  if (step < 60e9 && (rest > 0 || digits)) parts.push(`${rest.toFixed(digits)}s`);
  return parts.join(" ");
}

/** A number with its thousands apart. */
function count(number) {
  return Number(number).toLocaleString("en");
}
