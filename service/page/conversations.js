// The conversations that the server keeps for this asker.

import {call} from "./api.js";
import {announce, button, byId, confirmed, make, when} from "./dom.js";
import {current} from "./talk.js";

const past = byId("past"), list = byId("past-list"), toggle = byId("show-past");

/* Fetches the list anew. A server that keeps no conversations shows no list. */
export async function refresh() {
  let conversations;
  try {
    ({conversations} = await call("v1/conversations"));
  } catch (error) {
    if (error.status === 404 || error.status === 503) past.hidden = toggle.hidden = true;
    return;
  }
  past.hidden = toggle.hidden = false;
  byId("no-past").hidden = conversations.length > 0;
  list.replaceChildren(...conversations.map(entry));
}

/* Says which of them is open. */
export function markCurrent() {
  for (const link of list.querySelectorAll("a")) {
    if (link.hash === "#c-" + encodeURIComponent(current())) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function entry({id, title, updated}) {
  const link = "#c-" + encodeURIComponent(id);
  return make("li", {},
    make("a", {href: link, "aria-current": id === current() ? "true" : null},
      make("span", {class: "title"}, title),
      make("time", {datetime: updated}, when(updated))),
    button("×", () => remove(id, title), {
      class: "quiet",
      title: "Delete",
      "aria-label": "Delete conversation: " + title,
    }));
}

async function remove(id, title) {
  const text = `“${title}” and its answers are deleted for good.`;
  if (!await confirmed("Delete this conversation?", text, "Delete")) return;
  try {
    await call("v1/conversations/" + encodeURIComponent(id), {method: "DELETE"});
  } catch (error) {
    if (error.status !== 404) {
      announce(error.message);
      return;
    }
  }
  if (id === current()) location.hash = "#ask";
  await refresh();
  announce("The conversation is deleted.");
  (list.querySelector("a") ?? byId("new")).focus();
}

export function closeList() {
  past.classList.remove("shown");
  toggle.setAttribute("aria-expanded", "false");
}

toggle.onclick = () => {
  const shown = past.classList.toggle("shown");
  toggle.setAttribute("aria-expanded", String(shown));
  if (shown) byId("new").focus();
};
past.onkeydown = (event) => {
  if (event.key !== "Escape" || !past.classList.contains("shown")) return;
  closeList();
  toggle.focus();
};
document.addEventListener("conversation-changed", refresh);
