"use strict";
// Keeps the page true while it is open. Without this script all works the same, by loading it again.

const LOOK_AGAIN_MS = 30000;
const lost = document.getElementById("lost");
const live = document.getElementById("live");
let looking = false;
let again = false;
let timer = 0;
let failedSince = null;

/** Put a part of the newer page in place of the older, unless somebody is using it just now. */
function renew(old, fresh) {
  if (old.innerHTML === fresh.innerHTML) return;
  if (old.contains(document.activeElement)) {
    document.activeElement.addEventListener("blur", () => setTimeout(look, 50), { once: true });
    return;
  }
  const open = new Set([...old.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
  const typed = new Map([...old.querySelectorAll("input[id], select[id]")].map((one) => [one.id, one.value]));
  if (old.id === "summary") {
    // The sentence stays the same element: what reads it aloud hears of a change only then.
    const sentence = old.querySelector("h1");
    const next = fresh.querySelector("h1");
    if (sentence.textContent !== next.textContent) sentence.textContent = next.textContent;
    next.replaceWith(sentence);
  }
  old.className = fresh.className;
  old.replaceChildren(...fresh.childNodes);
  for (const one of old.querySelectorAll("details > summary")) {
    if (open.has(one.textContent)) one.parentElement.open = true;
  }
  for (const [id, value] of typed) {
    const input = document.getElementById(id);
    if (input) input.value = value;
  }
}

/** Look again, and show what is new. */
async function look() {
  if (looking) { again = true; return; }
  looking = true;
  again = false;
  clearTimeout(timer);
  try {
    const address = new URL(location.href);
    address.searchParams.delete("done");
    const answer = await fetch(address, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(20000) });
    if (answer.redirected) { location.reload(); return; }
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(old.id);
      if (fresh) renew(old, fresh);
    }
    const time = page.querySelector("footer time");
    if (time) document.querySelector("footer time").replaceWith(time);
    document.title = page.title;
    failedSince = null;
    lost.hidden = true;
    live.textContent = ", renewed by itself";
  } catch {
    failedSince = failedSince ?? new Date();
    lost.textContent = `syncd has not answered since ${failedSince.toLocaleTimeString()}: what you see is old. `
      + "Is it running? On the machine: systemctl status syncd";
    lost.hidden = false;
    live.textContent = "";
  } finally {
    looking = false;
    timer = setTimeout(look, again ? 500 : LOOK_AGAIN_MS);
  }
}

/** Listen for changes; whatever ends that, the timer goes on looking. */
function listen() {
  const events = new EventSource("/events");
  let first = true;
  events.addEventListener("changed", () => {
    if (!first) look();
    first = false;
  });
  events.addEventListener("error", () => {
    look();
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, LOOK_AGAIN_MS);
  });
  addEventListener("pagehide", () => events.close(), { once: true });
}

const done = document.getElementById("done");
if (done) {
  const address = new URL(location.href);
  address.searchParams.delete("done");
  history.replaceState(null, "", address);
}
timer = setTimeout(look, LOOK_AGAIN_MS);
listen();
