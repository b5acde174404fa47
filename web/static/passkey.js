// Speaks to the browser's passkeys for the forms that say so; where there are none, those forms stay hidden.
"use strict";

function bytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function asked(options) {
  const named = (one) => ({ ...one, id: bytes(one.id) });
  const found = { ...options, challenge: bytes(options.challenge) };
  if (options.user) found.user = named(options.user);
  if (options.allowCredentials) found.allowCredentials = options.allowCredentials.map(named);
  if (options.excludeCredentials) found.excludeCredentials = options.excludeCredentials.map(named);
  return found;
}

function answered(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    if (form.credential.value) return;
    event.preventDefault();
    const fault = form.querySelector(".fault");
    fault.hidden = true;
    try {
      const publicKey = asked(JSON.parse(form.dataset.options));
      form.credential.value = answered(await navigator.credentials[form.dataset.passkey]({ publicKey }));
      form.requestSubmit();
    } catch {
      fault.hidden = false;
    }
  });
}

if (window.PublicKeyCredential) {
  for (const section of document.querySelectorAll("[data-passkeys]")) section.hidden = false;
}
