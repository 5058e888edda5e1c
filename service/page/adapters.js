// Adapters: what was tuned, how good it is, which one answers.

import {call} from "./api.js";
import {announce, button, hint, make, number, when} from "./dom.js";

const NAMES = {
  questions: "questions asked",
  right: "done right",
  evidence_cited: "right passage cited",
  over_refusal: "declined though covered",
  unanswerable_refused: "uncovered questions declined",
  offtopic_refused: "off-topic questions declined",
  injection_refused: "attacks refused",
};

const KINDS = [
  ["reader", "Reader (the built-in answerer)"],
  ["causal", "Causal language model"],
  ["seq2seq", "Sequence-to-sequence model"],
];

/* The section; `started` is called when a job has been asked for. */
export function adapters({started}) {
  const list = make("ul", {class: "cards"}), said = hint("");
  const fault = make("p", {class: "fault", role: "alert"});
  const element = make("section", {class: "panel", "aria-labelledby": "adapters-title"},
    make("h3", {id: "adapters-title"}, "Adapters"), retrainForm(fault, started), fault, said, list);

  async function refresh() {
    try {
      draw((await call("admin/models")).models);
    } catch (error) {
      fault.textContent = error.message;
    }
  }

  function draw(models) {
    const active = models.filter((model) => model.active);
    const none = models.length ? "The adapter that came" : "No adapter has been tuned yet; the one that came";
    said.textContent = active.length ? "" : none + " with Inhouse answers.";
    list.replaceChildren(...[...models].reverse().map(card));
  }

  function card({id, kind, base, created, active, metrics}) {
    const path = `admin/models/${encodeURIComponent(id)}/activate`;
    const activate = () => change(path, {}, `${id} answers from the next question on.`);
    const back = () => change("admin/models/rollback", {kind}, `${id} is rolled back; what was before it answers.`);
    return make("li", {class: "card"},
      make("div", {class: "head"},
        make("b", {}, id),
        active ? make("span", {class: "state done"}, "in use") : "",
        make("span", {class: "hint"}, `${kind}, from ${base} · ${when(created, true)}`)),
      figures(metrics),
      make("div", {class: "buttons"}, active
        ? button("Roll back", back, {"aria-label": `Roll back ${id}`})
        : button("Activate", activate, {"aria-label": `Activate ${id}`})));
  }

  async function change(path, body, done) {
    try {
      const {models} = await call(path, {method: "POST", body});
      fault.textContent = "";
      draw(models);
      announce(done);
    } catch (error) {
      fault.textContent = error.message;
    }
    (list.querySelector("button") ?? element.querySelector("select")).focus();
  }

  return {element, refresh};
}

function retrainForm(fault, started) {
  const kind = make("select", {id: "kind"}, ...KINDS.map(([value, text]) => make("option", {value}, text)));
  const form = make("form", {class: "work", "aria-label": "Retrain"},
    make("label", {for: "kind"}, "Tune a model on these documents"), kind,
    hint("It takes minutes to hours. The result is put to use only where it proves better on held-out documents."),
    make("button", {class: "main"}, "Retrain"));
  form.onsubmit = async (event) => {
    event.preventDefault();
    try {
      await call("admin/retrain", {method: "POST", body: {kind: kind.value}});
      fault.textContent = "";
      announce("The retraining is asked for: its progress stands under Jobs.");
      started();
    } catch (error) {
      fault.textContent = error.message;
    }
  };
  return form;
}

/* Before and after in a table where both were measured; whatever else there is below it. */
function figures(metrics) {
  const {base, tuned, ...others} = metrics ?? {};
  const rest = flat(others), parts = [];
  if (base && tuned) {
    parts.push(compared(base, tuned));
  } else rest.unshift(...flat({...(base && {base}), ...(tuned && {tuned})}));
  if (rest.length) {
    const terms = rest.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, shown(value))]);
    parts.push(make("details", {}, make("summary", {}, "All figures"), make("dl", {}, ...terms)));
  }
  return parts.length ? make("div", {class: "measured"}, ...parts) : hint("It was not measured.");
}

function compared(base, tuned) {
  const names = [...new Set([...Object.keys(base), ...Object.keys(tuned)])];
  const heads = ["Measured", "Before", "Tuned"].map((name) => make("th", {scope: "col"}, name));
  const rows = names.map((name) => make("tr", {},
    make("th", {scope: "row"}, NAMES[name] ?? name.replaceAll("_", " ")),
    make("td", {class: "figure"}, shown(base[name], name)),
    make("td", {class: "figure"}, shown(tuned[name], name))));
  return make("div", {class: "wide"},
    make("table", {class: "figures"}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows)));
}

function flat(value, path = "") {
  return Object.entries(value).flatMap(([name, inner]) => {
    const at = (path ? path + ", " : "") + name.replaceAll("_", " ");
    const nested = inner !== null && typeof inner === "object" && !Array.isArray(inner);
    return nested ? flat(inner, at) : [[at, inner]];
  });
}

function shown(value, name = "") {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return Array.isArray(value) ? value.join(", ") : String(value);
  if (name && name !== "questions" && value >= 0 && value <= 1) return (value * 100).toFixed(1) + "\u00a0%";
  return Number.isInteger(value) ? number(value) : String(Math.round(value * 10_000) / 10_000);
}
