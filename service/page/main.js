// The page as a whole: which view is shown, and the key where one is asked for.

import {call, Fault, forgetKey, hasKey, keepKey} from "./api.js";
import {announce, byId} from "./dom.js";
import {closeList, markCurrent, refresh} from "./conversations.js";
import {begin, current, reopen} from "./talk.js";

let manage = null; // the module of the Manage view, fetched when somebody may use it

/* Whether this caller may manage; asks for a key where one is needed. */
async function mayManage() {
  try {
    await call("admin/models");
    return true;
  } catch {
    return false;
  }
}

async function start() {
  const may = await mayManage();
  byId("views").hidden = !may;
  byId("forget-key").hidden = !hasKey();
  if (may) manage = await import("./manage.js");
  if (!byId("key").open) await refresh();
  await route();
}

/* #ask, #manage or #c-ID, from the address. Other hashes are places on the page. */
async function route() {
  const wanted = location.hash || "#ask";
  const managing = wanted === "#manage" && manage !== null;
  if (wanted !== "#manage" && wanted !== "#ask" && !wanted.startsWith("#c-")) return;
  closeList();
  byId("ask-view").hidden = managing;
  byId("manage-view").hidden = !managing;
  byId("show-past").classList.toggle("away", managing);
  for (const link of byId("views").children) {
    if ((link.hash === "#manage") === managing) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = managing ? "Manage – Inhouse" : "Inhouse";
  if (managing) {
    manage.show();
    return;
  }
  manage?.hide();
  await showConversation(wanted.startsWith("#c-") ? decodeURIComponent(wanted.slice(3)) : "");
  byId("question").focus();
}

async function showConversation(id) {
  try {
    if (!id) {
      if (location.hash === "#ask" || current()) begin();
    } else if (id !== current()) await reopen(id);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    begin();
    history.replaceState(null, "", "#ask");
    announce(error.status === 404 ? "This conversation has ended or is not yours." : error.message);
  }
  markCurrent();
}

// The key

const keyDialog = byId("key"), secret = byId("secret"), keyFault = byId("key-fault");

document.addEventListener("key-needed", (event) => {
  const {wrong} = event.detail;
  keyFault.textContent = wrong ? "This key is not valid, or not any more. Enter another one." : "";
  secret.setAttribute("aria-invalid", String(wrong));
  byId("forget-key").hidden = true;
  if (!keyDialog.open) keyDialog.showModal();
  secret.focus();
});
byId("key-form").onsubmit = async (event) => {
  event.preventDefault();
  const key = secret.value.trim();
  secret.value = "";
  if (!key) return;
  keepKey(key);
  keyFault.textContent = "";
  try {
    await call("v1/models");
  } catch (error) {
    if (error.status === 401) return; // the dialog says so already
    if (error.status !== 503) { // a server that is not ready yet has looked at the key
      forgetKey();
      keyFault.textContent = error.message;
      secret.focus();
      return;
    }
  }
  keyDialog.close();
  announce("The key is in use.");
  await start();
};
byId("key-cancel").onclick = () => keyDialog.close();
byId("forget-key").onclick = () => {
  forgetKey();
  begin();
  location.hash = "";
  location.reload();
};

byId("new").onclick = () => { if (location.hash === "#ask") route(); }; // else the address changes by itself
addEventListener("hashchange", route);
start();
