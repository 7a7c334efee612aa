// The pages work without this file. It keeps them up to date, shows forms in front of the page they
// belong to, and lets the keyboard do the most usual things.
"use strict";

const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];

/** Loads a page of this server; returns its document, its address and whether it was found. */
async function load(address, options = {}) {
  const response = await fetch(address, { credentials: "same-origin", ...options });
  const text = await response.text();
  const page = new DOMParser().parseFromString(text, "text/html");
  return { page, address: response.url, ok: response.ok, text };
}

/* ---- The page follows the pool ---- */

let refreshing = false;
let again = false;

/** Reads the page again and exchanges its content. Focus, scroll and open menus stay. */
async function refresh() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  try {
    const asked = location.href;
    const { page, ok } = await load(asked);
    const fresh = $("#main", page);
    // The person may have gone to another page meanwhile.
    if (fresh && ok && asked === location.href) exchange(fresh, page);
  } catch {
    // The server is away; the events tell when it is back.
  } finally {
    refreshing = false;
    if (again) { again = false; refresh(); }
  }
}

function exchange(fresh, page) {
  const main = $("#main");
  const typing = document.activeElement;
  const kept = typing && main.contains(typing) && typing.id;
  const range = kept && "selectionStart" in typing ? [typing.selectionStart, typing.selectionEnd, typing.value] : null;
  // Parts that are loaded later keep what they show until it is read again.
  for (const part of $$("[data-load]", fresh)) {
    const old = document.getElementById(part.id);
    if (old && old.dataset.load === part.dataset.load && old.dataset.filled) {
      part.replaceChildren(...[...old.childNodes].map((node) => node.cloneNode(true)));
      if (old.dataset.state === part.dataset.state) part.dataset.filled = "1";
    }
  }
  const open = $$("details.menu", main).findIndex((menu) => menu.open);
  main.replaceChildren(...fresh.childNodes);
  const menus = $$("details.menu", main);
  if (open >= 0 && menus[open]) menus[open].open = true;
  const nav = $(".top nav"), freshNav = $(".top nav", page);
  if (nav && freshNav) nav.innerHTML = freshNav.innerHTML;
  const free = $(".free"), freshFree = $(".free", page);
  if (free && freshFree) free.textContent = freshFree.textContent;
  if (kept) {
    const back = document.getElementById(kept);
    if (back) {
      back.focus({ preventScroll: true });
      if (range) { back.value = range[2]; back.setSelectionRange(range[0], range[1]); }
    }
  }
  prepare(main);
}

/** Fills the places that take a while to find out. */
async function fill(place) {
  const address = place.dataset.load;
  place.setAttribute("aria-busy", "true");
  try {
    const { page } = await load(address);
    const part = $("[data-part]", page) || $(".notice", page);
    if (part && document.contains(place)) {
      // What is unfolded stays so.
      const open = new Map($$("details.change", place).map((one) => [$(".path", one)?.textContent, one.open]));
      place.replaceChildren(...part.childNodes);
      place.dataset.filled = "1";
      for (const one of $$("details.change", place)) {
        const was = open.get($(".path", one)?.textContent);
        if (was !== undefined) one.open = was;
      }
    }
  } catch {
    // The link to it is still there.
  }
  place.removeAttribute("aria-busy");
}

function prepare(from) {
  $$("[data-load]", from).filter((place) => !place.dataset.filled).forEach(fill);
  $$("button[data-copy]", from).forEach((button) => { button.hidden = false; });
}

/** Lets the ages of things grow. */
function tick() {
  const units = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  for (const time of $$("time[datetime]")) {
    if (!/(ago|now)$/.test(time.textContent)) continue;
    const seconds = Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000);
    const [unit, length] = units.find(([, length]) => seconds >= length) || [];
    if (!unit) continue;
    const n = Math.floor(seconds / length);
    time.textContent = `${n} ${unit}${n === 1 ? "" : "s"} ago`;
  }
}

setInterval(tick, 10000);

/* ---- Events ---- */

let source = null;
let was = false;

/** Follows the events of the server. A browser keeps few connections to one server, so a page that
 *  is not seen keeps none. */
function listen() {
  if (source || document.hidden) return;
  const live = $("#live");
  const show = (state, text) => { live.className = `live ${state}`; live.firstElementChild.textContent = text; };
  const events = new EventSource("/events");
  source = events;
  events.addEventListener("open", () => {
    show("on", "live");
    live.title = "The page follows the pool";
    if (was) refresh();
    was = true;
  });
  events.addEventListener("error", () => show("lost", "not connected"));
  events.addEventListener("changed", () => refresh());
  events.addEventListener("job", (event) => job(event.data));
  events.addEventListener("stopping", () => { events.close(); show("lost", "dvol ui has ended"); });
}

function unlisten() {
  source?.close();
  source = null;
}

document.addEventListener("visibilitychange", () => { if (document.hidden) unlisten(); else listen(); });
addEventListener("pagehide", unlisten);
addEventListener("pageshow", listen);

/* ---- Commands ---- */

const waiting = new Set();
const away = new Set();

/** Shows what a command says, in the tray or on its own page. */
async function job(number) {
  if (location.pathname.startsWith("/jobs")) { refresh(); return; }
  if (waiting.has(number) || away.has(number)) return;
  waiting.add(number);
  await new Promise((done) => setTimeout(done, 60));
  waiting.delete(number);
  try {
    const { page } = await load(`/jobs/${number}`);
    const card = $("article.job", page);
    if (card) show(card);
  } catch {
    // The events tell when the server is back.
  }
}

function show(card) {
  const tray = $("#tray"), number = card.dataset.job;
  if (away.has(number)) return;
  const old = $(`[data-job="${number}"]`, tray);
  // An older answer may arrive later.
  if (old && ["done", "failed", "poor"].includes(old.dataset.state)) return;
  const over = ["done", "failed", "poor"].includes(card.dataset.state);
  const close = document.createElement("button");
  close.className = "away";
  close.type = "button";
  close.textContent = "✕";
  close.setAttribute("aria-label", "Hide");
  close.addEventListener("click", () => { away.add(number); card.remove(); });
  $("header", card).append(close);
  const asked = old && $("form.question", old);
  if (asked && $("form.question", card)) return;
  if (old) old.replaceWith(card); else tray.append(card);
  if ($("form.question", card)) $("form.question button", card).focus();
  if (card.dataset.state === "done") {
    setTimeout(() => { if (!card.matches(":hover")) { away.add(number); card.remove(); } }, 7000);
  }
  if (over) leave(card);
}

/** Leaves the page of a volume that is gone. */
async function leave(card) {
  const here = location.pathname;
  if (!/^\/v\//.test(here) || card.dataset.state === "failed") return;
  const { ok } = await load(location.href);
  if (!ok) location.assign(card.dataset.back);
}

/* ---- Forms in front of the page ---- */

const dialog = $("#dialog");
let opener = null;

async function open(address) {
  const { page } = await load(address);
  const form = $("form.action", page);
  if (!form) { location.assign(address); return; }
  put(form);
  if (!dialog.open) dialog.showModal();
}

function put(form) {
  dialog.replaceChildren(form);
  const first = $("input[type=text], textarea", form);
  if (first) { first.focus(); first.select?.(); } else { $("button.main", form).focus(); }
  let timer = 0;
  const line = $("[data-line]", form);
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const fields = new URLSearchParams(new FormData(form));
      fields.delete("token");
      const response = await fetch(`${line.dataset.line}?${fields}`);
      const text = await response.text();
      line.classList.toggle("wrong", !response.ok);
      if (text) line.textContent = text;
    }, 100);
  });
}

async function send(form, button) {
  const body = new URLSearchParams(new FormData(form));
  if (button?.name) body.append(button.name, button.value);
  $$("button", form).forEach((one) => { one.disabled = true; });
  let answer;
  try {
    answer = await load(form.action, { method: "POST", body });
  } catch {
    $$("button", form).forEach((one) => { one.disabled = false; });
    return;
  }
  const again = $("form.action", answer.page);
  if (again && !answer.ok) { put(again); return; }
  if (dialog.open) dialog.close();
  const card = $("article.job", answer.page);
  if (card) show(card); else refresh();
}

document.addEventListener("click", (event) => {
  const target = event.target;
  if (!(target instanceof Element)) return;
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
  const link = target.closest("a[data-dialog]");
  if (link && plain) {
    event.preventDefault();
    opener = link;
    link.closest("details.menu")?.removeAttribute("open");
    open(link.href);
    return;
  }
  const again = target.closest("[data-again]");
  if (again && plain && again.closest("[data-load]")) { event.preventDefault(); fill(again.closest("[data-load]")); return; }
  if (target.closest("[data-close]") && dialog.open) { event.preventDefault(); dialog.close(); }
  const copy = target.closest("[data-copy]");
  if (copy) {
    navigator.clipboard?.writeText(copy.dataset.copy).then(() => {
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    });
  }
  if (target === dialog) dialog.close();
  for (const menu of $$("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("dialog form.action, form[data-quiet]")) {
    event.preventDefault();
    send(form, event.submitter);
  } else if (form.matches("form.filter")) {
    event.preventDefault();
    filter();
  }
});

dialog.addEventListener("close", () => {
  dialog.replaceChildren();
  if (opener && document.contains(opener)) opener.focus({ preventScroll: true });
  opener = null;
});

/* ---- The filter of the volumes ---- */

let typed = 0;

function filter() {
  const fields = new URLSearchParams(new FormData($("form.filter")));
  if (!fields.get("q")) fields.delete("q");
  history.replaceState(null, "", fields.size ? `/?${fields}` : "/");
  refresh();
}

document.addEventListener("input", (event) => {
  if (event.target.id !== "filter") return;
  clearTimeout(typed);
  typed = setTimeout(filter, 120);
});

/* ---- The keyboard ---- */

const KEYS = [
  ["/", "Filter the volumes"],
  ["j, k", "Next and previous row"],
  ["Enter", "Open the row"],
  ["c", "Commit"],
  ["r", "Reset"],
  ["b", "New branch"],
  ["u", "Undo"],
  ["g v, g o, g p", "Volumes, operations, pool"],
  ["?", "These keys"],
];

let prefix = "";

function move(step) {
  const rows = $$(".volumes tbody tr, .log > li, .files tbody tr, .operations tbody tr");
  const links = rows.map((row) => $("th a, .subject, a", row)).filter(Boolean);
  const at = links.indexOf(document.activeElement);
  const next = links[Math.min(Math.max(at + step, 0), links.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function help() {
  const table = document.createElement("table");
  for (const [keys, what] of KEYS) {
    const row = table.insertRow();
    const cell = row.insertCell();
    keys.split(", ").forEach((one, n) => {
      if (n) cell.append(", ");
      one.split(" ").forEach((key) => {
        const element = document.createElement("kbd");
        element.textContent = key;
        cell.append(element, " ");
      });
    });
    row.insertCell().textContent = what;
  }
  const title = document.createElement("h1");
  title.textContent = "Keys";
  dialog.replaceChildren(title, table);
  dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (event.metaKey || event.ctrlKey || event.altKey || dialog.open) return;
  if (event.key === "Escape") {
    if (target.id === "filter") target.blur();
    $$("details.menu[open]").forEach((menu) => { menu.open = false; $("summary", menu).focus(); });
    return;
  }
  if (target.matches("input, textarea, select")) return;
  const press = (verb) => { const link = $(`.head a[href^="/do/${verb}"]`); if (link) { event.preventDefault(); link.click(); } };
  if (prefix === "g") {
    prefix = "";
    const to = { v: "/", o: "/operations", p: "/pool" }[event.key];
    if (to) location.assign(to);
    return;
  }
  switch (event.key) {
    case "/": if ($("#filter")) { event.preventDefault(); $("#filter").focus(); $("#filter").select(); } break;
    case "j": move(1); break;
    case "k": move(-1); break;
    case "c": press("commit"); break;
    case "r": press("reset"); break;
    case "b": press("branch"); break;
    case "u": press("undo"); break;
    case "g": prefix = "g"; setTimeout(() => { prefix = ""; }, 900); break;
    case "?": event.preventDefault(); help(); break;
  }
});

prepare(document);
listen();
