// Draws lanes: grant by grant; where those are narrower than a pixel, by how much of the lane they take; and where lanes are
// lower than a few pixels, as cells, each of several machines.

const LOW = 4; // pixels; lower lanes are drawn as cells
const CELL = 2; // pixels
const NARROW = 1.5; // pixels

/** The colours of the page, as they are now. */
function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ground", "surface", "sunk", "line", "text", "soft", "faint", "idle", "starting", "amber", "red", "rose", "queue", "ok", "busy", "label", "drain"];
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  const found = Object.fromEntries(names.map((name) => [name, of(name)]));
  found.kinds = [0, 1, 2, 3, 4, 5].map((at) => of(`k${at}`));
  found.priorities = [0, 1, 2, 3, 4, 5].map((at) => of(`p${at}`));
  return found;
}

function rgb(colour) {
  const number = parseInt(colour.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

class Lanes {
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
    this.hatches = { starting: this.hatch(this.colours.starting, 1), probation: this.hatch(this.colours.amber, 1.5), lost: this.hatch(this.colours.red, 3), drain: this.hatch(this.colours.drain, 1.5), stopping: this.hatch(this.colours.faint, 1) };
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

  /** The colour of a priority, by its place in the run's list. */
  colourOf(priority) {
    const { priorities } = this.colours;
    return priorities[Math.min(this.run.ranks[priority], priorities.length - 1)];
  }

  /** The ground of a kind's lanes, where nothing runs: all alike if there is one kind. */
  groundOf(kind) {
    const { kinds, idle } = this.colours;
    return this.run.words.kinds.length > 1 ? kinds[kind % kinds.length] : idle;
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

  /** The lanes that are seen. */
  visible(view) {
    const first = Math.max(0, Math.floor(view.scroll / view.tall));
    const last = Math.min(this.run.lanes, Math.ceil((view.scroll + view.lanesBottom - view.lanesTop) / view.tall));
    return [first, last];
  }

  /** The rows of the grants of a lane that are seen: some of them may have ended before. */
  grantsIn(view, lane) {
    const { count, rows, from, reach } = this.run.grants[lane];
    if (!count) return NONE;
    return rows.subarray(firstAfter(reach, view.from, 0, count, true), firstAfter(from, view.to, 0, count));
  }

  /** The procs of a grant. */
  procsOf(at) {
    const slots = this.run.slots.size ? this.run.slots.get(at) : null;
    return slots ? slots.reduce((sum, [, size]) => sum + size, 0) : this.run.size[at];
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
      if (!Number.isNaN(up)) this.block(view, up, gone, top, high, this.groundOf(run.kind[lane]));
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
      this.memory(view, lane, top, high);
      this.leaving(view, lane, top, high, drawn);
      this.ending(view, lane, top, high, drawn);
    }
  }

  /** When it drained, and when it was told to stop because it was not needed any more. */
  leaving(view, lane, top, high, drawn) {
    const { run, pen, colours } = this;
    const edge = Math.min(3, high / 4);
    for (const [from, to] of run.drains[lane]) {
      if (to < view.from || from > view.to) continue;
      drawn.drains++;
      const x = view.x(from);
      const end = Math.max(view.x(to), x + 1);
      pen.globalAlpha = 0.5;
      this.block(view, x, end, top, high, this.hatches.drain);
      pen.globalAlpha = 1;
      this.block(view, x, end, top, edge, colours.drain);
    }
    const told = run.told[lane];
    if (!run.reason[lane] || told > view.to || run.gone[lane] < view.from) return;
    drawn.told++;
    const x = view.x(told);
    this.block(view, x, view.x(run.gone[lane]), top, high, this.hatches.stopping);
    if (x < view.left || x > view.right) return;
    // A wedge that points to the moment.
    const size = Math.max(2, Math.min(6, high / 3));
    pen.fillStyle = colours.soft;
    pen.fillRect(x - 0.5, top, 1.5, high);
    pen.beginPath();
    pen.moveTo(x - size, top);
    pen.lineTo(x + size, top);
    pen.lineTo(x, top + size);
    pen.fill();
  }

  /** How much of the second amount is used: a line as high in the lane as the share of it. */
  memory(view, lane, top, high) {
    const { run, pen, colours } = this;
    const all = run.offer[lane][1];
    if (!run.taken.length || !all || high < 14) return;
    const changes = [];
    for (const at of this.grantsIn(view, lane)) {
      if (run.to[at] < view.from || !run.taken[0][at]) continue;
      changes.push([run.from[at], run.taken[0][at]], [run.to[at], -run.taken[0][at]]);
    }
    // More than the eye can follow.
    if (!changes.length || changes.length > 4000) return;
    changes.sort((a, b) => a[0] - b[0]);
    let used = 0;
    const height = () => top + high - 1 - (Math.min(1, used / all)) * (high - 2);
    pen.strokeStyle = colours.text;
    pen.globalAlpha = 0.55;
    pen.lineWidth = 1.25;
    pen.beginPath();
    pen.moveTo(Math.max(view.left, view.x(Number.isNaN(run.up[lane]) ? run.gone[lane] : run.up[lane])), height());
    for (const [time, by] of changes) {
      const x = Math.max(view.left, Math.min(view.right, view.x(time)));
      pen.lineTo(x, height());
      used += by;
      pen.lineTo(x, height());
    }
    pen.lineTo(Math.max(view.left, Math.min(view.right, view.x(run.gone[lane]))), height());
    pen.stroke();
    pen.globalAlpha = 1;
  }

  block(view, from, to, top, high, fill) {
    const left = Math.max(from, view.left), right = Math.min(to, view.right);
    if (right <= left) return;
    this.pen.fillStyle = fill;
    this.pen.fillRect(left, top, right - left, high);
  }

  drawGrants(view, lane, top, high, busy, drawn) {
    const { run } = this;
    const scale = (view.right - view.left) / (view.to - view.from);
    let low = Infinity, most = -1;
    for (const at of this.grantsIn(view, lane)) {
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
      const share = this.procsOf(at) / run.procs[lane];
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
    const slotHeight = high / run.procs[run.lane[at]];
    const space = slotHeight >= 5 ? 1 : 0;
    const fate = run.fate[at];
    for (const [first, size] of run.slots.get(at) || [[run.slot[at], run.size[at]]]) {
      const y = top + first * slotHeight;
      const tall = Math.max(1, size * slotHeight - space);
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
          pen.fillStyle = this.hatches.lost;
          pen.fillRect(left, y, shown - edge, tall);
        }
      }
      if (tall >= 12 && shown > 34) {
        this.label(at, left + 6, y + tall / 2 + 0.5, shown - 10);
      }
    }
  }

  /** The id of a grant, and as much of its name as there is space for. */
  label(at, x, y, width) {
    const { run, pen, colours } = this;
    const id = `r${run.request[at]}`;
    const space = width - pen.measureText(id).width;
    if (space <= 0) return;
    this.text(id, x, y, colours.label);
    const name = run.job[at];
    if (!name || space < 24) return;
    // No letter is narrower than two pixels: more than that is not measured.
    let shown = name.slice(0, Math.ceil(space / 2));
    if (pen.measureText(shown).width > space - 6) {
      while (shown && pen.measureText(`${shown}…`).width > space - 6) shown = shown.slice(0, Math.min(shown.length - 1, Math.floor((shown.length * (space - 6)) / pen.measureText(`${shown}…`).width)));
      if (shown.length < 4) return; // Less tells nothing.
      shown += "…";
    }
    pen.globalAlpha = 0.8;
    this.text(shown, x + width - space + 6, y, colours.label);
    pen.globalAlpha = 1;
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
    const centre = x + 9 + size > view.right ? x - 10 : x + 10;
    pen.lineWidth = 4.5;
    pen.lineCap = "round";
    const cross = () => {
      pen.beginPath();
      for (const by of [-1, 1]) {
        pen.moveTo(centre - size, middle - by * size);
        pen.lineTo(centre + size, middle + by * size);
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
      if (!never) add(service, row, run.up[lane], gone, run.procs[lane]);
      for (const [from, to] of run.probations[lane]) {
        if (to < view.from || from > view.to) continue;
        drawn.probations++;
        add(probation, row, from, to, run.procs[lane]);
      }
      for (const [from, to] of run.drains[lane]) {
        if (to >= view.from && from <= view.to) drawn.drains++;
      }
      if (run.reason[lane] && run.told[lane] <= view.to && gone >= view.from) drawn.told++;
      for (const at of this.grantsIn(view, lane)) {
        if (run.to[at] < view.from) continue;
        drawn.bars++;
        add(used, row, run.from[at], run.to[at], this.procsOf(at));
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
    this.paint(found, columns, rows, view.left, view.lanesStart, view.right - view.left, rows * cell);
    const { pen, colours } = this;
    const wide = (view.right - view.left) / columns;
    const size = drawn.lost + drawn.failed < 400 ? 3 : 2;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const kind = found.marks[row * columns + column];
        if (!kind) continue;
        pen.fillStyle = kind === 2 ? colours.red : colours.rose;
        pen.fillRect(view.left + column * wide - 0.5, view.lanesStart + row * cell - 0.5, size, size);
      }
    }
  }

  paint(found, columns, rows, x, y, width, height) {
    const { cells, colours } = this;
    [cells.width, cells.height] = [columns, rows];
    const pen = cells.getContext("2d");
    const image = pen.createImageData(columns, rows);
    const [surface, idle, busy, amber, starting] = [colours.surface, colours.idle, colours.busy, colours.amber, colours.starting].map(rgb);
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

  /** What was picked: a frame around a grant, and how long its request waited. */
  drawPicked(view, picked, colour) {
    if (!picked || picked.grant < 0) return;
    const { run, pen } = this;
    const at = picked.grant;
    const lane = run.lane[at];
    const gap = view.tall >= 9 ? Math.min(4, view.tall / 8) : 0.5;
    const slotHeight = (view.tall - gap) / run.procs[lane];
    const top = view.laneTop(lane) + run.slot[at] * slotHeight;
    const from = Math.max(view.x(run.from[at]), view.left - 9), to = Math.min(view.x(run.to[at]), view.right + 9);
    const tall = Math.max(3, run.size[at] * slotHeight);
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
}
