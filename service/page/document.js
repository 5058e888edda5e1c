// A document as it is indexed, with the quoted passage highlighted.

import {call} from "./api.js";
import {announce, button, byId, hint, make} from "./dom.js";
import {blocks} from "./markdown.js";

const dialog = byId("document"), shown = byId("document-text"), note = byId("document-note");
const choice = byId("document-choice");
const GONE = "This document is no longer there for you: it was removed, renamed, or is meant for others.";
let latest = 0; // the newest wish, so that a slow answer to an older one is not shown

/* Opens a citation's document, or its copy at another `source`, where the quote stands. */
export async function openDocument(citation, source = citation.source) {
  const wish = ++latest;
  byId("document-title").textContent = citation.title || source;
  byId("document-place").textContent = source;
  shown.replaceChildren(hint("The document is being fetched …"));
  choice.hidden = true;
  say("");
  if (!dialog.open) dialog.showModal();
  try {
    const {documents} = await call("v1/documents/text?source=" + encodeURIComponent(source));
    if (wish !== latest) return;
    show(documents, documents.find((document) => holds(document, citation)) ?? documents[0], citation);
  } catch (error) {
    if (wish !== latest) return;
    shown.replaceChildren();
    say(error.status === 404 ? GONE : error.message);
  }
}

function show(documents, document, citation) {
  byId("document-title").textContent = document.title || document.source;
  shown.replaceChildren(...document.sections.map(section));
  choice.hidden = documents.length < 2;
  choice.replaceChildren(...documents.map((other, index) =>
    button(`${index + 1} of ${documents.length}`, () => show(documents, other, citation), {
      "aria-pressed": String(other === document),
    })));
  const marks = highlight(citation);
  if (!marks.length) {
    say("The quote is not in this document any more: it has been changed since the answer was given.");
    shown.scrollTop = 0;
    shown.focus();
    return;
  }
  say("");
  marks[0].id = "quote";
  marks[0].tabIndex = -1;
  marks[0].focus({preventScroll: true});
  marks[0].scrollIntoView({block: "center"});
  announce("The quoted passage is highlighted: " + marks.map((mark) => mark.textContent).join(" "));
}

function section({heading, text, page}) {
  const names = heading ? heading.split(" > ") : [];
  const element = make("section", {"data-heading": heading});
  if (names.length) {
    const tag = "h" + Math.min(6, names.length + 2);
    element.append(make(tag, {}, names.at(-1), page ? make("small", {}, `page ${page}`) : ""));
  }
  element.append(...blocks(text, {level: Math.min(6, names.length + 3)}));
  return element;
}

function say(text) {
  note.hidden = !text;
  note.textContent = text;
}

// Finding the quote: letters and digits alone count, so that neither white space nor Markdown marks matter.

const LETTERS = /[\p{L}\p{N}]/u;
const letters = (text) => [...text].filter((sign) => LETTERS.test(sign)).join("");
const quoted = (quote) => letters(make("div", {}, ...blocks(quote)).textContent);
const lettersOf = ({text}) => letters(make("div", {}, ...blocks(text)).textContent);

function holds(document, citation) {
  const wanted = quoted(citation.quote);
  return wanted !== "" && document.sections.some((part) => lettersOf(part).includes(wanted));
}

/* Marks the quote, under the heading that was cited where it stands there; returns the marks in order. */
function highlight({quote, heading}) {
  const wanted = quoted(quote), sections = [...shown.children];
  if (!wanted) return [];
  const cited = sections.filter((element) => element.dataset.heading === heading);
  for (const element of [...cited, ...sections]) {
    const marks = mark(element, wanted);
    if (marks.length) return marks;
  }
  return [];
}

function mark(element, wanted) {
  const nodes = [], places = []; // places[i]: the text node and offset of the i-th letter
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let all = "";
  while (walker.nextNode()) {
    const node = walker.currentNode;
    nodes.push(node);
    let offset = 0;
    for (const sign of node.data) {
      if (LETTERS.test(sign)) {
        all += sign;
        for (let unit = 0; unit < sign.length; unit++) places.push([node, offset + unit]);
      }
      offset += sign.length;
    }
  }
  const at = all.indexOf(wanted);
  if (at < 0) return [];
  const [first, from] = places[at], [last, until] = places[at + wanted.length - 1];
  return nodes.slice(nodes.indexOf(first), nodes.indexOf(last) + 1)
    .filter((node) => node.data.trim())
    .map((node) => {
      const end = node === last ? withEnd(node.data, until + 1) : node.data.length;
      return wrap(node, node === first ? from : 0, end);
    });
}

/* With the full stop, bracket or quotation mark that ends the quote. */
const withEnd = (text, end) => end + /^[.!?…:;,)\]"'”’»%€$]*/.exec(text.slice(end))[0].length;

function wrap(node, from, until) {
  const range = document.createRange(), element = make("mark");
  range.setStart(node, from);
  range.setEnd(node, until);
  range.surroundContents(element);
  return element;
}

byId("document-close").onclick = () => dialog.close();
dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
dialog.onclose = () => { latest++; };
