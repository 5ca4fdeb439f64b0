// A run that goes on: its server says first how it stands, then what changes, until it is over.

const AGAIN = 3000; // milliseconds, after which a server that refused is asked again
const SAYS = {
  connecting: ["connecting", "The server is asked for the run."],
  live: ["live", "The page follows the run."],
  lost: ["connection lost", "What was heard last is shown. The server is asked again and again."],
  paused: ["paused", "It goes on when the page is seen."],
  over: ["over", "The run is over: nothing changes any more."],
  behind: ["no longer followed", "The run went faster than its server could follow. It goes on."],
};

/** How we stand with the server. */
function say(state) {
  const pill = byId("live");
  document.body.dataset.live = state;
  [pill.textContent, pill.title] = SAYS[state];
  pill.className = state;
  pill.hidden = false;
}

const MOST_SEEN = 5; // pages

/** Pages of a browser that listen at the same time are few, as its connections to a server are: of those that are hidden, the
 *  ones that were seen last. `release` is called when so many others were seen since this one was. */
class Hidden {
  constructor(release) {
    this.id = Math.random();
    this.others = new Set();
    this.channel = new BroadcastChannel("remuda pages");
    this.channel.onmessage = ({ data }) => {
      this.others.add(data);
      if (document.hidden && this.others.size >= MOST_SEEN) release();
    };
    this.seen();
  }

  /** This page is looked at. */
  seen() {
    this.others.clear();
    this.channel.postMessage(this.id);
  }
}

/** Follows a run; `changed` is called after each message. */
class Follower {
  constructor(run, changed) {
    this.run = run;
    this.changed = changed;
    this.source = null;
    this.heard = 0; // when
    this.messages = 0;
    say("connecting");
    const hidden = new Hidden(() => {
      if (!this.source) return;
      this.close();
      say("paused");
    });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      hidden.seen();
      this.open();
    });
    this.open();
  }

  open() {
    if (this.source || this.run.isOver) return;
    const source = (this.source = new EventSource(`events${location.search}`));
    source.onmessage = (event) => this.hear(JSON.parse(event.data));
    source.onerror = () => {
      say("lost");
      if (source.readyState !== EventSource.CLOSED) return;
      // It was refused, and does not try again by itself.
      this.close();
      setTimeout(() => this.open(), AGAIN);
    };
  }

  close() {
    this.source?.close();
    this.source = null;
  }

  hear(message) {
    const bytes = bytesOf(message.numbers);
    // The first message of a connection is the whole run: nothing is left of what was there.
    const isFirst = Boolean(message.live);
    const isOther = isFirst && !this.run.is(message);
    if (isFirst) this.run.reset(message, bytes);
    else this.run.take(message, bytes);
    this.heard = performance.now();
    document.body.dataset.messages = ++this.messages;
    say(message.over || "live");
    if (this.run.isOver) this.close();
    this.changed(isOther);
  }

  /** Between two messages, time goes on. */
  tick() {
    const { run } = this;
    if (run.isOver || !this.source || document.body.dataset.live !== "live") return;
    run.end = Math.max(run.end, run.words.end + (performance.now() - this.heard) * 1e6);
  }
}
