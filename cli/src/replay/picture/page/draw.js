// Draws what a view shows: axis, queue, machines, lanes, and a strip of the whole run. Lanes are drawn grant by grant; where
// those are narrower than a pixel by how much of the lane they take; and where lanes are lower than a few pixels as cells,
// each of several machines.

const LOW = 4; // pixels; lower lanes are drawn as cells
const CELL = 2; // pixels
const NARROW = 1.5; // pixels

/** The colours of the page, as they are now. */
function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ground", "surface", "sunk", "line", "text", "soft", "faint", "idle", "starting", "amber", "red", "rose", "queue", "ok"];
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  const found = Object.fromEntries(names.map((name) => [name, of(name)]));
  found.priorities = [0, 1, 2, 3, 4, 5].map((at) => of(`p${at}`));
  return found;
}

function rgb(colour) {
  const number = parseInt(colour.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

class Picture {
  constructor(run, canvas) {
    this.run = run;
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.cells = document.createElement("canvas");
    this.strip = null;
    this.recolour();
  }

  recolour() {
    this.colours = colours();
    this.hatches = { starting: this.hatch(this.colours.starting, 1), probation: this.hatch(this.colours.amber, 1.5) };
    this.strip = null;
  }

  hatch(colour, width) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    for (const at of [-4, 4, 12]) {
      pen.moveTo(at - 6, 6 + 4);
      pen.lineTo(at + 10, -6);
    }
    pen.stroke();
    return this.pen.createPattern(tile, "repeat");
  }

  colourOf(rank) {
    const { priorities } = this.colours;
    return priorities[Math.min(rank, priorities.length - 1)];
  }

  /** Draws all of it; tells how much of what was drawn. */
  draw(view, marks) {
    const { pen, canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = this.colours.surface;
    pen.fillRect(0, 0, view.width, view.height);
    pen.font = "11px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
    const drawn = { lanes: 0, bars: 0, lost: 0, lostRequests: 0, probations: 0, failed: 0, mode: view.tall < LOW ? "cells" : "bars" };
    this.axis(view);
    this.clip(view.left, view.lanesTop, view.right - view.left, view.lanesBottom - view.lanesTop, () => {
      if (drawn.mode === "cells") this.drawCells(view, drawn);
      else this.drawLanes(view, drawn);
      this.drawPicked(view, marks.picked, this.colours.text);
    });
    this.gutter(view);
    this.chart(view, AXIS, QUEUE, "Queue", [[this.run.queue, this.colours.queue, "requests"]]);
    const { service, probation, pending } = this.run.machines;
    this.chart(view, AXIS + QUEUE, MACHINES, "Machines", [[pending, this.colours.starting, "starting"], [service, this.colours.ok, "in service"], [probation, this.colours.amber, "on probation"]]);
    this.overview(view);
    this.pointer(view, marks);
    return drawn;
  }

  clip(x, y, width, height, draw) {
    const { pen } = this;
    pen.save();
    pen.beginPath();
    pen.rect(x, y, width, height);
    pen.clip();
    draw();
    pen.restore();
  }

  text(text, x, y, colour, align = "left") {
    this.pen.fillStyle = colour;
    this.pen.textAlign = align;
    this.pen.textBaseline = "middle";
    this.pen.fillText(text, x, y);
  }

  axis(view) {
    const { pen, colours, run } = this;
    const step = tickStep(((view.to - view.from) / (view.right - view.left)) * 96);
    const base = run.words.base;
    const first = Math.ceil((base + view.from) / step - 1e-9);
    for (let nth = first; nth * step <= base + view.to; nth++) {
      const x = view.x(nth * step - base);
      if (x > view.right + 0.5) break;
      pen.fillStyle = colours.line;
      pen.fillRect(Math.round(x), AXIS - 6, 1, view.lanesBottom - AXIS + 6);
      if (x < view.right - 24) this.text(clock(nth * step, step), x + 4, AXIS / 2, colours.soft);
    }
    pen.fillStyle = colours.line;
    for (const y of [AXIS, AXIS + QUEUE, view.lanesTop, view.lanesBottom]) pen.fillRect(0, y - 1, view.width, 1);
    pen.fillRect(view.left - 1, 0, 1, view.height);
    this.text(span(view.to - view.from), 12, AXIS / 2, colours.faint);
  }

  /** Figures over time, one on top of the other as areas, each column the highest of its time. */
  chart(view, top, height, title, curves) {
    const { pen, colours } = this;
    const columns = Math.ceil(view.right - view.left);
    const room = height - 22;
    const peaks = curves.map(([curve]) => this.columns(curve, view, columns));
    let most = 1;
    const isStacked = curves.length > 1;
    // Those in service have those on probation among them.
    for (let at = 0; at < columns; at++) most = Math.max(most, isStacked ? peaks[0].high[at] + peaks[1].high[at] : peaks[0].high[at]);
    const base = top + height - 2;
    const y = (value) => base - (value / most) * room;
    pen.fillStyle = colours.line;
    pen.fillRect(view.left, Math.round(y(most)), view.right - view.left, 1);
    const area = (of, colour, alpha) => {
      pen.globalAlpha = alpha;
      pen.fillStyle = colour;
      pen.beginPath();
      pen.moveTo(view.left, base);
      for (let at = 0; at < columns; at++) {
        pen.lineTo(view.left + at, y(of(at)));
        pen.lineTo(view.left + at + 1, y(of(at)));
      }
      pen.lineTo(view.left + columns, base);
      pen.fill();
      pen.globalAlpha = 1;
    };
    this.clip(view.left, top, view.right - view.left, height - 1, () => {
      if (isStacked) {
        const [pending, service, probation] = peaks;
        area((at) => service.high[at] + pending.high[at], curves[0][1], 0.75);
        area((at) => service.high[at], curves[1][1], 0.9);
        area((at) => Math.min(probation.high[at], service.high[at]), curves[2][1], 1);
      } else {
        area((at) => peaks[0].high[at], curves[0][1], 0.45);
        area((at) => peaks[0].low[at], curves[0][1], 0.6);
      }
    });
    this.text(title, 12, top + 16, colours.text);
    this.text(`most ${count(most)}`, view.left - 8, top + height - 12, colours.soft, "right");
  }

  /** The highest and the lowest value of a curve in each column. */
  columns(curve, view, columns) {
    const high = new Float64Array(columns), low = new Float64Array(columns);
    const { time, value } = curve;
    const wide = (view.to - view.from) / (view.right - view.left);
    let at = firstAfter(time, view.from);
    let now = at ? value[at - 1] : 0;
    for (let column = 0; column < columns; column++) {
      const until = view.from + (column + 1) * wide;
      let most = now, least = now;
      for (; at < time.length && time[at] < until; at++) {
        now = value[at];
        if (now > most) most = now;
        if (now < least) least = now;
      }
      high[column] = most;
      low[column] = least;
    }
    return { high, low };
  }

  /** The lanes that are seen. */
  visible(view) {
    const first = Math.max(0, Math.floor(view.scroll / view.tall));
    const last = Math.min(this.run.lanes, Math.ceil((view.scroll + view.lanesBottom - view.lanesTop) / view.tall));
    return [first, last];
  }

  /** The grants of a lane that are seen: some of them may have ended before. */
  grantsIn(view, lane) {
    const { run } = this;
    const [begin, end] = [run.first[lane], run.first[lane + 1]];
    return [firstAfter(run.reach, view.from, begin, end, true), firstAfter(run.from, view.to, begin, end)];
  }

  drawLanes(view, drawn) {
    const { run, pen, colours } = this;
    const [first, last] = this.visible(view);
    const gap = view.tall >= 9 ? Math.min(4, view.tall / 8) : view.tall >= 6 ? 1 : 0.5;
    const busy = { share: new Float32Array(Math.ceil(view.right) + 2), rank: new Uint32Array(Math.ceil(view.right) + 2), lost: new Uint8Array(Math.ceil(view.right) + 2) };
    for (let lane = first; lane < last; lane++) {
      drawn.lanes++;
      const top = view.laneTop(lane);
      const high = view.tall - gap;
      const [asked, up, gone] = [run.asked[lane], run.up[lane], run.gone[lane]].map((time) => view.x(time));
      const starts = Number.isNaN(up) ? gone : up;
      this.block(view, asked, starts, top, high, this.hatches.starting);
      if (!Number.isNaN(up)) this.block(view, up, gone, top, high, colours.idle);
      for (const [from, to] of run.probations[lane]) {
        if (to < view.from || from > view.to) continue;
        drawn.probations++;
        pen.globalAlpha = 0.28;
        this.block(view, view.x(from), Math.max(view.x(to), view.x(from) + 1), top, high, colours.amber);
        pen.globalAlpha = 1;
      }
      this.drawGrants(view, lane, top, high, busy, drawn);
      for (const [from, to] of run.probations[lane]) {
        if (to < view.from || from > view.to) continue;
        const x = view.x(from);
        pen.globalAlpha = 0.55;
        this.block(view, x, Math.max(view.x(to), x + 1), top, high, this.hatches.probation);
        pen.globalAlpha = 1;
        this.block(view, x, Math.max(view.x(to), x + 1), top + high - Math.min(3, high / 4), Math.min(3, high / 4), colours.amber);
      }
      this.ending(view, lane, top, high, drawn);
    }
  }

  block(view, from, to, top, high, fill) {
    const left = Math.max(from, view.left), right = Math.min(to, view.right);
    if (right <= left) return;
    this.pen.fillStyle = fill;
    this.pen.fillRect(left, top, right - left, high);
  }

  drawGrants(view, lane, top, high, busy, drawn) {
    const { run } = this;
    const [first, last] = this.grantsIn(view, lane);
    const scale = (view.right - view.left) / (view.to - view.from);
    let low = Infinity, most = -1;
    for (let at = first; at < last; at++) {
      const to = run.to[at];
      if (to < view.from) continue;
      drawn.bars++;
      if (run.fate[at] === LOST) drawn.lostRequests++;
      const left = view.left + (run.from[at] - view.from) * scale;
      const wide = (to - run.from[at]) * scale;
      if (wide >= NARROW) {
        this.drawGrant(view, at, left, wide, top, high);
        continue;
      }
      // At least a shadow of it: so much of a column, or of two.
      const share = run.size[at] / run.procs;
      const column = Math.max(0, Math.floor(left));
      const inside = Math.max(0.02, Math.min(wide, column + 1 - left));
      busy.share[column] += share * inside;
      busy.share[column + 1] += share * Math.max(0, wide - inside);
      busy.rank[column] = run.rank[at];
      if (run.fate[at] === LOST) busy.lost[column] = 1;
      low = Math.min(low, column);
      most = Math.max(most, column + 1);
    }
    if (most < 0) return;
    const { pen } = this;
    pen.globalAlpha = 0.9;
    for (let column = low; column <= most; column++) {
      const share = Math.min(1, busy.share[column]);
      if (share > 0) {
        pen.fillStyle = this.colourOf(busy.rank[column]);
        const tall = Math.max(1, share * high);
        pen.fillRect(column, top, 1, tall);
      }
      if (busy.lost[column]) {
        pen.fillStyle = this.colours.red;
        pen.fillRect(column - 0.5, top, 2, high);
      }
      busy.share[column] = 0;
      busy.lost[column] = 0;
    }
    pen.globalAlpha = 1;
  }

  drawGrant(view, at, x, width, top, high) {
    const { run, pen, colours } = this;
    const left = Math.max(x, view.left - 4);
    const wide = Math.min(x + width, view.right + 4) - left;
    const seat = high / run.procs;
    const space = seat >= 5 ? 1 : 0;
    const fate = run.fate[at];
    for (const [first, size] of run.seats.get(at) || [[run.seat[at], run.size[at]]]) {
      const y = top + first * seat;
      const tall = Math.max(1, size * seat - space);
      const shown = Math.max(1, wide - (wide > 4 ? 1 : 0));
      pen.fillStyle = this.colourOf(run.rank[at]);
      if (wide > 8 && tall > 7) {
        pen.beginPath();
        pen.roundRect(left, y, shown, tall, 2.5);
        pen.fill();
      } else pen.fillRect(left, y, shown, tall);
      const mark = fate === LOST ? colours.red : fate === UNREACHABLE ? colours.amber : fate === REMOTE ? colours.rose : null;
      if (mark) {
        const edge = Math.min(Math.max(2, shown / 3), 5);
        pen.fillStyle = mark;
        pen.fillRect(left + shown - edge, y, edge, tall);
        if (fate === LOST) {
          pen.globalAlpha = 0.45;
          pen.fillRect(left, y, shown - edge, tall);
          pen.globalAlpha = 1;
        }
      }
      if (tall >= 12 && shown > 34) {
        const label = `r${run.request[at]}`;
        if (pen.measureText(label).width + 10 < shown) this.text(label, left + 6, y + tall / 2 + 0.5, "#ffffff");
      }
    }
  }

  /** What became of a machine. */
  ending(view, lane, top, high, drawn) {
    const { run, pen, colours } = this;
    const ending = run.ending[lane];
    const gone = run.gone[lane];
    if (!ending || gone < view.from || gone > view.to) return;
    const isLost = ending === STOPPED || ending === SILENT;
    if (isLost) drawn.lost++;
    else if (ending === START_FAILED) drawn.failed++;
    else return;
    const x = view.x(gone);
    pen.strokeStyle = pen.fillStyle = isLost ? colours.red : colours.rose;
    pen.fillRect(x - 1, top, 2, high);
    if (high < 7) return;
    const size = Math.min(5, high / 3);
    const middle = top + high / 2;
    pen.lineWidth = 4.5;
    pen.lineCap = "round";
    const cross = () => {
      pen.beginPath();
      for (const by of [-1, 1]) {
        pen.moveTo(x + 8 - size, middle - by * size);
        pen.lineTo(x + 8 + size, middle + by * size);
      }
      pen.stroke();
    };
    const colour = pen.strokeStyle;
    pen.strokeStyle = colours.surface;
    cross();
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    cross();
  }

  /** Cells of so many pixels, each of several machines: how much of their procs was used. */
  cellsOf(view, columns, rows, cell, drawn) {
    const { run } = this;
    const [firstLane, lastLane] = this.visible(view);
    const wide = (view.to - view.from) / columns;
    // Each is the difference to the cell on its left, and is summed up at the end.
    const used = new Float64Array((columns + 2) * rows), service = new Float64Array(used.length);
    const starting = new Float64Array(used.length), probation = new Float64Array(used.length);
    const marks = new Uint8Array(columns * rows);
    const add = (table, row, from, to, value) => {
      from = Math.max(0, (from - view.from) / wide);
      to = Math.min(columns, (to - view.from) / wide);
      if (!(to > from)) return;
      const at = row * (columns + 2);
      const [a, b] = [Math.floor(from), Math.floor(to)];
      if (a === b) {
        table[at + a] += (to - from) * value;
        table[at + a + 1] -= (to - from) * value;
        return;
      }
      const head = (a + 1 - from) * value, tail = (to - b) * value;
      table[at + a] += head;
      table[at + a + 1] += value - head;
      table[at + b] += tail - value;
      table[at + b + 1] -= tail;
    };
    const mark = (row, time, kind) => {
      const column = Math.floor((time - view.from) / wide);
      if (column >= 0 && column < columns) marks[row * columns + column] = Math.max(marks[row * columns + column], kind);
    };
    for (let lane = firstLane; lane < lastLane; lane++) {
      drawn.lanes++;
      const row = Math.min(rows - 1, Math.max(0, Math.floor(((lane + 0.5) * view.tall - view.scroll) / cell)));
      const never = Number.isNaN(run.up[lane]);
      const gone = run.gone[lane];
      add(starting, row, run.asked[lane], never ? gone : run.up[lane], 1);
      if (!never) add(service, row, run.up[lane], gone, run.procs);
      for (const [from, to] of run.probations[lane]) {
        if (to < view.from || from > view.to) continue;
        drawn.probations++;
        add(probation, row, from, to, run.procs);
      }
      const [first, last] = this.grantsIn(view, lane);
      for (let at = first; at < last; at++) {
        if (run.to[at] < view.from) continue;
        drawn.bars++;
        const seats = run.seats.get(at);
        const procs = seats ? seats.reduce((sum, [, size]) => sum + size, 0) : run.size[at];
        add(used, row, run.from[at], run.to[at], procs);
        if (run.fate[at] === LOST) drawn.lostRequests++;
      }
      if (run.ending[lane] && gone >= view.from && gone <= view.to) {
        if (run.ending[lane] === START_FAILED) {
          drawn.failed++;
          mark(row, gone, 1);
        } else if (run.ending[lane] === STOPPED || run.ending[lane] === SILENT) {
          drawn.lost++;
          mark(row, gone, 2);
        }
      }
    }
    for (const table of [used, service, starting, probation]) {
      for (let row = 0; row < rows; row++) {
        const at = row * (columns + 2);
        for (let column = 1; column < columns; column++) table[at + column] += table[at + column - 1];
      }
    }
    return { used, service, starting, probation, marks };
  }

  drawCells(view, drawn) {
    const columns = Math.max(1, Math.floor((view.right - view.left) / CELL));
    const high = Math.min(view.lanesBottom - view.lanesTop, this.run.lanes * view.tall);
    const cell = Math.max(CELL, view.tall);
    const rows = Math.max(1, Math.ceil(high / cell));
    const found = this.cellsOf(view, columns, rows, cell, drawn);
    this.paint(found, columns, rows, view.left, view.lanesTop, view.right - view.left, rows * cell);
    const { pen, colours } = this;
    const wide = (view.right - view.left) / columns;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const kind = found.marks[row * columns + column];
        if (!kind) continue;
        pen.fillStyle = kind === 2 ? colours.red : colours.rose;
        pen.fillRect(view.left + column * wide - 0.5, view.lanesTop + row * cell - 0.5, Math.max(3, wide), 3);
      }
    }
  }

  paint(found, columns, rows, x, y, width, height) {
    const { cells, colours } = this;
    [cells.width, cells.height] = [columns, rows];
    const pen = cells.getContext("2d");
    const image = pen.createImageData(columns, rows);
    const [surface, idle, busy, amber, starting] = [colours.surface, colours.idle, colours.priorities[0], colours.amber, colours.starting].map(rgb);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const at = row * (columns + 2) + column;
        const to = (row * columns + column) * 4;
        const service = found.service[at];
        const isIn = service > 1e-6;
        const share = isIn ? Math.max(0, Math.min(1, found.used[at] / service)) : 0;
        const sick = isIn ? Math.max(0, Math.min(1, found.probation[at] / service)) : 0;
        const waits = isIn ? 0 : Math.min(1, Math.max(0, found.starting[at]));
        for (let part = 0; part < 3; part++) {
          let colour = isIn ? idle[part] + (busy[part] - idle[part]) * share : surface[part] + (starting[part] - surface[part]) * waits * 0.6;
          colour += (amber[part] - colour) * sick * 0.75;
          image.data[to + part] = colour;
        }
        image.data[to + 3] = 255;
      }
    }
    pen.putImageData(image, 0, 0);
    this.pen.imageSmoothingEnabled = false;
    this.pen.drawImage(cells, x, y, width, height);
  }

  gutter(view) {
    const { run, pen, colours } = this;
    pen.fillStyle = colours.surface;
    pen.fillRect(0, view.lanesTop, view.left - 1, view.lanesBottom - view.lanesTop);
    const [first, last] = this.visible(view);
    this.clip(0, view.lanesTop, view.left - 4, view.lanesBottom - view.lanesTop, () => {
      const every = Math.max(1, Math.ceil(15 / view.tall));
      const nice = every === 1 ? 1 : [1, 2, 5].map((it) => it * Math.pow(10, Math.floor(Math.log10(every)))).concat(Math.pow(10, Math.ceil(Math.log10(every) + 1e-9))).find((it) => it >= every);
      for (let lane = Math.ceil(first / nice) * nice; lane < last; lane += nice) {
        const middle = view.laneTop(lane) + Math.max(view.tall, 0) / 2;
        const isLost = run.ending[lane] === STOPPED || run.ending[lane] === SILENT;
        const name = `m${run.id[lane]}`;
        this.text(name, 12, middle, isLost && nice === 1 ? colours.red : colours.text);
        if (nice === 1 && run.name[lane]) this.text(run.name[lane], 18 + pen.measureText(name).width, middle, colours.faint);
      }
    });
    // Where we are among the lanes.
    const all = run.lanes * view.tall;
    const seen = view.lanesBottom - view.lanesTop;
    if (all > seen + 5) {
      const size = Math.max(18, (seen * seen) / all);
      pen.fillStyle = colours.starting;
      pen.beginPath();
      pen.roundRect(view.width - 7, view.lanesTop + 2 + (view.scroll / (all - seen + 4)) * (seen - size - 4), 4, size, 2);
      pen.fill();
    }
  }

  /** The whole run as a strip, and what part of it is seen. */
  overview(view) {
    const { pen, colours, run } = this;
    const top = view.lanesBottom + 6, high = OVERVIEW - 14;
    const columns = Math.max(1, Math.floor(view.right - view.left));
    if (!this.strip || this.strip.columns !== columns) {
      const whole = { from: run.begin, to: run.end, scroll: 0, tall: 1, lanesTop: 0, lanesBottom: run.lanes };
      this.strip = this.cellsOf(whole, columns, 1, Math.max(1, run.lanes), { lanes: 0, bars: 0 });
      this.strip.columns = columns;
      let most = 1e-9;
      for (let at = 0; at < columns; at++) most = Math.max(most, this.strip.service[at]);
      this.strip.most = most;
    }
    const { used, service, most, marks } = this.strip;
    for (let at = 0; at < columns; at++) {
      pen.fillStyle = colours.idle;
      const all = Math.min(1, service[at] / most) * high;
      pen.fillRect(view.left + at, top + high - all, 1, all);
      pen.fillStyle = colours.priorities[0];
      const part = Math.min(1, used[at] / most) * high;
      pen.fillRect(view.left + at, top + high - part, 1, part);
      if (marks[at] === 2) {
        pen.fillStyle = colours.red;
        pen.fillRect(view.left + at - 0.5, top - 3, 2, 4);
      }
    }
    const [from, to] = [view.from, view.to].map((time) => view.left + ((time - run.begin) / (run.end - run.begin)) * (view.right - view.left));
    pen.globalAlpha = 0.72;
    pen.fillStyle = colours.surface;
    pen.fillRect(view.left, top - 4, from - view.left, high + 6);
    pen.fillRect(to, top - 4, view.right - to, high + 6);
    pen.globalAlpha = 1;
    pen.strokeStyle = colours.soft;
    pen.lineWidth = 1;
    pen.strokeRect(Math.round(from) + 0.5, top - 3.5, Math.max(2, Math.round(to - from) - 1), high + 5);
    this.text("Used procs", 12, top + high / 2, colours.text);
  }

  /** What was picked: a frame around a grant, and how long its request waited. */
  drawPicked(view, picked, colour) {
    if (!picked || picked.grant < 0) return;
    const { run, pen } = this;
    const at = picked.grant;
    const lane = run.lane[at];
    const gap = view.tall >= 9 ? Math.min(4, view.tall / 8) : 0.5;
    const seat = (view.tall - gap) / run.procs;
    const top = view.laneTop(lane) + run.seat[at] * seat;
    const [from, to] = [view.x(run.from[at]), view.x(run.to[at])];
    const tall = Math.max(3, run.size[at] * seat);
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.strokeRect(from - 1, top - 1, Math.max(3, to - from + 1), tall + 1);
    if (run.wait[at] > 0) {
      pen.setLineDash([4, 4]);
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.moveTo(Math.max(view.left, view.x(run.from[at] - run.wait[at])), top + tall / 2);
      pen.lineTo(from, top + tall / 2);
      pen.stroke();
      pen.setLineDash([]);
    }
  }

  pointer(view, { x, chosen }) {
    const { pen, colours, run } = this;
    if (chosen) {
      pen.globalAlpha = 0.18;
      pen.fillStyle = colours.priorities[0];
      pen.fillRect(Math.min(...chosen), 0, Math.abs(chosen[1] - chosen[0]), view.lanesBottom);
      pen.globalAlpha = 1;
    }
    if (!(x >= view.left && x <= view.right)) return;
    pen.fillStyle = colours.faint;
    pen.fillRect(Math.round(x), AXIS - 4, 1, view.lanesBottom - AXIS + 4);
    const label = clock(run.words.base + view.time(x), ((view.to - view.from) / (view.right - view.left)) * 2);
    const wide = pen.measureText(label).width + 12;
    const left = Math.max(view.left, Math.min(x - wide / 2, view.right - wide));
    pen.fillStyle = colours.text;
    pen.beginPath();
    pen.roundRect(left, 4, wide, 18, 5);
    pen.fill();
    this.text(label, left + 6, 13.5, colours.surface);
  }
}
