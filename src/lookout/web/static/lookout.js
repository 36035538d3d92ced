// What the page does besides: times in the reader's zone, the live list, keys, copying. All of it reads without.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  document.documentElement.classList.add("js");

  // Times: in the reader's zone, with UTC when they point at one.
  const two = (number) => String(number).padStart(2, "0");
  const sameDay = (a, b) => a.toDateString() === b.toDateString();
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const clockOf = (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const dayOf = (at) => `${at.getDate()} ${months[at.getMonth()]}`;
  const localOf = (at, now) =>
    sameDay(at, now) ? clockOf(at) : at.getFullYear() === now.getFullYear() ? `${dayOf(at)} ${clockOf(at)}` : `${dayOf(at)} ${at.getFullYear()} ${clockOf(at)}`;
  const utcOf = (at) => `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  const ageOf = (seconds) => {
    for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
    return `${Math.max(0, Math.floor(seconds))} s`;
  };
  // The server's clock decides how old something is: its `now` is in the page.
  let skew = 0;
  const now = () => new Date(Date.now() + skew);
  function tellTimes(root = document) {
    const at = now();
    for (const time of $$("time", root)) {
      const when = new Date(time.dateTime);
      const text = time.classList.contains("then") ? time.textContent : time.classList.contains("ago") ? ageOf((at - when) / 1000)
        : time.classList.contains("clock") ? `${two(when.getHours())}:${two(when.getMinutes())}`
        : time.classList.contains("day") ? time.textContent : localOf(when, at);
      if (time.textContent !== text) time.textContent = text;
      const title = time.classList.contains("ago") ? `${localOf(when, at)} here, ${utcOf(when)}` : utcOf(when);
      if (time.title !== title) time.title = title;
    }
    const clock = $("#clock");
    if (clock) clock.textContent = clockOf(at).slice(0, 5);
  }

  // What is said to those who do not look at the list: little, and not often.
  let saidAt = 0;
  function say(text, { often = false } = {}) {
    if (!often && Date.now() - saidAt < 10000) return;
    saidAt = Date.now();
    $("#say").textContent = text;
  }

  // The live list. The stream says that something has changed; the page reads itself anew, at most once in a while.
  const GAP = 500, QUIET = 35000, REFUSED = 4000, POINTING = 3500, OLD = 300000;
  const shownPart = () => $("[data-live]");
  let connection = null, heardAt = Date.now(), position = null, timer = null, lastRead = Date.now(), reading = false, waiting = 0;
  let pointedAt = 0, did = "";
  const liveElement = () => $("#live");
  function state(word, text) {
    const live = liveElement();
    if (!live) return;
    const words = $("#live-text");
    if (live.dataset.state !== word) live.dataset.state = word;
    if (words.textContent !== text) words.textContent = text;
  }
  function heard(id) {
    heardAt = Date.now();
    if (id !== "") position = Number(id);
    state("live", "live");
  }
  function concerns(changes) {
    const incident = $("#incident");
    return !incident || changes.all || changes.incidents.includes(incident.dataset.id);
  }
  function plan() {
    waiting += 1;
    if (timer === null) timer = setTimeout(read, Math.max(0, lastRead + GAP - Date.now()));
  }
  // Some of what is shown is told by the clock alone: how long ago, what is stale, what was resolved lately.
  function planWhenOld() {
    const isSeen = !document.hidden || !$("#incident");
    if (shownPart() && isSeen && timer === null && !reading && Date.now() - lastRead > OLD) read();
  }
  const isPointing = () => Date.now() - pointedAt < POINTING;
  // A live list has a bound. Who reads below it keeps the rows that are there, until they come up or ask.
  const rowsLimit = () => Number($("#board")?.dataset.rowsLimit ?? Infinity);
  function isBelow() {
    const row = $$("#open-rows > .row")[rowsLimit()];
    return Boolean(row) && row.getBoundingClientRect().top < innerHeight;
  }
  function addressOf(part) {
    const url = new URL(location.href);
    url.hash = "";
    if (part.id === "board") {
      for (const name of ["after", "kind"]) url.searchParams.delete(name);
      url.searchParams.set("rows", Math.min($$("#open-rows > .row").length, rowsLimit()));
    } else if (did) url.searchParams.set("did", did);
    return url.pathname + url.search;
  }
  async function read() {
    timer = null;
    const part = shownPart();
    if (!part || reading) { if (reading) timer = setTimeout(read, GAP); return; }
    // Nothing moves under a pointer that is at work: it waits until that rests, or is asked for.
    if (part.id === "board" && (isPointing() || isBelow())) {
      hold(true);
      timer = setTimeout(read, POINTING / 4);
      return;
    }
    hold(false);
    reading = true;
    lastRead = Date.now();
    waiting = 0;
    const address = addressOf(part);
    // An answer to what is shown no more, because somebody has searched or asked for more rows meanwhile, is dropped.
    let isDropped = false;
    const isStill = () => {
      isDropped = addressOf(part) !== address || isBelow();
      return !isDropped;
    };
    try {
      await htmx.ajax("GET", address, { target: `#${part.id}`, select: `#${part.id}`, swap: "outerMorph show:none", push: "false", isStill });
    } finally {
      reading = false;
      lastRead = Date.now();
    }
    // Refused, or cut off: what has changed is not here yet.
    const reached = Number((shownPart() || part).dataset.position);
    if (timer === null && reached < position) timer = setTimeout(read, isDropped ? GAP : 2000 + Math.random() * 2000);
  }
  function hold(is) {
    const held = $("#held");
    if (!held) return;
    held.hidden = !(is && waiting);
    if (is) held.textContent = waiting === 1 ? "1 change waits: show it" : `${waiting} changes wait: show them`;
  }

  // A row under the pointer stays where it is, also when others come in above it.
  let anchor = null, before = null, toTop = false;
  function mark(event) {
    if (event.detail.ctx?.isStill?.() === false) { event.preventDefault(); return; }
    const row = toTop ? null : $(".entry:hover") || $(".entry.chosen");
    toTop = false;
    anchor = row && row.id ? { id: row.id, top: row.getBoundingClientRect().top } : null;
    before = new Set($$(".row").map((one) => one.id));
  }
  function settle(event) {
    const board = $("#board");
    if (board) {
      document.title = board.dataset.title;
      const icon = $("#icon");
      if (icon.getAttribute("href") !== board.dataset.icon) icon.setAttribute("href", board.dataset.icon);
    }
    tellTimes();
    markChosen();
    leadBack();
    if (!event.detail.ctx?.target?.closest?.(".rows")) readLately();
    if (anchor) {
      const row = document.getElementById(anchor.id);
      const moved = row ? row.getBoundingClientRect().top - anchor.top : 0;
      if (moved && scrollY + moved >= 0) scrollBy({ top: moved, behavior: "instant" });
      anchor = null;
    }
    if (before && before.size) {
      const fresh = $$("#open-rows > .row").filter((row) => !before.has(row.id));
      for (const row of fresh) {
        row.classList.add("fresh");
        setTimeout(() => row.classList.remove("fresh"), 1700);
      }
      if (fresh.length) say(fresh.length === 1 ? `New: ${$(".what a", fresh[0]).textContent}` : `${fresh.length} new incidents`);
    }
    before = null;
  }

  document.addEventListener("htmx:sse:before:connection", (event) => { connection = event.detail.connection; });
  document.addEventListener("htmx:sse:after:connection", () => { heardAt = Date.now(); state("live", "live"); });
  document.addEventListener("htmx:sse:error", (event) => {
    if (event.detail.status === 401) { location.reload(); return; }
    state("lost", "not connected, trying again");
  });
  document.addEventListener("htmx:sse:close", (event) => {
    if (event.detail.reason !== "ended") return;  // its element has gone: another one is there
    state("lost", "not connected, trying again");
    again();
  });
  function again() { setTimeout(() => liveElement() && htmx.trigger(liveElement(), "lookout:connect"), 1000 + Math.random() * 500); }
  document.addEventListener("htmx:error", (event) => {
    if (event.target.id !== "live") return;
    state("lost", "not connected, trying again");
    again();
  });
  document.addEventListener("here", (event) => heard(event.detail.id));
  document.addEventListener("changed", (event) => {
    const changes = JSON.parse(event.detail.data);
    // Positions have no gaps: what does not follow on has been missed, and then everything is looked at.
    const missed = position !== null && changes.after !== position;
    heard(event.detail.id);
    if (missed || concerns(changes)) plan();
  });
  // A connection that says nothing is none, and one that was refused at once is asked for again.
  function watch() {
    const live = liveElement(), quiet = Date.now() - heardAt;
    if (!live || !live.hasAttribute("hx-sse:connect")) return;
    const isOpen = Boolean(live._htmx?.sse);
    if (quiet < (isOpen ? QUIET : REFUSED)) return;
    state("lost", "not connected, trying again");
    heardAt = Date.now();
    if (!isOpen) htmx.trigger(live, "lookout:connect");
    else connection?.reader?.cancel();
  }
  setInterval(() => { watch(); tellTimes(); planWhenOld(); }, 2000);
  addEventListener("offline", () => state("lost", "not connected, trying again"));
  document.addEventListener("htmx:before:swap", mark);
  document.addEventListener("htmx:after:swap", settle);
  for (const name of ["pointermove", "pointerdown"])
    document.addEventListener(name, (event) => { if (event.target.closest && event.target.closest(".entry")) pointedAt = Date.now(); }, { passive: true });

  // What was resolved lately is read when it is unfolded, and again with the list while it is.
  function latelyAddress() {
    const lately = $("#lately");
    if (!lately || !lately.open) return "";
    const url = new URL(lately.dataset.rows, location.href);
    url.searchParams.set("rows", Math.min($$(".row", lately).length, rowsLimit()));
    return url.pathname + url.search;
  }
  function readLately() {
    const address = latelyAddress();
    if (!address) return;
    const isStill = () => latelyAddress() === address;
    htmx.ajax("GET", address, { source: "#lately-rows", target: "#lately-rows", swap: "innerMorph", push: "false", isStill });
  }
  document.addEventListener("toggle", (event) => { if (event.target.id === "lately") readLately(); }, true);

  // Keys
  let chosen = null;
  const rows = () => $$("#board .entry").filter((row) => !row.closest("details:not([open])"));
  const linkOf = (row) => $("a", row);
  function markChosen() {
    for (const row of $$("#board .entry")) row.classList.toggle("chosen", row.id === chosen);
  }
  function move(by) {
    const all = rows();
    if (!all.length) return;
    const place = all.findIndex((row) => row.id === chosen);
    const next = all[place < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(place + by, 0), all.length - 1)];
    chosen = next.id;
    markChosen();
    linkOf(next).focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }
  function acknowledge() {
    const action = $("#do-acknowledge");
    if (action) {
      action.open = true;
      $("button", action).focus();
      return;
    }
    const row = rows().find((one) => one.id === chosen);
    const link = row && linkOf(row);
    if (!link || row.classList.contains("resolved") || row.classList.contains("acked")) {
      if (row) say("It needs no acknowledgement", { often: true });
      return;
    }
    $("#confirm-text").textContent = link.textContent;
    $("#confirm-form").action = `${link.getAttribute("href")}/acknowledge`;
    $("#confirm").showModal();
    $("#confirm-yes").focus();
  }
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "Escape" && typing && typing.id === "q") { typing.blur(); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
    const done = {
      j: () => move(1), k: () => move(-1), a: acknowledge,
      "/": () => $("#q") ? $("#q").select() : (location.href = ($("#up") || $("#leave") || { href: "/" }).href),
      "?": () => $("#help").showModal(),
      u: () => { const up = $("#up"); if (up) up.click(); },
      Enter: () => {
        const row = rows().find((one) => one.id === chosen);
        if (!row || (event.target !== document.body && !row.contains(event.target))) return false;
        linkOf(row).click();
      },
    }[event.key];
    if (done && done() !== false) event.preventDefault();
  });
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest && event.target.closest("#board .entry");
    if (row && row.id !== chosen) { chosen = row.id; markChosen(); }
  });

  // Buttons that open, close and copy
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.opens) document.getElementById(button.dataset.opens).showModal();
    if (button.dataset.closes) document.getElementById(button.dataset.closes).close();
    if (button.id === "held") {
      pointedAt = 0;
      toTop = isBelow();
      if (toTop) scrollTo({ top: 0, behavior: "instant" });
      clearTimeout(timer);
      read();
    }
    if (button.dataset.copies) copy(document.getElementById(button.dataset.copies), button);
  });
  async function copy(source, button) {
    try {
      await navigator.clipboard.writeText(source.textContent);
      say("Copied", { often: true });
    } catch {
      getSelection().selectAllChildren(source);
      say("Selected: copy it with the keyboard", { often: true });
    }
    button.classList.add("primary");
    setTimeout(() => button.classList.remove("primary"), 1200);
  }
  document.addEventListener("submit", async (event) => {
    if (event.target.id !== "confirm-form") return;
    event.preventDefault();
    const form = event.target;
    $("#confirm").close();
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", headers: { "HX-Request": "true" }, body: new URLSearchParams(new FormData(form)) });
      say(answer.ok ? "Acknowledged" : "That did not work: open the incident and look", { often: true });
      if (answer.ok) { pointedAt = 0; plan(); }
    } catch {
      say("Not connected: it was not acknowledged", { often: true });
    }
  });

  // Another time
  function travel() {
    const slider = $("#slider");
    if (!slider || slider.dataset.ready) return;
    slider.dataset.ready = "yes";
    const field = $("#as_of"), text = $("#slider-text"), total = Number(slider.dataset.minutes);
    const start = new Date(slider.dataset.now);
    const at = () => new Date(start.getTime() - (total - Number(slider.value)) * 60000);
    const show = () => {
      const back = total - Number(slider.value);
      text.textContent = back === 0 ? "now" : `${ageOf(back * 60)}${back >= 60 && back % 60 ? ` ${back % 60} min` : ""} ago: ${localOf(at(), now())}`;
      if (back) field.value = inputOf(at());
    };
    field.value = inputOf(new Date(`${field.value}Z`));
    $("#zone").textContent = "in your time";
    slider.addEventListener("input", show);
    slider.addEventListener("change", () => { if (Number(slider.value) < total) go(at()); else go(null); });
    slider.closest("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const exact = new Date(field.value);
      if (!isNaN(exact)) go(exact);
    });
    show();
  }
  const inputOf = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${clockOf(at).slice(0, 5)}`;
  function go(at) {
    const url = new URL(location.href);
    for (const name of ["after", "kind", "rows"]) url.searchParams.delete(name);
    if (at) url.searchParams.set("as_of", at.toISOString().slice(0, 19) + "Z"); else url.searchParams.delete("as_of");
    location.href = url;
  }

  // A browser holds six connections to a plain HTTP server, and somebody opens ten incidents in tabs: one that nobody
  // looks at lets go of its stream, and one that was opened behind the others waits with it. A list counts in its title.
  function waitUntilSeen() {
    const live = liveElement();
    if (!live || !document.hidden || !$("#incident")) return;
    const address = live.getAttribute("hx-sse:connect");
    live.removeAttribute("hx-sse:connect");
    document.addEventListener("visibilitychange", () => {
      live.setAttribute("hx-sse:connect", address);
      htmx.process(live);  // which connects it
    }, { once: true });
  }

  // The way back from an incident leads to the list that one came from: its search, its time, or the wall.
  function listBefore() {
    try {
      const from = document.referrer ? new URL(document.referrer) : null;
      if (from && from.origin === location.origin && from.pathname === "/") sessionStorage.setItem("list", `/${from.search}`);
      return sessionStorage.getItem("list") || "/";
    } catch {
      return "/";  // a browser that keeps nothing
    }
  }
  function leadBack() {
    const up = $("#up");
    if (up) up.href = listBefore();
  }

  function begin() {
    waitUntilSeen();
    leadBack();
    skew = new Date(document.body.dataset.now) - Date.now();
    if (Math.abs(skew) < 2000) skew = 0;
    const part = shownPart();
    if (part && part.dataset.position) position = Number(part.dataset.position);
    const here = new URL(location.href);
    did = here.searchParams.get("did") || "";
    here.searchParams.delete("did");
    if (did) history.replaceState(null, "", here);
    if (liveElement()) state("starting", "connecting");
    tellTimes();
    travel();
  }
  document.addEventListener("htmx:after:swap", travel);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
})();
