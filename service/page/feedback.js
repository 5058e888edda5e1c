// Whether an answer helped, and what it should have said.

import {call} from "./api.js";
import {announce, button, make} from "./dom.js";

/* Two buttons to rate an answer, and a form for the correction below them. */
export function ratings(interaction) {
  const said = make("span", {class: "said"}), form = correction(interaction, said);
  const buttons = [[1, "Helpful"], [-1, "Not helpful"]].map(([rating, label]) => {
    const rate = button(label, null, {class: "thumb", "aria-pressed": "false"});
    rate.prepend(thumb(rating));
    rate.onclick = async () => {
      const sent = await send({interaction_id: interaction, rating}, said);
      if (!sent) return;
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === rate)));
      form.hidden = rating === 1;
      tell(said, rating === 1 ? "Thank you." : "Thank you. What would have been right?");
      if (rating === -1) form.querySelector("textarea").focus();
    };
    return rate;
  });
  const group = {class: "ratings", role: "group", "aria-label": "Was this answer helpful?"};
  return [make("div", group, ...buttons, said), form];
}

function correction(interaction, said) {
  const right = make("textarea", {rows: "2", maxlength: "20000"});
  const comment = make("textarea", {rows: "1", maxlength: "20000"});
  const form = make("form", {class: "correction", hidden: true, "aria-label": "Correct this answer"},
    make("label", {}, "The right answer", right),
    make("label", {}, "What was wrong (if you like)", comment),
    make("div", {class: "buttons"},
      make("button", {class: "main"}, "Send correction"),
      button("Close", () => { form.hidden = true; tell(said, "Thank you."); })));
  form.onsubmit = async (event) => {
    event.preventDefault();
    const texts = {comment: comment.value.trim(), correction: right.value.trim()};
    if (!texts.comment && !texts.correction) {
      tell(said, "Write the right answer first, or close this.");
      right.focus();
      return;
    }
    if (!await send({interaction_id: interaction, rating: -1, ...texts}, said)) return;
    form.hidden = true;
    tell(said, "Thank you: your correction will help to make the answers better.");
  };
  return form;
}

async function send(body, said) {
  try {
    await call("v1/feedback", {method: "POST", body});
    return true;
  } catch (error) {
    tell(said, error.message);
    return false;
  }
}

function tell(said, text) {
  said.textContent = text;
  announce(text);
}

const SVG = "http://www.w3.org/2000/svg";
const THUMB = "M6 9v8H3V9zm0 0 3.2-6.6c1.2 0 2 .9 2 2.1L10.7 8h4.9c1 0 1.7.9 1.5 1.9l-1.2 5.7a1.8 1.8 0 0 1-1.8 1.4H6";

function thumb(rating) {
  const icon = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  icon.setAttribute("viewBox", "0 0 20 20");
  icon.setAttribute("aria-hidden", "true");
  icon.setAttribute("class", rating === 1 ? "up" : "down");
  path.setAttribute("d", THUMB);
  icon.append(path);
  return icon;
}
