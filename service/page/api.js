// Requests to the server that sent this page: with the key where there is one, and faults in whole sentences.

const KEY = "inhouse-key";
const AWAY = "The server cannot be reached. Check your connection and try again; if that does not help, "
  + "tell whoever runs this assistant.";

export const hasKey = () => sessionStorage.getItem(KEY) !== null;
export const keepKey = (key) => sessionStorage.setItem(KEY, key);
export const forgetKey = () => sessionStorage.removeItem(KEY);

export class Fault extends Error {
  constructor(message, status = 0, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/* The response where it is a good one. Throws a Fault otherwise, with status 0 where no server answers. */
export async function request(path, {method = "GET", body, signal} = {}) {
  const headers = {};
  if (hasKey()) headers.Authorization = "Bearer " + sessionStorage.getItem(KEY);
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {method, headers, signal, body: JSON.stringify(body)});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Fault(AWAY);
  }
  if (response.ok) return response;
  throw await fault(response);
}

/* The JSON of a good response. */
export const call = async (path, options) => (await request(path, options)).json();

async function fault(response) {
  const payload = await response.json().catch(() => ({}));
  const {message, code} = payload.error ?? {};
  if (response.status === 401) {
    const wrong = hasKey();
    forgetKey();
    document.dispatchEvent(new CustomEvent("key-needed", {detail: {wrong}}));
    return new Fault("This assistant asks for a key. Enter it, then ask again.", 401, code);
  }
  const wait = response.status === 429 ? response.headers.get("retry-after") : null;
  const later = wait ? ` Try again in ${wait} ${wait === "1" ? "second" : "seconds"}.` : "";
  const told = message ?? `The server answered with status ${response.status}.`;
  return new Fault(told + later, response.status, code);
}

/* The payloads of a stream of server-sent events without the closing [DONE]. Comments are heartbeats. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const {value, done} = await read(reader);
    if (done) return;
    const parts = (rest + value.replaceAll("\r\n", "\n")).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const lines = part.split("\n").filter((line) => line.startsWith("data:"));
      const data = lines.map((line) => line.slice(5).trim()).join("\n");
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

async function read(reader) {
  try {
    return await reader.read();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Fault("The connection was lost before the answer was complete. Ask again.");
  }
}
