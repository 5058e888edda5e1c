// Jobs: what is running, how far it is, what it said, how it ended.

import {call} from "./api.js";
import {announce, button, confirmed, counted, duration, hint, make, number, when} from "./dom.js";

const STATES = {queued: "waiting"}; // the others are shown as they are called
const KINDS = {reindex: "Reindex", retrain: "Retrain", replay: "Replay"};
const CHANGES = ["added", "updated", "moved", "deleted", "unchanged"];
const SHOWN = 3; // besides those that are open

export const isOpen = (job) => job.state === "queued" || job.state === "running";

/* The section; `refresh` says whether a job is open, `ended` is called when one has ended. */
export function jobs({ended}) {
  const list = make("ul", {class: "cards"}), empty = hint("");
  const more = button("Show older jobs", () => { all = true; refresh(); }, {hidden: true});
  const element = make("section", {class: "panel", "aria-labelledby": "jobs-title"},
    make("h3", {id: "jobs-title"}, "Jobs"), empty, list, more);
  const cards = new Map();
  let all = false;

  async function refresh() {
    let found;
    try {
      ({jobs: found} = await call("admin/jobs"));
    } catch (error) {
      empty.textContent = error.status === 404 ? "This server runs no jobs." : error.message;
      empty.hidden = false;
      return true; // look again soon
    }
    found.sort((one, other) => other.created.localeCompare(one.created));
    empty.textContent = "Nothing has run yet. Reindex below after documents have changed.";
    empty.hidden = found.length > 0;
    const shown = found.filter((job, index) => all || index < SHOWN || isOpen(job));
    more.hidden = shown.length === found.length;
    for (const job of shown) {
      const before = cards.get(job.id);
      const entry = before ?? card(job.id, refresh);
      cards.set(job.id, entry);
      if (before && isOpen(before.job) && !isOpen(job)) {
        announce(`${KINDS[job.kind] ?? job.kind}: ${job.state}.`);
        ended();
      }
      entry.update(job);
    }
    const wanted = shown.map((job) => cards.get(job.id).element);
    const same = list.children.length === wanted.length && wanted.every((child, at) => list.children[at] === child);
    if (!same) list.replaceChildren(...wanted); // else the focus stays where it is
    return found.some(isOpen);
  }

  return {element, refresh};
}

function card(id, refresh) {
  const name = make("b"), state = make("span", {class: "state"}), times = make("span", {class: "hint"});
  const bar = make("progress"), how = hint("");
  const result = make("p", {class: "result"}), fault = make("p", {class: "fault"});
  const failures = make("ul", {class: "failures", hidden: true});
  const lines = make("pre", {
    class: "lines",
    tabindex: "0",
    role: "log",
    "aria-live": "off",
    "aria-label": "What the job said",
    hidden: true,
  });
  const showLines = button("Show log", null, {"aria-expanded": "false"}), cancel = button("Cancel");
  const entry = {job: null, element: make("li", {class: "card"},
    make("div", {class: "head"}, name, state, times), bar, how, result, fault, failures,
    make("div", {class: "buttons"}, showLines, cancel), lines)};

  showLines.onclick = () => {
    lines.hidden = !lines.hidden;
    showLines.textContent = lines.hidden ? "Show log" : "Hide log";
    showLines.setAttribute("aria-expanded", String(!lines.hidden));
    readLines();
  };
  cancel.onclick = async () => {
    const kind = KINDS[entry.job.kind] ?? entry.job.kind;
    const text = "What it has done so far is given up; what was in use stays in use.";
    if (!await confirmed(`Cancel ${kind.toLowerCase()}?`, text, "Cancel it")) return;
    cancel.disabled = true;
    try {
      await call("admin/jobs/" + encodeURIComponent(id), {method: "DELETE"});
      announce("The job is being cancelled.");
    } catch (error) {
      fault.textContent = error.message;
      announce(error.message);
      cancel.disabled = false;
    }
    refresh();
  };

  async function readLines() {
    if (lines.hidden) return;
    try {
      const job = await call("admin/jobs/" + encodeURIComponent(id));
      const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
      const said = job.lines.map(({time, line}) => `${when(time)}  ${line}`);
      lines.textContent = said.join("\n") || "Nothing yet.";
      if (atEnd) lines.scrollTop = lines.scrollHeight;
    } catch (error) {
      lines.textContent = error.message;
    }
  }

  entry.update = (job) => {
    entry.job = job;
    const open = isOpen(job), progress = job.progress;
    name.textContent = KINDS[job.kind] ?? job.kind;
    state.textContent = STATES[job.state] ?? job.state;
    state.className = "state " + job.state;
    times.textContent = timesOf(job);
    bar.hidden = !open;
    bar.setAttribute("aria-label", `Progress of ${name.textContent}`);
    if (progress?.total) {
      bar.max = progress.total;
      bar.value = progress.done;
    } else bar.removeAttribute("value");
    how.textContent = open ? howFar(job) : "";
    const {text, failed} = summary(job);
    result.textContent = text;
    failures.hidden = !failed.length;
    failures.replaceChildren(...failed.map(({source, error}) =>
      make("li", {}, make("b", {}, source), ": " + error)));
    fault.textContent = job.error || "";
    cancel.hidden = !open;
    cancel.disabled = Boolean(job.cancel_asked);
    cancel.textContent = job.cancel_asked ? "Being cancelled" : "Cancel";
    readLines();
  };
  return entry;
}

function timesOf({created, started, ended}) {
  const seconds = (new Date(ended) - new Date(started)) / 1000;
  if (ended && started) return `${when(started, true)}, took ${duration(seconds)}`;
  return started ? `since ${when(started, true)}` : `asked for ${when(created, true)}`;
}

function howFar({state, progress}) {
  if (state === "queued") return "It waits for the worker.";
  if (!progress) return "It is getting ready.";
  const {done, total, unit, text, seconds_left: left} = progress;
  const far = total ? `${number(done)} of ${number(total)} ${unit ?? ""}` : done ? `${number(done)} ${unit ?? ""}` : "";
  const soon = left === null || left === undefined ? "" : `about ${duration(left)} left`;
  return [text, far.trim(), soon].filter(Boolean).join(" · ");
}

/* What came out, in a sentence, and the files that could not be read. */
function summary({kind, state, result}) {
  if (state !== "done" || !result) return {text: "", failed: []};
  if (kind === "reindex") {
    const changes = CHANGES.filter((name) => result[name]).map((name) => `${number(result[name])} ${name}`);
    const head = `${counted(result.documents ?? 0, "document")}, ${counted(result.chunks ?? 0, "passage")}`;
    const failed = result.failed ?? [];
    const unread = failed.length ? ` ${counted(failed.length, "file")} could not be read:` : "";
    return {text: `${head}${changes.length ? ": " + changes.join(", ") : ""}.${unread}`, failed};
  }
  if (kind === "replay") return {text: result.verdict ?? "", failed: []};
  const verdict = result.promoted ? "is in use now" : "was not put to use";
  return {text: result.adapter ? `${result.adapter} ${verdict}: ${result.reason}` : "", failed: []};
}
