// What stands beside the picture, as elements of the page. Everything a user wrote goes in as text, never as markup.

/** An element with a class and children, texts or elements. */
function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

const byId = (id) => document.getElementById(id);

function fillPanel(run, picture) {
  const { words } = run;
  const name = words.file.split("/").pop();
  document.title = `${name} – remuda`;
  byId("name").textContent = name;
  byId("name").title = words.file;
  if (words.trouble) {
    byId("trouble").textContent = `Not the whole run: ${words.trouble}. What came before is drawn.`;
    byId("trouble").hidden = false;
  }
  byId("loss").disabled = !run.lost.length;
  fillTiles(run);
  fillQueue(run);
  fillWaits(run, picture);
  fillLegend(run, picture);
  fillAbout(words);
}

function fillTiles(run) {
  const { summary } = run.words;
  const events = Object.values(summary.events).reduce((sum, it) => sum + it, 0);
  const lost = summary.machines.lost_stopped + summary.machines.lost_silent;
  const tiles = [
    [run.words.permille === null ? "–" : `${(run.words.permille / 10).toFixed(1)} %`, "of procs used"],
    run.isLive && !run.isOver ? [span(tenths(run.end - run.begin)), "so far"] : [span(run.words.end - run.words.begin), "long"],
    [count(summary.requests.granted), "grants"],
    [count(run.queue.peak), "longest queue"],
    [count(summary.machines.up), "machines came up"],
    [count(events), "events"],
    [count(lost), "machines lost", lost ? "bad" : ""],
    [count(summary.requests.lost), "grants lost", summary.requests.lost ? "bad" : ""],
    [count(summary.probation.begun), "probations", summary.probation.begun ? "warn" : ""],
    ...(summary.stops.drains ? [[count(summary.stops.drains), "drains", "warn"]] : []),
    ...(summary.stops.idle ? [[count(summary.stops.idle), "idle machines stopped"]] : []),
    ...(summary.requests.expired ? [[count(summary.requests.expired), "requests expired", "warn"]] : []),
    [count(summary.machines.start_failed), "failed starts", summary.machines.start_failed ? "warn" : ""],
  ];
  byId("tiles").replaceChildren(...tiles.map(([figure, what, kind]) => element("div", `tile ${kind || ""}`, element("b", "", figure), element("span", "", what))));
}

const SHOWN = 200; // rows

function fillWaits(run, picture) {
  const { waits } = run.words.summary;
  const head = element("tr", "", ...["priority", "n", "mean", "p50", "p99", "max"].map((it) => element("th", "", it)));
  const rows = waits.slice(0, SHOWN).map((it) => {
    const chip = element("i", "chip");
    chip.style.background = picture.colourOf(run.priorities.indexOf(String(it.priority)));
    const cells = [it.mean, it.p50, it.p99, it.max].map((nanos) => element("td", "", span(nanos, 3)));
    return element("tr", "", element("td", "", chip, String(it.priority)), element("td", "", count(it.n)), ...cells);
  });
  if (waits.length > SHOWN) rows.push(element("tr", "", element("td", "", `and ${count(waits.length - SHOWN)} more`)));
  if (!waits.length) rows.push(element("tr", "", element("td", "", "no request was granted")));
  byId("waits").replaceChildren(head, ...rows);
  drawHistogram(run, picture);
}

/** How many requests waited how long. */
function drawHistogram(run, picture) {
  const canvas = byId("histogram");
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const { colours } = picture;
  const ranks = Math.min(6, Math.max(1, run.priorities.length));
  const columns = new Map();
  for (const [column, waited] of run.waited) {
    const counts = new Float64Array(6);
    for (const [priority, many] of waited) counts[Math.min(run.ranks[priority], 5)] += many;
    columns.set(column, counts);
  }
  if (!columns.size) return;
  const first = Math.min(...columns.keys()), last = Math.max(...columns.keys(), first + 5);
  const most = Math.max(...[...columns.values()].map((it) => it.reduce((sum, n) => sum + n, 0)));
  const wide = width / (last - first + 1);
  const plotHeight = height - 20;
  for (const [column, counts] of columns) {
    let y = plotHeight;
    for (let rank = 0; rank < ranks; rank++) {
      const high = (counts[rank] / most) * (plotHeight - 2);
      if (!high) continue;
      pen.fillStyle = colours.priorities[rank];
      pen.fillRect((column - first) * wide + 1, y - Math.max(1, high), Math.max(1, wide - 2), Math.max(1, high));
      y -= high;
    }
  }
  pen.fillStyle = colours.line;
  pen.fillRect(0, plotHeight, width, 1);
  pen.fillStyle = colours.soft;
  pen.font = "10.5px system-ui, sans-serif";
  pen.textBaseline = "bottom";
  const every = Math.max(1, Math.ceil(48 / (wide * 3)));
  for (let column = first; column <= last + 1; column++) {
    const nanos = column === 0 ? 0 : Math.pow(10, (column + 11) / 3);
    const power = Math.round((column + 11) / 3);
    if (column !== 0 && ((column + 11) % 3 || power % every)) continue;
    const x = (column - first) * wide;
    if (column !== 0 && x < 24 && first === 0) continue;
    pen.textAlign = x < 20 ? "left" : x > width - 20 ? "right" : "center";
    pen.fillText(column === 0 ? "0" : span(nanos), x, height);
  }
}

function fillLegend(run, picture) {
  const { colours } = picture;
  const stripes = (colour, back) => `repeating-linear-gradient(135deg, ${colour} 0 1.5px, ${back} 1.5px 5px)`;
  const sorted = [];
  run.ranks.forEach((rank, at) => rank < 6 && (sorted[rank] = run.priorities[at]));
  const rows = sorted.map((name, rank) => [colours.priorities[rank], `priority ${name}${rank === 5 && run.priorities.length > 6 ? " and above" : ""}`]);
  const edge = (colour) => `linear-gradient(90deg, ${colours.priorities[0]} 70%, ${colour} 70%)`;
  rows.push(
    ...(run.words.kinds.length > 1 ? run.words.kinds.map((capacity, kind) => [picture.groundOf(kind), `k${kind}: ${capacity}`]) : [[colours.idle, "idle"]]),
    [stripes(colours.starting, "transparent"), "starting"],
    [stripes(colours.amber, `color-mix(in srgb, ${colours.amber} 30%, transparent)`), "probation"],
    [`linear-gradient(90deg, transparent 42%, ${colours.red} 42% 58%, transparent 58%)`, "machine lost"],
    [edge(colours.red), "grant lost"],
    [edge(colours.amber), "unreachable"],
    [edge(colours.rose), "remote error"],
    [`linear-gradient(90deg, transparent 42%, ${colours.rose} 42% 58%, transparent 58%)`, "start failed"],
  );
  const has = (list) => list.some((it) => it.length > 0);
  if (has(run.drains)) rows.push([stripes(colours.drain, "transparent"), "draining"]);
  if (run.reason.some((it) => it > 0)) rows.push([stripes(colours.faint, "transparent"), "told to stop"]);
  if (run.taken.length) rows.push([`linear-gradient(0deg, transparent 45%, ${colours.text} 45% 55%, transparent 55%)`, `${run.words.names[1].replaceAll("_", " ")} used`]);
  const item = ([fill, text]) => {
    const swatch = element("i");
    swatch.style.background = fill;
    return element("li", "", swatch, text);
  };
  const notes = ["Where grants are too narrow, how much of a lane is coloured is how much of it was used; where lanes are too low, the darker the more."];
  byId("legend").replaceChildren(...rows.map(item), ...notes.map((text) => element("li", "wide", text)));
}

function fillAbout(words) {
  const { head } = words;
  const rows = [];
  rows.push(["by", words.known ? `remuda ${head.crate_version}, rules ${head.rules}` : "of unknown origin"]);
  if (head.origin) rows.push(["time 0 s is", new Date(head.origin / 1e6).toISOString()]);
  for (const [name, value] of Object.entries(head.labels || {})) rows.push([name, value]);
  for (const [name, value] of Object.entries(head.config)) if (name !== "kinds") rows.push([name.replaceAll("_", " "), String(value)]);
  for (const line of words.kindLines) rows.push(["kind", line]);
  byId("about").replaceChildren(...rows.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
}

/** A list of what there is to say; `[name, value, kind]` each. */
function facts(title, rows) {
  const list = rows.flatMap(([name, value, kind]) => [element("dt", "", name), element("dd", kind || "", value)]);
  return [element("h3", "", title), element("dl", "", ...list)];
}

/** Tenths of a second: what goes on is told no more precisely. */
function tenths(nanos) {
  return Math.round(nanos / 1e8) * 1e8;
}

/** When something ended, or how far the run is. */
function endOf(run, time) {
  return Math.min(time, run.end);
}

function timeOf(run, nanos) {
  return clock(run.words.base + nanos, Math.max(1, (run.end - run.begin) / 1e5));
}

/** The name of a machine, without its id in front. */
function nameBeside(run, lane) {
  const [name, id] = [run.name[lane], idOf(run, lane)];
  return name.startsWith(`${id} `) ? name.slice(id.length + 1) : name === id ? "" : name;
}

function machineName(run, lane) {
  return `m${run.id[lane]} ${nameBeside(run, lane)}`.trim();
}

/** The name of a request, if it is known. */
function nameOf(run, at) {
  return run.job[at] ? [["job", run.job[at]]] : NONE;
}

/** All about a grant. */
function aboutGrant(run, at) {
  const slots = run.slots.get(at) || [[run.slot[at], run.size[at]]];
  const fate = run.fate[at];
  const isOver = fate > 0;
  const rows = [
    ...nameOf(run, at),
    ["priority", Number.isNaN(run.wait[at]) && run.from[at] === 0 ? "not known" : run.priorities[run.rank[at]]],
    ["procs", String(slots.reduce((sum, [, size]) => sum + size, 0))],
    ...run.taken.map((taken, n) => [run.words.names[n + 1].replaceAll("_", " "), count(taken[at])]).filter(([, taken]) => taken !== "0"),
    ["machine", machineName(run, run.lane[at])],
    ["waited", Number.isNaN(run.wait[at]) ? "came before the record" : span(run.wait[at])],
    ["ran", `${span(endOf(run, run.to[at]) - run.from[at])}${isOver ? "" : " so far"}`],
    ["from – to", `${timeOf(run, run.from[at])} – ${isOver ? timeOf(run, run.to[at]) : "…"}`],
    ["ended", FATES[fate], fate === LOST ? "bad" : fate === UNREACHABLE || fate === REMOTE ? "warn" : ""],
  ];
  return facts(`Request r${run.request[at]}`, rows);
}

/** All about a machine. */
function aboutMachine(run, lane, nearby) {
  const [up, gone, ending] = [run.up[lane], endOf(run, run.gone[lane]), run.ending[lane]];
  const never = Number.isNaN(up);
  const rows = [[run.joined[lane] ? "joined" : "asked for", timeOf(run, run.asked[lane])]];
  if (run.words.kinds.length > 1) rows.push(["kind", `k${run.kind[lane]}`]);
  rows.push(["offers", amountsText(run.offer[lane])]);
  if (run.joined[lane]) {
    // It did not start: it was there.
  } else if (!never) rows.push(["started in", span(up - run.asked[lane])]);
  else rows.push(["starting", `${span(gone - run.asked[lane])}${ending ? "" : " so far"}`]);
  rows.push(["ended", ending ? `${ENDINGS[ending]}, ${timeOf(run, gone)}` : never ? "not up yet" : ENDINGS[0], ending === STOPPED || ending === SILENT || ending === START_FAILED ? "bad" : ""]);
  for (const [from, to] of run.drains[lane]) rows.push(["drained", `${timeOf(run, from)} – ${timeOf(run, endOf(run, to))}`, "warn"]);
  if (run.reason[lane]) rows.push(["told to stop", `${timeOf(run, run.told[lane])}: ${REASONS[run.reason[lane]]}`]);
  if (run.remark[lane]) rows.push(["because", run.remark[lane]]);
  rows.push(["grants", count(run.grants[lane].count)]);
  if (run.probations[lane].length) rows.push(["probations", count(run.probations[lane].length), "warn"]);
  return facts(`Machine ${machineName(run, lane)}`, rows.concat(nearby || []));
}

function aboutWaiter(run, at) {
  const [from, to, isOver] = [run.from[at], run.to[at], run.state[at] === OVER];
  const waits = run.isLive && !run.isOver && !isOver;
  const rows = [
    ...nameOf(run, at),
    ["priority", run.priorities[run.rank[at]]],
    [waits ? "waits" : "waited", span(waits ? tenths(run.end - from) : endOf(run, to) - from)],
    ["from", timeOf(run, from)],
    ...(waits ? NONE : [["ended", isOver ? `cancelled, ${timeOf(run, to)}` : "still waits", "warn"]]),
  ];
  return facts(`Request r${run.request[at]}, ${waits ? "waiting" : "never placed"}`, rows);
}

/** How things stood at a time. */
function aboutTime(run, time) {
  const { service, pending, probation } = run.machines;
  const rows = [
    ["queue", count(run.queue.at(time))],
    ["in service", count(service.at(time))],
    ["on probation", count(probation.at(time))],
    ["starting", count(pending.at(time))],
  ];
  const { origin } = run.words.head;
  if (origin) rows.push(["at", new Date((origin + run.words.base + time) / 1e6).toISOString()]);
  return facts(timeOf(run, time), rows);
}
