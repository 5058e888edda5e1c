// The documents that are indexed: find, delete, bring up to date.

import {call} from "./api.js";
import {announce, button, confirmed, counted, hint, make, number, when} from "./dom.js";

const SHOWN = 100;

/* The section; `started` is called when a job has been asked for. */
export function library({started}) {
  let documents = [], all = false;
  const filter = make("input", {type: "search", id: "filter", placeholder: "Title, path or label"});
  const count = hint("", {role: "status"}), fault = make("p", {class: "fault", role: "alert"});
  const rows = make("tbody"), more = button("", () => { all = true; draw(); }, {hidden: true});
  const heads = ["Document", "Passages", "Indexed"].map((name) => make("th", {scope: "col"}, name));
  heads.push(make("th", {scope: "col", class: "last"}, make("span", {class: "unseen"}, "Delete")));
  const table = make("table", {class: "documents"},
    make("caption", {class: "unseen"}, "Indexed documents"), make("thead", {}, make("tr", {}, ...heads)), rows);
  const form = reindexForm(fault, started);
  const element = make("section", {class: "panel", "aria-labelledby": "library-title"},
    make("h3", {id: "library-title"}, "Documents"), form.element, fault,
    make("label", {for: "filter"}, "Find a document"), filter, count, table, more);

  filter.oninput = () => { all = false; draw(); };

  async function refresh() {
    try {
      ({documents} = await call("admin/documents"));
      fault.textContent = "";
    } catch (error) {
      fault.textContent = error.message;
      return;
    }
    form.suggest(documents);
    draw();
  }

  function draw() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = documents.filter((row) => words.every((word) => searched(row).includes(word)));
    const shown = all ? found : found.slice(0, SHOWN);
    rows.replaceChildren(...shown.map(row));
    table.hidden = !found.length;
    more.hidden = shown.length === found.length;
    more.textContent = `Show all ${number(found.length)}`;
    const total = counted(documents.length, "document");
    if (!documents.length) count.textContent = "Nothing is indexed yet. Name a folder above and choose Reindex.";
    else count.textContent = words.length ? `${number(found.length)} of ${total}` : total;
  }

  function row(document) {
    const {title, source, root, chunks, indexed_at: indexed} = document;
    const labels = labelsOf(document.labels);
    return make("tr", {},
      make("th", {scope: "row"},
        make("b", {}, title || source),
        make("span", {class: "hint", title: `${root}/${source}`}, source),
        labels ? make("span", {class: "hint"}, labels) : ""),
      make("td", {class: "figure"}, number(chunks)),
      make("td", {}, when(indexed)),
      make("td", {class: "last"}, button("Delete", () => remove(document), {"aria-label": `Delete ${source}`})));
  }

  async function remove({id, source, title}) {
    const text = `“${title || source}” answers nothing from then on. `
      + "If its file stays in the folder, the next reindex brings it back.";
    if (!await confirmed("Delete this document from the index?", text, "Delete")) return;
    try {
      await call("admin/documents?id=" + encodeURIComponent(id), {method: "DELETE"});
      announce(`${source} is deleted.`);
      await refresh();
    } catch (error) {
      fault.textContent = error.message;
    }
    filter.focus();
  }

  return {element, refresh};
}

const searched = (row) => `${row.title} ${row.source} ${labelsOf(row.labels)}`.toLowerCase();

function labelsOf({collection, tags, language, groups} = {}) {
  const parts = [collection, ...(tags ?? []), language, groups?.length ? "for " + groups.join(", ") : ""];
  return parts.filter(Boolean).join(" · ");
}

function reindexForm(fault, started) {
  const paths = make("textarea", {id: "paths", rows: "2", spellcheck: "false", "aria-describedby": "paths-hint"});
  const full = make("input", {type: "checkbox", id: "full"});
  const element = make("form", {class: "work", "aria-label": "Reindex"},
    make("label", {for: "paths"}, "Folders to bring up to date"), paths,
    hint("One a line, as the server sees them; none means all that are indexed. New and changed files are read, "
      + "removed ones are forgotten.", {id: "paths-hint"}),
    make("label", {class: "check"}, full, "Build everything anew"),
    make("button", {class: "main"}, "Reindex"));
  let suggested = "";
  element.onsubmit = async (event) => {
    event.preventDefault();
    const wanted = paths.value.split("\n").map((line) => line.trim()).filter(Boolean);
    try {
      await call("admin/reindex", {method: "POST", body: {paths: wanted, full: full.checked}});
      fault.textContent = "";
      announce("The reindex is asked for: its progress stands under Jobs.");
      started();
    } catch (error) {
      fault.textContent = error.message;
    }
  };
  /* The folders that are indexed, unless somebody has written something else. */
  const suggest = (documents) => {
    const roots = [...new Set(documents.map((document) => document.root))].join("\n");
    if (paths.value === suggested) paths.value = suggested = roots;
    paths.rows = Math.min(6, Math.max(2, paths.value.split("\n").length));
  };
  return {element, suggest};
}
