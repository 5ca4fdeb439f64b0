// The search: requests by number or by a part of their name, machines by number or by a part of theirs.

const MOST_FOUND = 1000;

/** What a text names: what goes by exactly this first. */
function matches(run, text) {
  const found = [];
  const low = text.toLowerCase();
  const request = (at) => found.push(run.lane[at] === NOWHERE ? { waiter: at, lane: -1, grant: -1 } : { lane: run.lane[at], grant: at });
  const number = /^r?(\d+)$/i.exec(text);
  if (number) {
    const id = run.words.wide ? BigInt(number[1]) : Number(number[1]);
    const ids = run.request.subarray(0, run.count);
    for (let at = ids.indexOf(id); at >= 0; at = ids.indexOf(id, at + 1)) if (run.state[at] !== ABSENT) request(at);
  }
  const machine = /^([mj])(\d+)$/i.test(text);
  for (let lane = 0; lane < run.lanes; lane++) {
    if (machine ? idOf(run, lane) === low : run.name[lane].toLowerCase().includes(low)) found.push({ lane, grant: -1 });
  }
  // A number is a part of too many names.
  const isIn = number || machine ? (name) => name === low : (name) => name.includes(low);
  const names = run.job;
  for (let at = 0; at < names.length && found.length < MOST_FOUND; at++) {
    if (names[at] && isIn(names[at].toLowerCase())) request(at);
  }
  return found.slice(0, MOST_FOUND);
}

/** Searches for what stands in the field, from one to the next; `go` brings us there. */
class Search {
  constructor(run, go) {
    this.run = run;
    this.go = go;
    this.clear();
  }

  clear() {
    [this.text, this.found, this.at] = ["", [], 0];
    byId("found").textContent = "";
  }

  seek(text) {
    text = text.trim();
    if (!text) return this.clear();
    if (text === this.text && this.found.length) this.at = (this.at + 1) % this.found.length;
    else [this.text, this.found, this.at] = [text, matches(this.run, text), 0];
    const { found, at } = this;
    const most = found.length === MOST_FOUND ? "+" : "";
    byId("found").textContent = found.length ? `${at + 1}/${found.length}${most}` : "none";
    if (found.length) this.go(found[at]);
  }
}
