// Small things that every part of the page uses. Text is only ever set as text.

export const byId = (id) => document.getElementById(id);

/* make("p", {class: "hint"}, "text", element): an element with attributes and children.
   Functions are listeners (`onclick`), true and false set and leave out an attribute. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element[name] = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export const button = (text, onclick, attributes = {}) =>
  make("button", {type: "button", onclick, ...attributes}, text);

export const hint = (text, attributes = {}) => make("p", {class: "hint", ...attributes}, text);

/* Says something to people who use a screen reader. */
export function announce(text) {
  const status = byId("status");
  status.textContent = "";
  requestAnimationFrame(() => { status.textContent = text; });
}

/* Asks whether to do what cannot be undone. */
export function confirmed(title, text, yes) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  return new Promise((resolve) => {
    let answer = false;
    byId("confirm-yes").onclick = () => { answer = true; dialog.close(); };
    byId("confirm-no").onclick = () => dialog.close();
    dialog.onclose = () => resolve(answer);
    dialog.showModal();
    byId("confirm-no").focus();
  });
}

const NUMBER = new Intl.NumberFormat("en");
const DAY = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short", year: "numeric"});
const CLOCK = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit"});

export const number = (value) => NUMBER.format(value);

export const counted = (count, one, many = one + "s") => `${number(count)} ${count === 1 ? one : many}`;

/* "14:05" today, else "3 Feb 2026"; with the clock where it is wanted. */
export function when(iso, withClock = false) {
  const date = new Date(iso);
  if (!iso || Number.isNaN(date.getTime())) return "";
  if (date.toDateString() === new Date().toDateString()) return CLOCK.format(date);
  return DAY.format(date) + (withClock ? ", " + CLOCK.format(date) : "");
}

export function duration(seconds) {
  if (seconds < 1) return "under a second";
  if (seconds < 90) return counted(Math.round(seconds), "second");
  if (seconds < 5400) return counted(Math.round(seconds / 60), "minute");
  return counted(Math.round(seconds / 3600), "hour");
}
