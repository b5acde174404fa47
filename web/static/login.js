// Asks every two seconds how the login stands and shows what changed; without script the page reloads itself.
"use strict";

const PAUSE = 2000;

async function look() {
  const door = document.getElementById("door");
  const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
  if (!answer.ok) return true;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("door");
  if (fresh && fresh.dataset.state !== door.dataset.state) {
    door.replaceWith(document.adoptNode(fresh));
    const onward = document.querySelector("form[data-onward]");
    if (onward) onward.requestSubmit();
  }
  return Boolean(fresh) && (fresh.dataset.state === "shown" || fresh.dataset.state === "scanned");
}

async function wait() {
  const goes = await look().catch(() => true);
  if (goes) setTimeout(wait, PAUSE);
}

setTimeout(wait, PAUSE);
