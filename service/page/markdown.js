// Markdown as elements: what documents, quotes and written answers need, and nothing that could run.
// Marks that are not understood stay as they are, because a text must never lose a word here.

import {make} from "./dom.js";

const ITEM = /^(\s*)([-*+•]|\d{1,3}[.)])\s+(.*)$/;
const HEADING = /^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const FENCE = /^\s*(```|~~~)/;
const RULE = /^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$/;
const isRow = (line) => line.trimStart().startsWith("|");
const begins = (line) => !line.trim() || isRow(line) || [ITEM, HEADING, FENCE].some((mark) => mark.test(line));

/* Elements for a Markdown text. `words` turns the text of a paragraph, item or cell into nodes. */
export function blocks(text, {level = 3, words = inline} = {}) {
  const lines = text.split("\n"), found = [];
  let at = 0;
  const take = (more) => {
    const taken = [];
    while (at < lines.length && more(lines[at])) taken.push(lines[at++]);
    return taken;
  };
  while (at < lines.length) {
    const line = lines[at], heading = HEADING.exec(line);
    if (!line.trim()) {
      at++;
    } else if (heading) {
      at++;
      found.push(make("h" + Math.min(6, level + heading[1].length - 1), {}, ...words(heading[2])));
    } else if (FENCE.test(line)) {
      at++;
      const code = take((next) => !FENCE.test(next));
      at++;
      found.push(make("pre", {}, make("code", {}, code.join("\n"))));
    } else if (isRow(line)) {
      found.push(table(take(isRow), words));
    } else if (ITEM.test(line)) {
      found.push(list(take((next) => ITEM.test(next) || (/^\s+\S/.test(next) && !FENCE.test(next))), words));
    } else {
      at++;
      found.push(make("p", {}, ...words([line, ...take((next) => !begins(next))].join("\n").trim())));
    }
  }
  return found;
}

function table(rows, words) {
  const body = make("tbody"), head = rows.length > 1 && RULE.test(rows[1]) ? make("thead") : null;
  rows.forEach((line, index) => {
    if (RULE.test(line) && line.includes("-")) return;
    const heads = head !== null && index === 0;
    const cells = line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/);
    const [tag, attributes] = heads ? ["th", {scope: "col"}] : ["td", {}];
    const row = make("tr", {}, ...cells.map((cell) => make(tag, attributes, ...words(cell.trim()))));
    (heads ? head : body).append(row);
  });
  return make("div", {class: "wide"}, make("table", {}, head, body));
}

/* Nested by indentation; a line without a mark goes on with the item above it. */
function list(lines, words) {
  const root = make("div"), open = [{indent: -1, element: root}];
  let texts = null;
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (!item) {
      texts?.append("\n", ...words(line.trim()));
      continue;
    }
    const indent = item[1].length;
    while (open.length > 1 && open.at(-1).indent > indent) open.pop();
    if (open.at(-1).indent < indent) {
      const ordered = /\d/.test(item[2]);
      const element = make(ordered ? "ol" : "ul", ordered ? {start: parseInt(item[2], 10)} : {});
      (open.at(-1).element.lastElementChild ?? open.at(-1).element).append(element);
      open.push({indent, element});
    }
    texts = make("li", {}, ...words(item[3].replace(/^\[[ xX]\]\s+/, "")));
    open.at(-1).element.append(texts);
  }
  return root.childElementCount === 1 ? root.firstElementChild : root;
}

const MARK = new RegExp([
  /(`+)(.+?)\1/, // code
  /!?\[([^\]]*)\]\([^)\s]*(?:\s"[^"]*")?\)/, // a link or an image
  /(\*\*|__)(?=\S)(.+?)(?<=\S)\4/, // strong
  /(?<![\w*])\*(?=[^\s*])([^*]+?)(?<=\S)\*(?![\w*])/, // emphasis
  /\\([\\`*_{}[\]()#+.!|>-])/, // an escape
].map((mark) => mark.source).join("|"), "gs");

/* Bold, emphasis and code as elements, links and escapes as their text. */
export function inline(text) {
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(MARK)) {
    if (found.index > end) nodes.push(text.slice(end, found.index));
    const [whole, , code, link, , strong, emphasis, escaped] = found;
    if (code !== undefined) nodes.push(make("code", {}, code));
    else if (link !== undefined) nodes.push(...inline(link));
    else if (strong !== undefined) nodes.push(make("strong", {}, ...inline(strong)));
    else if (emphasis !== undefined) nodes.push(make("em", {}, ...inline(emphasis)));
    else nodes.push(escaped);
    end = found.index + whole.length;
  }
  if (end < text.length) nodes.push(text.slice(end));
  return nodes;
}
