// The conversation on the page: asking, the answer while it is written, and going on with an earlier one.

import {call, events, Fault, request} from "./api.js";
import {showAnswer} from "./answer.js";
import {announce, button, byId, counted, make} from "./dom.js";

const talk = byId("talk"), scroll = byId("scroll"), question = byId("question");
const send = byId("send"), stop = byId("stop");
const state = {conversation: "", messages: [], running: null};

/* An empty page, ready for a new conversation. */
export function begin() {
  state.running?.abort();
  Object.assign(state, {conversation: "", messages: []});
  talk.replaceChildren();
  welcome(true);
}

export const current = () => state.conversation;

/* Shows a conversation that the server keeps. Throws a Fault where it cannot be had. */
export async function reopen(id) {
  const {turns} = await call("v1/conversations/" + encodeURIComponent(id));
  begin();
  state.conversation = id;
  for (const turn of turns) {
    state.messages.push({role: turn.role, content: turn.content});
    const item = add(turn.role === "user" ? "mine" : "theirs", turn.role === "user" ? turn.content : "");
    if (turn.role !== "user") showAnswer(item, turn.content, turn);
  }
  welcome(!turns.length);
  scroll.scrollTop = scroll.scrollHeight;
  announce(`The conversation is open, with ${counted(turns.length, "message")}.`);
}

function welcome(shown) {
  byId("welcome").hidden = !shown;
  talk.hidden = shown;
}

function add(className, text) {
  const speaker = className === "mine" ? "You: " : "Inhouse: ";
  const item = make("li", {class: className},
    make("span", {class: "unseen"}, speaker), make("div", {class: "text"}, text));
  talk.append(item);
  return item;
}

async function ask(text) {
  welcome(false);
  add("mine", text);
  const item = add("theirs", ""), body = item.querySelector(".text");
  item.setAttribute("aria-busy", "true");
  body.append(make("span", {class: "waiting"}, "Looking through the documents …"));
  announce("Looking through the documents.");
  follow();
  const running = state.running = new AbortController();
  try {
    const {answer, last} = await answered(text, body, running.signal);
    state.messages.push({role: "user", content: text}, {role: "assistant", content: answer});
    showAnswer(item, answer, last);
    const sources = last.citations.length ? ` With ${counted(last.citations.length, "source")}.` : "";
    announce(answer.replace(/ ?\[\d+\]/g, "") + sources);
    if (last.conversation_id) keep(last.conversation_id);
  } catch (error) {
    if (error.name === "AbortError") stopped(item, body);
    else failed(item, body, error, text);
  }
  item.removeAttribute("aria-busy");
  if (state.running === running) state.running = null;
  follow();
}

/* The answer's text and the stream's last event. A conversation that the server has forgotten goes on as a
   new one. */
async function answered(text, body, signal) {
  try {
    return await read(await post(text, signal), body);
  } catch (error) {
    if (!state.conversation || error.status !== 404) throw error;
    state.conversation = "";
    return read(await post(text, signal), body);
  }
}

function post(text, signal) {
  const asked = {role: "user", content: text};
  const fields = state.conversation
    ? {messages: [asked], conversation_id: state.conversation}
    : {messages: [...state.messages, asked], store: true};
  return request("v1/chat/completions", {method: "POST", body: {...fields, stream: true}, signal});
}

async function read(response, body) {
  let answer = "", last = null;
  for await (const event of events(response)) {
    if (event.error) throw new Fault(event.error.message);
    const choice = event.choices[0];
    if (choice?.delta.content) {
      answer += choice.delta.content;
      body.textContent = answer;
      follow();
    }
    if (event.citations) last = event;
  }
  if (!last) throw new Fault("The connection was lost before the answer was complete. Ask again.");
  return {answer, last};
}

function keep(id) {
  const fresh = state.conversation !== id;
  state.conversation = id;
  if (fresh) history.replaceState(null, "", "#c-" + encodeURIComponent(id));
  document.dispatchEvent(new CustomEvent("conversation-changed"));
}

function stopped(item, body) {
  if (body.querySelector(".waiting")) body.textContent = "";
  item.append(make("p", {class: "kind"}, "You stopped this answer."));
  announce("Stopped.");
}

function failed(item, body, error, text) {
  if (body.querySelector(".waiting")) body.remove();
  const message = error instanceof Fault ? error.message : "The page met a fault: " + error.message;
  item.classList.add("failed");
  item.append(make("p", {class: "fault"}, message),
    button("Ask again", () => { item.previousElementSibling.remove(); item.remove(); submit(text); }));
  announce(message);
}

/* Keeps the newest line in view, and the question above it, unless the reader has scrolled away. */
let atEnd = true;
scroll.onwheel = scroll.ontouchmove = () => { atEnd = false; };
scroll.onkeydown = () => { atEnd = false; };
function follow() {
  const asked = talk.lastElementChild?.previousElementSibling;
  if (atEnd && asked) scroll.scrollTop = Math.min(scroll.scrollHeight, asked.offsetTop - 16);
}

/* Asks a question, unless one is being answered. */
export async function submit(text) {
  if (!text || state.running) return;
  atEnd = true;
  send.hidden = true;
  stop.hidden = false;
  await ask(text);
  send.hidden = false;
  stop.hidden = true;
  if (!document.querySelector("dialog[open]")) question.focus();
}

stop.onclick = () => state.running?.abort();

byId("ask").onsubmit = (event) => {
  event.preventDefault();
  const text = question.value.trim();
  if (!text || state.running) return;
  question.value = "";
  question.oninput();
  submit(text);
};
question.oninput = () => {
  question.style.height = "auto";
  question.style.height = question.scrollHeight + 2 + "px";
};
question.onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("ask").requestSubmit();
};
byId("examples").onclick = (event) => {
  if (event.target.tagName === "BUTTON") submit(event.target.textContent);
};
