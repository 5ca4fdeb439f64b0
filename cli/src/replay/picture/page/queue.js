// The requests that wait, the most urgent first, and why the one that was picked does.

const MOST_WAITING = 50; // are listed

/** Lists them: buttons that stay where they are, so that each can be pressed while the list changes. */
function fillQueue(run) {
  const rows = run.firstWaiting(MOST_WAITING);
  const list = byId("waiting");
  while (list.children.length > rows.length) list.lastChild.remove();
  while (list.children.length < rows.length) list.append(element("li", "", element("button", "", element("b"), element("span"), element("span"))));
  rows.forEach((row, nth) => {
    const button = list.children[nth].firstChild;
    const [id, name, wait] = button.children;
    button.dataset.row = row;
    id.textContent = `r${run.request[row]}`;
    name.textContent = run.job[row] || `priority ${run.priorities[run.rank[row]]}`;
    wait.textContent = span(tenths(run.end - run.from[row]));
  });
  const rest = run.waits - rows.length;
  byId("queue-title").textContent = run.isLive && !run.isOver ? "Waiting" : "Waiting at the end";
  byId("more-waiting").textContent = rest > 0 ? `and ${count(rest)} more` : "";
  byId("queue").hidden = !run.waits;
}

/** Asks the server why a request waits, and shows its answer as text unless another was picked meanwhile. */
class Reasons {
  constructor(run) {
    this.run = run;
    this.picked = 0; // counts
  }

  /** Of the row of a request that waits; -1: nothing is to be shown. */
  async show(row) {
    const picked = ++this.picked;
    const place = byId("why");
    place.hidden = row < 0;
    place.textContent = "";
    if (row < 0) return;
    const id = this.run.request[row];
    if (!this.run.isLive) {
      place.textContent = `remuda replay ${this.run.words.file} --explain ${id} says why.`;
      return;
    }
    place.textContent = "…";
    let text;
    try {
      const answer = await fetch(`explain/${id}${location.search}`);
      text = await answer.text();
      if (answer.ok) text = JSON.parse(text).text;
    } catch {
      text = "The server does not answer.";
    }
    if (picked === this.picked) place.textContent = text;
  }
}
