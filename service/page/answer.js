// One answer on the page: its text with numbers that open their sources, the sources, how it was made.

import {button, counted, hint, make} from "./dom.js";
import {openDocument} from "./document.js";
import {ratings} from "./feedback.js";
import {blocks, inline} from "./markdown.js";

const KINDS = {
  no_answer: "Not found in the documents",
  off_topic: "Outside of what I am here for",
  blocked: "Not carried out",
};

/* Fills a list item with a complete answer: text and what the reply or the stored turn says about it. */
export function showAnswer(item, text, reply) {
  const {answer_type: kind, interaction_id: interaction, cached, timings_ms: timings} = reply;
  const sources = reply.citations ?? [], words = (part) => numbered(part, sources);
  const body = make("div", {class: "text"}, ...blocks(text, {level: 4, words}));
  item.classList.toggle("declined", kind in KINDS);
  item.replaceChildren(make("span", {class: "unseen"}, "Inhouse: "));
  if (kind in KINDS) item.append(make("p", {class: "kind"}, KINDS[kind]));
  item.append(body);
  if (sources.length) item.append(list(sources));
  if (timings) item.append(make("p", {class: "made"}, made(timings.total, cached)));
  if (interaction) item.append(...ratings(interaction));
}

function made(ms, cached) {
  const seconds = ms < 1000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;
  return `Answered in ${seconds}${cached && cached !== "none" ? ", as asked before" : ""}.`;
}

/* The text with each [1] as a button that opens the quote in its document. */
function numbered(text, sources) {
  return text.split(/ ?(\[\d+\])/).flatMap((part) => {
    const number = /^\[(\d+)\]$/.exec(part)?.[1];
    const citation = number && sources.find((source) => String(source.id) === number);
    return citation ? numberOf(citation, "Read the quote") : inline(part);
  });
}

function list(sources) {
  return make("section", {class: "sources", "aria-label": "Sources"},
    make("h3", {}, counted(sources.length, "source")),
    make("ol", {}, ...grouped(sources).map(passage)));
}

const PLACE = ["source", "title", "heading", "page"];

/* Quotes that follow each other from one place of one document stand under one title. */
function grouped(sources) {
  const groups = [];
  for (const citation of sources) {
    const before = groups.at(-1)?.[0];
    if (before && PLACE.every((name) => before[name] === citation[name])) groups.at(-1).push(citation);
    else groups.push([citation]);
  }
  return groups;
}

function passage(citations) {
  const {title, heading, source, page} = citations[0];
  const where = [heading, source, page ? `page ${page}` : ""].filter(Boolean).join(" · ");
  return make("li", {},
    make("h4", {}, title || source),
    hint(where),
    make("ol", {class: "quotes"}, ...citations.map(quote)));
}

function quote(citation) {
  const copies = citation.also_in ?? [];
  const links = copies.flatMap((copy, index) => [
    index ? ", " : "",
    button(copy, () => openDocument(citation, copy), {class: "link"}),
  ]);
  return make("li", {"data-id": citation.id},
    numberOf(citation, "Show in its document"),
    make("blockquote", {}, ...blocks(citation.quote, {level: 5})),
    links.length ? make("p", {class: "hint"}, "Also in ", ...links) : "");
}

function numberOf(citation, action) {
  return button(String(citation.id), () => openDocument(citation), {
    class: "number",
    title: `${action}: ${place(citation)}`,
    "aria-label": `Source ${citation.id}: ${place(citation)}. ${action}.`,
  });
}

const place = ({title, heading, source}) => [title || source, heading].filter(Boolean).join(", ");
