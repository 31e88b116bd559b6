// Shows what arrived, live. Text goes into the page as text; the only HTML is the caption, which
// the server made of escaped text.
"use strict";

const KEPT_MAX = 500;
const byId = (id) => document.getElementById(id);
const requests = new Map();
const dispatched = new Map();
const chats = new Map();

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function draw(viewBox, size, paths) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", viewBox);
  svg.setAttribute("width", size[0]);
  svg.setAttribute("height", size[1]);
  svg.setAttribute("aria-hidden", "true");
  for (const attributes of paths) {
    const path = document.createElementNS(space, "path");
    for (const [name, value] of Object.entries(attributes)) path.setAttribute(name, value);
    svg.append(path);
  }
  return svg;
}

const person = { d: "M12 12a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zm0 2c-4.4 0-8.5 2.2-8.5 5.4V21h17v-1.6C20.5 16.2 16.4 14 12 14z", fill: "currentColor" };
const people = { d: "M8.5 11.5a3.6 3.6 0 1 0 0-7.2 3.6 3.6 0 0 0 0 7.2zm7.6 0a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8.5 13.4c-3.6 0-7 1.8-7 4.5V20h14v-2.1c0-2.700-3.400-4.500-7-4.500zm7.900.1c.8.900 1.400 2.300 1.400 3.900V20h5v-2c0-2.500-3.300-4.400-6.400-4.500z", fill: "currentColor" };
const tick = { d: "M1.500 6.500l3.600 3.600L12.500 2", fill: "none", stroke: "currentColor", "stroke-width": "1.700" };

function fileIcon(word) {
  const colours = { PDF: "#e5484d", ZIP: "#8e6f3e", XLS: "#1a7f4b", XLSX: "#1a7f4b", CSV: "#1a7f4b", DOC: "#2b6cb0", DOCX: "#2b6cb0" };
  const svg = draw("0 0 34 42", [34, 42], [
    { d: "M4 0h18l12 12v26a4 4 0 0 1-4 4H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z", fill: colours[word] || "#64748b" },
    { d: "M22 0l12 12H25a3 3 0 0 1-3-3z", fill: "rgb(255 255 255 / 45%)" },
  ]);
  const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
  for (const [name, value] of Object.entries({ x: 17, y: 31, "text-anchor": "middle", fill: "#fff", "font-size": 10, "font-weight": 700 })) text.setAttribute(name, value);
  text.textContent = word;
  svg.append(text);
  return svg;
}

function bytes(size) {
  if (size < 1000) return `${size} B`;
  if (size < 1e6) return `${Math.round(size / 1000)} kB`;
  return `${(size / 1e6).toFixed(1)} MB`;
}

function clock(at) {
  const time = make("time", "", new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = at;
  time.title = new Date(at).toLocaleString();
  return time;
}

function chatOf(to) {
  let chat = chats.get(to.id);
  if (chat) return chat;
  const root = make("article", "chat");
  const head = make("header");
  const avatar = make("div", to.group ? "avatar group" : "avatar");
  avatar.append(draw("0 0 24 24", [24, 24], [to.group ? people : person]));
  const names = make("div");
  const title = make("h2", "", to.group ? `Group ${to.name.replace("@g.us", "")}` : to.name);
  title.title = to.name;
  const sub = make("p", "sub");
  names.append(title, sub);
  head.append(avatar, names);
  const talk = make("ul", "talk");
  talk.tabIndex = 0;
  talk.setAttribute("aria-live", "polite");
  talk.setAttribute("aria-label", `Messages to ${to.name}`);
  root.append(head, talk);
  byId("chats").append(root);
  chat = { root, talk, sub, to, waiting: new Set(), follows: true, top: 0 };
  talk.addEventListener("scroll", () => {
    // A picture that loads moves the end away, but only a person scrolls up.
    const up = talk.scrollTop < chat.top - 2;
    const near = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 60;
    chat.follows = near || (chat.follows && !up);
    chat.top = talk.scrollTop;
  });
  chats.set(to.id, chat);
  showTyping(chat);
  return chat;
}

function showTyping(chat) {
  const typing = chat.waiting.size > 0;
  chat.sub.textContent = typing ? "typing…" : `from ${chat.to.instance}`;
  chat.sub.classList.toggle("typing", typing);
}

function put(chat, element, at) {
  element.dataset.at = Date.parse(at);
  const later = [...chat.talk.children].find((other) => Number(other.dataset.at) > Number(element.dataset.at));
  chat.talk.insertBefore(element, later || null);
  showNewest(chat);
}

// Whoever scrolled up to read is left there.
function showNewest(chat) {
  if (chat.follows) chat.talk.scrollTop = chat.talk.scrollHeight;
}

function mediaOf(message, chat) {
  const { media, kind } = message;
  if (!media) return null;
  const address = `/sandbox/media/${message.id}`;
  if (media.kept && kind === "image" && /^image\/(png|jpeg|webp|gif)$/.test(media.magic || "")) {
    const image = make("img");
    image.src = address;
    image.alt = `Picture, ${bytes(media.size)}`;
    image.addEventListener("load", () => showNewest(chat));
    return image;
  }
  if (media.kept && (kind === "video" || kind === "audio")) {
    const player = make(kind);
    player.controls = true;
    player.preload = "metadata";
    player.src = address;
    return player;
  }
  const name = message.file_name || "Untitled";
  const file = make(media.kept ? "a" : "div", "file");
  if (media.kept) {
    file.href = address;
    file.download = name;
  }
  const dot = name.lastIndexOf(".");
  const ending = dot > 0 && name.length - dot <= 5 ? name.slice(dot + 1).toUpperCase() : "FILE";
  const about = make("div", "about");
  const type = (message.mimetype || media.magic || media.content_type || "").split(";")[0];
  about.append(make("div", "name", name), make("div", "size", [bytes(media.size), ending, type].filter(Boolean).join(" · ")));
  file.append(fileIcon(ending), about);
  return file;
}

function showDispatched(message) {
  if (dispatched.has(message.id)) return;
  const chat = chatOf(message.to);
  const row = make("li", "bubble");
  row.dataset.request = message.request;
  const media = mediaOf(message, chat);
  if (media) row.append(media);
  const words = make("div", "words");
  words.innerHTML = message.html;
  if (message.html) row.append(words);
  const meta = make("div", "meta");
  meta.append(clock(message.at));
  if (message.refused_later) {
    meta.append(make("span", "", "refused"));
  } else {
    const ticks = make("span");
    ticks.title = "accepted; not known to be delivered";
    ticks.append(draw("0 0 14 12", [14, 12], [tick]), make("span", "gone", "accepted"));
    meta.append(ticks);
  }
  row.append(meta);
  put(chat, row, message.at);
  const rows = [row];
  const hints = message.notes.map((note) => [note, "note hint"]);
  if (message.refused_later) hints.push(["WhatsApp refused this message after the 200 (463)", "note bad"]);
  for (const [note, look] of hints) {
    const hint = make("li", look, note);
    put(chat, hint, message.at);
    rows.push(hint);
  }
  dispatched.set(message.id, rows);
  forgetOldest(dispatched);
}

function forgetOldest(map) {
  while (map.size > KEPT_MAX) {
    const [oldest, elements] = map.entries().next().value;
    for (const element of elements) element.remove();
    map.delete(oldest);
  }
}

function showRefused(request) {
  const row = make("li");
  row.append(clock(request.at), make("b", "", String(request.status)), make("code", "", request.path), make("span", "", request.reason || ""));
  byId("refused-list").prepend(row);
  byId("refused").hidden = false;
  return row;
}

function showRequest(request) {
  for (const element of requests.get(request.id) || []) element.remove();
  const elements = [];
  if (request.state === "refused") {
    elements.push(showRefused(request));
  } else if (request.to) {
    const chat = chatOf(request.to);
    if (request.state === "waiting" && request.dispatched === 0) {
      chat.waiting.add(request.id);
      const dots = make("li", "wait");
      dots.setAttribute("aria-label", "typing");
      dots.append(make("i"), make("i"), make("i"));
      put(chat, dots, request.at);
      elements.push(dots);
    } else {
      chat.waiting.delete(request.id);
    }
    if (request.state === "answered" && request.reason) {
      const sent = request.dispatched > 0 ? "Dispatched, but " : "Not dispatched: ";
      const status = request.status && !request.reason.includes(request.status) ? `${request.status} ` : "";
      const note = make("li", "note bad", `${sent}${status}${request.reason}`);
      const bubble = chat.talk.querySelector(`[data-request="${Number(request.id)}"]`);
      put(chat, note, bubble ? new Date(Number(bubble.dataset.at)).toISOString() : request.at);
      elements.push(note);
    }
    showTyping(chat);
  }
  requests.delete(request.id);
  requests.set(request.id, elements);
  forgetOldest(requests);
}

function showCounters(counters) {
  for (const name of ["requests", "dispatched", "failed", "refused"]) {
    byId(`count-${name}`).textContent = counters[name];
    byId(`count-${name}`).parentElement.classList.toggle("some", /failed|refused/.test(name) && counters[name] > 0);
  }
  byId("empty").hidden = counters.requests > 0;
  byId("chats").hidden = counters.requests === 0;
  for (const chat of chats.values()) showNewest(chat);
}

let asking = false;
let again = false;
async function lookAtAll() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    const answer = await fetch("/sandbox/messages");
    const all = await answer.json();
    for (const message of all.dispatched) showDispatched(message);
    for (const request of all.requests) showRequest(request);
    showCounters(all.counters);
  } finally {
    asking = false;
    if (again) { again = false; lookAtAll(); }
  }
}

let counting = null;
function countSoon() {
  counting = counting || setTimeout(async () => {
    counting = null;
    const answer = await fetch("/sandbox/counters");
    showCounters(await answer.json());
  }, 150);
}

function listen() {
  const live = byId("live");
  const changes = new EventSource("/sandbox/events");
  changes.onopen = () => { live.textContent = "live"; live.classList.add("on"); };
  changes.onerror = () => { live.textContent = "reconnecting"; live.classList.remove("on"); };
  changes.addEventListener("reload", () => lookAtAll().catch(() => {}));
  changes.onmessage = (event) => {
    const change = JSON.parse(event.data);
    if (change.request) showRequest(change.request);
    if (change.dispatched) showDispatched(change.dispatched);
    countSoon();
  };
}

const here = location.origin;
byId("example").textContent = `curl ${here}/api/v1/send/media \\
  -H 'Authorization: Bearer anything' -H 'Content-Type: application/json' \\
  -d '{"instanceName": "my_phone", "number": "6281234567890",
       "type": "document", "mimetype": "application/pdf",
       "mediaUrl": "${here}/media/sample/invoice.pdf",
       "fileName": "Invoice-0001.pdf",
       "message": "Hi Dewi, we received *Rp 186.332*."}'`;
byId("settings").textContent = `wachat:\n  base_url: ${here}\n  token: anything\n  instance: my_phone`;
// `/?still` is for pictures: what is there now, and nothing after.
if (location.search === "?still") {
  byId("live").hidden = true;
  lookAtAll();
} else {
  lookAtAll().catch(() => {}).then(listen);
}
