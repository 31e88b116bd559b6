// Shows /api/overview, again every few seconds. All text goes through textContent: nothing that a
// sender wrote is ever read as markup.
"use strict";

const PAUSE_MS = 3000;
const STATES = ["waiting", "sending", "sent", "uncertain", "failed", "cancelled", "skipped"];
const MOVES = {
  uncertain: [["retry", "Send again"], ["mark-sent", "It was sent"], ["cancel", "Cancel"]],
  failed: [["retry", "Try again"]],
};

const at = (id) => document.getElementById(id);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function counted(count, noun) {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

// What stands between backticks is to be typed as it is.
function typed(text) {
  return text.split("`").map((part, n) => (n % 2 ? element("code", part) : part));
}

// The day only where it is not today.
function time(text) {
  if (!text) return element("td", "");
  const moment = new Date(text);
  const today = moment.toDateString() === new Date().toDateString();
  const cell = element("td", today ? moment.toLocaleTimeString() : moment.toLocaleString(), "time");
  cell.title = moment.toLocaleString();
  return cell;
}

function link(path, text) {
  const cell = element("td");
  const made = element("a", text);
  made.href = path;
  cell.append(made);
  return cell;
}

function button(label, path, question) {
  const made = element("button", label);
  made.type = "button";
  made.addEventListener("click", async () => {
    if (question && !confirm(question)) return;
    made.disabled = true;
    await post(path);
    made.disabled = false;
  });
  return made;
}

async function post(path) {
  const answer = await fetch(path, { method: "POST" }).catch(() => null);
  const body = answer ? await answer.json().catch(() => ({})) : {};
  notice(answer && answer.ok ? "" : body.report || body.error || "kabari does not answer");
  await refresh();
}

function notice(text) {
  at("notice").textContent = text;
  at("notice").hidden = !text;
}

function rows(id, list, cells, empty) {
  const made = list.map((item) => {
    const row = element("tr");
    row.append(...cells(item));
    return row;
  });
  if (made.length === 0) {
    const row = element("tr");
    const cell = element("td", empty, "none");
    cell.colSpan = 6;
    row.append(cell);
    made.push(row);
  }
  at(id).closest("table").tHead.hidden = list.length === 0;
  at(id).replaceChildren(...made);
}

const to = (message) => (message.request ? message.request.number : "—");

// What the recipient sees: the file, and the first words.
function says(row) {
  if (!row.request) return element("td", "—", "none");
  const { type, fileName, message } = row.request;
  const file = type && type !== "text" ? [type, fileName].filter(Boolean).join(" ") : "";
  const words = (message || "").trim();
  const cell = element("td", [file, words.split("\n")[0]].filter(Boolean).join(": "), "says");
  cell.title = words;
  return cell;
}

function lane(row) {
  const change = element("td");
  const name = encodeURIComponent(row.instance);
  // Where nothing goes out at all there is nothing to resume.
  change.append(row.stopped && !row.stopped.startsWith("shadow")
    ? button("Resume", `/api/lanes/${name}/resume`)
    : button("Pause", `/api/lanes/${name}/pause`));
  const waits = row.waits.map((wait) => `${wait.whole ? "closed" : "some wait"} until ${new Date(wait.until).toLocaleString()}: ${wait.detail}`);
  const again = row.probe_at ? `; tried again at ${new Date(row.probe_at).toLocaleTimeString()}` : "";
  const state = element("td", "", row.stopped ? "bad" : waits.length ? "waiting" : "sent");
  state.append(...typed(row.stopped ? row.stopped + again : waits.join("\n") || "open"));
  return [element("td", row.instance), state,
    row.next_due ? time(row.next_due) : element("td", "nothing waits", "none"), change];
}

function person(message) {
  const moves = element("td");
  const question = "Wachat may have sent this already. Send it again?";
  // What could not be made cannot be sent as it is: its rule or its event has to change.
  for (const [move, label] of (message.request && MOVES[message.state]) || []) {
    const ask = move === "retry" && message.state === "uncertain" ? question : "";
    moves.append(button(label, `/api/messages/${message.id}/${move}`, ask));
  }
  return [time(message.created_at), link(`/api/messages/${message.id}`, message.rule), element("td", to(message)),
    element("td", message.state, message.state),
    element("td", [message.reason, message.detail].filter(Boolean).join(": "), "why"), moves];
}

function message(row) {
  return [time(row.created_at), link(`/api/messages/${row.id}`, row.rule), element("td", to(row)),
    says(row), element("td", row.reason ? `${row.state} (${row.reason})` : row.state, row.state),
    element("td", row.attempts)];
}

function event(row) {
  return [time(row.received_at), element("td", row.source), element("td", row.kind),
    element("td", row.messages), link(`/api/events/${row.id}`, row.id)];
}

function show(overview) {
  const status = overview.ready ? "ready" : `not ready: store ${overview.store}`;
  at("status").textContent =
    [status, counted(overview.rule_count, "rule"), counted(overview.events_total, "event"), `version ${overview.version}`].join(" · ");
  at("status").className = overview.ready ? "" : "bad";
  at("rules").hidden = overview.rules === "ok";
  at("rules").textContent = "The rule file on disk has problems; the last good one is in force.\n" + overview.rules;
  at("counts").replaceChildren(...STATES.map((state) => {
    const count = overview.counts[state] || 0;
    const item = element("li", undefined, count ? state : "zero");
    item.append(element("b", count), state);
    return item;
  }));
  at("sending").hidden = overview.sending === "ok";
  at("sending").replaceChildren(...typed(overview.sending.charAt(0).toUpperCase() + overview.sending.slice(1)));
  rows("lanes", overview.lanes, lane, "No lane has anything to send.");
  rows("person", overview.needs_person, person, "Nothing. Good.");
  rows("messages", overview.messages, message, "No messages yet.");
  rows("events", overview.events, event, "No events yet.");
}

async function refresh() {
  try {
    const answer = await fetch("/api/overview");
    if (!answer.ok) throw new Error((await answer.json()).error);
    show(await answer.json());
  } catch (error) {
    at("status").textContent = `kabari does not answer (${error.message})`;
    at("status").className = "bad";
  }
}

async function watch() {
  if (!document.hidden) await refresh();
  setTimeout(watch, PAUSE_MS);
}

at("reload").addEventListener("click", () => post("/api/reload"));
watch();
