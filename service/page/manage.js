// The Manage view: work on the index and the models, documents, adapters. Only an admin key gets here.

import {byId, make} from "./dom.js";
import {adapters} from "./adapters.js";
import {jobs} from "./jobs.js";
import {library} from "./library.js";

const view = byId("manage-view");
let parts = null;
let timer = 0;

/* Shows the view and keeps it fresh while it is shown. */
export function show() {
  if (parts === null) {
    const documents = library({started: () => tick()});
    const models = adapters({started: () => tick()});
    const work = jobs({ended: () => { documents.refresh(); models.refresh(); }});
    parts = {documents, models, work};
    view.append(make("h2", {class: "unseen"}, "Manage"), work.element, documents.element, models.element);
  }
  parts.documents.refresh();
  parts.models.refresh();
  tick();
  view.focus({preventScroll: true});
}

export function hide() {
  clearTimeout(timer);
}

/* Jobs that run are asked for once a second, none are now and then, and nothing while nobody looks. */
async function tick() {
  clearTimeout(timer);
  const running = document.visibilityState === "visible" && await parts.work.refresh();
  clearTimeout(timer);
  if (!view.hidden) timer = setTimeout(tick, running ? 1000 : 10_000);
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && parts !== null && !view.hidden) tick();
});
