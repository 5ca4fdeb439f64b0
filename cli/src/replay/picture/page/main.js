// Brings the page to life: pointer, keys, the address; and tells on <body> what it has drawn.

function start() {
  const words = JSON.parse(byId("words").textContent);
  const source = byId("numbers");
  const run = new Run();
  if (!words.live) {
    run.reset(words, bytesOf(source.textContent));
    source.textContent = ""; // It may be large.
    show(run);
    return;
  }
  let shown = null;
  let rested = 0; // until when, so that there is time for other things
  const follower = new Follower(run, (isOther) => {
    if (!shown) {
      shown = show(run);
      setInterval(() => {
        const begun = performance.now();
        if (document.hidden || begun < rested) return;
        follower.tick();
        shown.tick();
        rested = performance.now() + 10 * (performance.now() - begun);
      }, 1000);
    } else shown.change(isOther);
  });
}

/** Shows a run; gives what is to be called when it has changed, and each second. */
function show(run) {
  const canvas = byId("canvas");
  const view = new View(run);
  const picture = new Picture(run, canvas);
  const marks = { x: NaN, y: NaN, chosen: null, picked: null };
  const reasons = new Reasons(run);
  fillPanel(run, picture);

  let asked = false;
  let cost = 0, drawnAt = 0; // of the last drawing, in milliseconds
  function redraw() {
    keepAddress();
    drawSoon();
  }

  function drawSoon() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  }

  function draw() {
    const begun = performance.now();
    const drawn = picture.draw(view, marks);
    drawnAt = performance.now();
    cost = drawnAt - begun;
    const stands = { queued: run.waits, running: run.runs, machines: run.machines.service.at(Infinity) };
    Object.assign(document.body.dataset, drawn, stands, { from: view.from, to: view.to, peak: run.queue.peak, took: cost });
    document.body.dataset.state = "ready";
  }

  let saving = 0;
  function keepAddress() {
    clearTimeout(saving);
    saving = setTimeout(() => {
      const hash = view.hash();
      if (hash === location.hash.slice(1)) return;
      try {
        history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
      } catch {
        // Some browsers refuse it to files, or when it comes too often: then the address stays as it is.
      }
    }, 250);
  }

  function readAddress() {
    const params = new URLSearchParams(location.hash.slice(1));
    view.fit();
    view.read(params);
    if (params.has("find")) search.seek(params.get("find"));
    redraw();
  }

  // What is under the pointer.

  function grantAt(lane, x, y) {
    const time = view.time(x);
    const near = ((view.to - view.from) / (view.right - view.left)) * 3;
    const slot = Math.floor(((y - view.laneTop(lane)) / view.tall) * run.procs[lane]);
    let best = -1, distance = Infinity;
    for (const at of picture.grantsIn({ from: time - near, to: time + near }, lane)) {
      if (run.to[at] < time - near) continue;
      const slots = run.slots.get(at) || [[run.slot[at], run.size[at]]];
      const isOn = slots.some(([from, size]) => slot >= from && slot < from + size);
      const away = Math.max(0, run.from[at] - time, time - run.to[at]) + (isOn ? 0 : near * 2);
      if (away < distance) [best, distance] = [at, away];
    }
    return distance < near * 2 ? best : -1;
  }

  function under(x, y) {
    if (x > view.right || x < 0) return null;
    const lane = view.laneAt(y);
    if (lane < 0) return y < view.lanesTop && x >= view.left ? { time: view.time(x) } : null;
    if (x < view.left) return { lane, grant: -1 };
    return { lane, grant: view.tall >= LOW ? grantAt(lane, x, y) : -1 };
  }

  function describe(found) {
    if (found.time !== undefined) return aboutTime(run, found.time);
    if (found.grant >= 0) return aboutGrant(run, found.grant);
    if (found.waiter !== undefined) return aboutWaiter(run, found.waiter);
    return aboutMachine(run, found.lane);
  }

  function hover() {
    const tip = byId("tip");
    const found = drag ? null : under(marks.x, marks.y);
    tip.hidden = !found;
    if (!found) return;
    tip.replaceChildren(...describe(found));
    const box = canvas.getBoundingClientRect();
    const [x, y] = [box.left + marks.x, box.top + marks.y];
    const { offsetWidth, offsetHeight } = tip;
    tip.style.left = `${x + 16 + offsetWidth > innerWidth ? Math.max(4, x - 16 - offsetWidth) : x + 16}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 16, innerHeight - offsetHeight - 8))}px`;
  }

  function pick(found) {
    marks.picked = found && found.time === undefined ? found : null;
    tellPicked();
    const waiter = marks.picked?.waiter;
    reasons.show(waiter !== undefined && run.state[waiter] === WAITS ? waiter : -1);
    redraw();
  }

  /** What is known of it by now: what waited may have a machine. */
  function tellPicked() {
    const { picked } = marks;
    if (picked?.waiter !== undefined && run.lane[picked.waiter] !== NOWHERE) {
      [picked.lane, picked.grant] = [run.lane[picked.waiter], picked.waiter];
      delete picked.waiter;
      reasons.show(-1);
    }
    byId("picked").hidden = !picked;
    byId("facts").replaceChildren(...(picked ? describe(picked) : NONE));
  }

  // The pointer.

  let drag = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const [x, y] = place(event);
    const unit = event.deltaMode === 1 ? 20 : event.deltaMode === 2 ? 400 : 1;
    const by = event.deltaY * unit;
    if (event.altKey) view.grow(Math.exp(-by / 400), y);
    else if (event.shiftKey) view.move(0, by || event.deltaX * unit);
    else if (x < view.left) view.move(0, by);
    else {
      if (event.deltaX) view.move(event.deltaX * unit, 0);
      if (Math.abs(event.deltaY) > Math.abs(event.deltaX)) view.zoom(Math.exp(by / (event.ctrlKey ? 120 : 400)), x);
    }
    hover();
    redraw();
  }, { passive: false });

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    const [x, y] = place(event);
    const strip = y >= view.lanesBottom;
    const chooses = !strip && x >= view.left && (event.shiftKey || y < AXIS);
    drag = { x, y, from: [x, y], moved: false, chooses, strip };
    if (strip) goStrip(x);
  });

  function goStrip(x) {
    const at = run.begin + ((x - view.left) / (view.right - view.left)) * (run.end - run.begin);
    const half = (view.to - view.from) / 2;
    view.show(at - half, at + half);
    redraw();
  }

  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    [marks.x, marks.y] = [x, y];
    if (drag) {
      if (Math.hypot(x - drag.from[0], y - drag.from[1]) > 4) drag.moved = true;
      if (drag.strip) goStrip(x);
      else if (drag.chooses) marks.chosen = [Math.max(view.left, drag.from[0]), Math.max(view.left, Math.min(x, view.right))];
      else if (drag.moved) {
        canvas.classList.add("drags");
        view.move(drag.x - x, drag.y - y);
      }
      [drag.x, drag.y] = [x, y];
    }
    hover();
    redraw();
  });

  function drop(event) {
    if (!drag) return;
    const { moved, chooses, strip } = drag;
    drag = null;
    canvas.classList.remove("drags");
    if (chooses && moved && marks.chosen) {
      const [from, to] = marks.chosen.map((x) => view.time(x)).sort((a, b) => a - b);
      view.show(from, to);
    } else if (!moved && !strip && event.type === "pointerup") pick(under(...place(event)));
    marks.chosen = null;
    redraw();
  }
  canvas.addEventListener("pointerup", drop);
  canvas.addEventListener("pointercancel", drop);
  canvas.addEventListener("pointerleave", () => {
    if (drag) return;
    marks.x = marks.y = NaN;
    byId("tip").hidden = true;
    redraw();
  });

  canvas.addEventListener("dblclick", (event) => {
    const found = under(...place(event));
    if (!found || found.time !== undefined) return;
    if (found.grant >= 0) goGrant(found.grant);
    else goMachine(found.lane);
  });

  // Going to things.

  function goGrant(at) {
    const wait = run.wait[at] > 0 ? run.wait[at] : 0;
    const to = endOf(run, run.to[at]);
    const long = Math.max(to - run.from[at], 100);
    const before = Math.min(wait, long * 4) + long / 2;
    view.show(run.from[at] - before, to + long / 2);
    view.showLane(run.lane[at], Math.min(120, Math.max(24, run.procs[run.lane[at]] * 14)));
    pick({ lane: run.lane[at], grant: at });
  }

  function goMachine(lane) {
    const [from, to] = [run.asked[lane], endOf(run, run.gone[lane])];
    const margin = (to - from) * 0.03;
    view.show(from - margin, to + margin);
    view.showLane(lane);
    pick({ lane, grant: -1 });
  }

  let loss = -1;

  function goLoss(by) {
    const losses = run.lost.slice().sort((a, b) => run.gone[a] - run.gone[b] || a - b);
    if (!losses.length) return;
    loss = (loss + by + losses.length + (loss < 0 && by < 0 ? 1 : 0)) % losses.length;
    const lane = losses[loss];
    const half = Math.min((view.to - view.from) / 2, (run.end - run.begin) / 10);
    view.show(run.gone[lane] - half, run.gone[lane] + half);
    view.showLane(lane);
    pick({ lane, grant: -1 });
  }

  function goWaiter(at) {
    const [from, to] = [run.from[at], endOf(run, run.to[at])];
    view.show(from - (to - from) * 0.1, to + (to - from) * 0.1);
    pick({ waiter: at, lane: -1, grant: -1 });
  }

  const search = new Search(run, (it) => {
    if (it.grant >= 0) goGrant(it.grant);
    else if (it.lane >= 0) goMachine(it.lane);
    else goWaiter(it.waiter);
  });

  byId("waiting").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) pick({ waiter: Number(button.dataset.row), lane: -1, grant: -1 });
  });

  const find = byId("find");
  find.addEventListener("keydown", (event) => {
    if (event.key === "Enter") search.seek(find.value);
    if (event.key === "Escape") canvas.focus();
    event.stopPropagation();
  });
  find.addEventListener("input", () => {
    if (!find.value) search.clear();
    else byId("found").textContent = "";
  });

  // Keys and buttons.

  function fit() {
    view.fit();
    redraw();
  }

  const actions = {
    "+": () => view.zoom(1 / 1.5, marks.x >= view.left ? marks.x : undefined),
    "=": () => view.zoom(1 / 1.5, marks.x >= view.left ? marks.x : undefined),
    "-": () => view.zoom(1.5, marks.x >= view.left ? marks.x : undefined),
    "−": () => view.zoom(1.5),
    ArrowLeft: () => view.move(-80, 0),
    ArrowRight: () => view.move(80, 0),
    ArrowUp: () => view.move(0, -60),
    ArrowDown: () => view.move(0, 60),
    PageUp: () => view.move(0, view.lanesTop - view.lanesBottom),
    PageDown: () => view.move(0, view.lanesBottom - view.lanesTop),
    "[": () => view.grow(1 / 1.4),
    "]": () => view.grow(1.4),
    "0": fit,
    Home: fit,
    n: () => goLoss(1),
    p: () => goLoss(-1),
    Escape: () => pick(null),
    "/": () => find.select(),
    "?": () => byId("keys").showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
    const action = actions[event.key];
    if (!action || (event.target.tagName === "BUTTON" && event.key === "Enter")) return;
    event.preventDefault();
    action();
    hover();
    redraw();
  });
  const press = (id, action) => byId(id).addEventListener("click", () => {
    action();
    redraw();
  });
  press("in", () => view.zoom(1 / 1.5));
  press("out", () => view.zoom(1.5));
  press("fit", fit);
  press("loss", () => goLoss(1));
  press("help", () => byId("keys").showModal());

  addEventListener("hashchange", readAddress);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    picture.recolour();
    fillPanel(run, picture);
    redraw();
  });
  const stage = byId("stage");
  const resize = () => {
    view.resize(stage.clientWidth, stage.clientHeight);
    drawHistogram(run, picture);
  };
  new ResizeObserver(() => {
    resize();
    redraw();
  }).observe(stage);
  resize();
  readAddress();
  draw();

  function fill() {
    fillPanel(run, picture);
    tellPicked();
    picture.strip = null;
  }

  let later = 0;
  return {
    /** The run has changed, or is another. */
    change(isOther) {
      if (isOther) {
        view.fit();
        pick(null);
        search.clear();
        fill();
      }
      view.lengthen();
      if (run.isOver) this.tick();
      // Where drawing takes long, there is time for other things in between.
      clearTimeout(later);
      later = setTimeout(drawSoon, Math.max(0, drawnAt + 4 * cost - performance.now()));
    },

    tick() {
      view.lengthen();
      fill();
      draw();
    },
  };
}

function broken(message) {
  document.body.dataset.state = "broken";
  byId("trouble").textContent = `This page cannot be drawn: ${message}. A browser of the last years is needed, and the file must be whole.`;
  byId("trouble").hidden = false;
}

// What is drawn later may fail too.
addEventListener("error", (event) => broken(event.message));
try {
  start();
} catch (error) {
  broken(error.message);
}
