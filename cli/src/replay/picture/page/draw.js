// Draws what a view shows: axis, queue, machines, lanes, and a strip of the whole run.

class Picture extends Lanes {
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
    const drawn = { lanes: 0, bars: 0, lost: 0, lostRequests: 0, probations: 0, failed: 0, drains: 0, told: 0, mode: view.tall < LOW ? "cells" : "bars" };
    this.axis(view);
    this.clip(view.left, view.lanesTop, view.right - view.left, view.lanesBottom - view.lanesTop, () => {
      if (drawn.mode === "cells") this.drawCells(view, drawn);
      else this.drawLanes(view, drawn);
      this.drawPicked(view, marks.picked, this.colours.text);
    });
    this.gutter(view);
    const { all, service, probation } = this.run.machines;
    const { colours } = this;
    this.chart(view, AXIS, QUEUE, "Queue", [[this.run.queue, colours.queue, "requests waiting"]]);
    this.chart(view, AXIS + QUEUE, MACHINES, "Machines", [[all, colours.starting, "starting"], [service, colours.ok, "in service"], [probation, colours.amber, "on probation"]]);
    this.overview(view);
    this.pointer(view, marks);
    return drawn;
  }

  axis(view) {
    const { pen, colours, run } = this;
    const step = tickStep(((view.to - view.from) / (view.right - view.left)) * 96);
    const base = run.words.base;
    // Counted from the last tick before the run: the clock's own ticks may be more than whole numbers can be.
    const before = base % step;
    for (let nth = Math.ceil((view.from + before) / step - 1e-9); nth * step - before <= view.to; nth++) {
      const x = view.x(nth * step - before);
      if (x > view.right + 0.5) break;
      pen.fillStyle = colours.line;
      pen.fillRect(Math.round(x), AXIS - 6, 1, view.lanesBottom - AXIS + 6);
      const label = clock(base - before + nth * step, step);
      if (x + 4 + pen.measureText(label).width < view.right) this.text(label, x + 4, AXIS / 2, colours.soft);
    }
    pen.fillStyle = colours.line;
    for (const y of [AXIS, AXIS + QUEUE, view.lanesTop, view.lanesBottom]) pen.fillRect(0, y - 1, view.width, 1);
    pen.fillRect(view.left - 1, 0, 1, view.height);
    this.text(span(view.to - view.from), 12, AXIS / 2, colours.faint);
  }

  /** Figures over time as areas, each column the highest of its time; each has the next among it. */
  chart(view, top, height, title, curves) {
    const { pen, colours } = this;
    const columns = Math.ceil(view.right - view.left);
    const plotHeight = height - 20;
    const found = curves.map(([curve]) => this.columns(curve, view, columns));
    const most = found[0].high.reduce((most, it) => Math.max(most, it), 1);
    const base = top + height - 1;
    const y = (value) => base - (value / most) * plotHeight;
    const area = (values, colour, alpha) => {
      pen.globalAlpha = alpha;
      pen.fillStyle = colour;
      pen.beginPath();
      pen.moveTo(view.left, base);
      for (let at = 0; at < columns; at++) {
        pen.lineTo(view.left + at, y(values[at]));
        pen.lineTo(view.left + at + 1, y(values[at]));
      }
      pen.lineTo(view.left + columns, base);
      pen.fill();
      pen.globalAlpha = 1;
    };
    this.clip(view.left, top, view.right - view.left, height - 1, () => {
      pen.fillStyle = colours.line;
      pen.fillRect(view.left, Math.round(y(most)), view.right - view.left, 1);
      found.forEach(({ high, low }, nth) => {
        area(high, curves[nth][1], curves.length > 1 ? 0.9 : 0.42);
        if (curves.length === 1) area(low, curves[nth][1], 0.6);
      });
    });
    this.text(title, 12, top + 14, colours.text);
    this.text(count(most), view.left - 8, top + 14, colours.soft, "right");
    curves.forEach(([, colour, name], nth) => {
      const below = top + 31 + nth * 14;
      pen.fillStyle = colour;
      pen.fillRect(12, below - 4, 8, 8);
      this.text(name, 25, below, colours.soft);
    });
  }

  /** The highest and the lowest value of a curve in each column. */
  columns(curve, view, columns) {
    const high = new Float64Array(columns), low = new Float64Array(columns);
    const { time, value, count } = curve;
    const wide = (view.to - view.from) / (view.right - view.left);
    let at = firstAfter(time, view.from, 0, count);
    let now = at ? value[at - 1] : 0;
    for (let column = 0; column < columns; column++) {
      const until = view.from + (column + 1) * wide;
      let most = now, least = now;
      for (; at < count && time[at] < until; at++) {
        now = value[at];
        if (now > most) most = now;
        if (now < least) least = now;
      }
      high[column] = most;
      low[column] = least;
    }
    return { high, low };
  }

  gutter(view) {
    const { run, pen, colours } = this;
    pen.fillStyle = colours.surface;
    pen.fillRect(0, view.lanesTop, view.left - 1, view.lanesBottom - view.lanesTop);
    const [first, last] = this.visible(view);
    this.clip(0, view.lanesTop, view.left - 4, view.lanesBottom - view.lanesTop, () => {
      const every = Math.max(1, Math.ceil(15 / view.tall));
      const nice = every === 1 ? 1 : [1, 2, 5].map((it) => it * Math.pow(10, Math.floor(Math.log10(every)))).concat(Math.pow(10, Math.ceil(Math.log10(every) + 1e-9))).find((it) => it >= every);
      for (let lane = Math.floor(first / nice) * nice; lane < last; lane += nice) {
        const middle = Math.max(view.laneTop(lane) + view.tall / 2, view.tall < 12 ? view.lanesTop + 7 : 0);
        const isLost = run.ending[lane] === STOPPED || run.ending[lane] === SILENT;
        const name = idOf(run, lane);
        if (run.words.kinds.length > 1) {
          pen.fillStyle = this.groundOf(run.kind[lane]);
          pen.fillRect(0, view.laneTop(lane), 7, view.tall);
        }
        this.text(name, 12, middle, isLost && nice === 1 ? colours.red : colours.text);
        const more = nameBeside(run, lane) || (run.words.kinds.length > 1 ? `k${run.kind[lane]}` : "");
        if (nice === 1 && more) this.text(more, 18 + pen.measureText(name).width, middle, colours.faint);
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
      pen.fillStyle = colours.busy;
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
